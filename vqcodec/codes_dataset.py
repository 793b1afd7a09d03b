"""Codes of many scans as a torch dataset."""

from __future__ import annotations

import copy
import os
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from .codes import (
    CodedScan,
    Scans,
    codebooks_of,
    codes_of,
    default_cache,
    embedded,
    model_of,
    one_model,
    scans_in,
)
from .header import FAMILIES
from .registry import LoadedModel
from .vqz import VQZ


class CodesDataset(Dataset[dict[str, Any]]):
    """The index grids of scans that were compressed with one model, frame by frame.

    An item is a dict of

    - ``fine``, ``middle``, ``coarse``: uint8 tensors ``(codes a site, D/f, H/f, W/f)``, with
      f = 4, 16, 64 voxels;
    - with ``embeddings``, ``fine_embedding`` and so on: float32 tensors ``(C, D/f, H/f, W/f)``,
      at every site the sum of the codebook entries that its codes name;
    - ``metadata``: a dict of name, frame, model, shapes and scaling, see
      :meth:`vqcodec.codes.CodedScan.metadata`.

    Constant frames have no codes and are left out. The grids cover the coded box of a scan, which
    is that of its foreground, so brains of different size may have grids of different shape:
    :meth:`of_one_shape` makes batches with the default collation of ``DataLoader`` possible. The
    dataset can be handed to its workers.

    Decoded codes are kept in a cache, so that from the second epoch on they are read as fast as
    the disk allows: as many bytes as there are codes, once for each scan.

    Examples
    --------
    >>> from vqcodec import CodesDataset
    >>> dataset = CodesDataset("study.h5")  # doctest: +SKIP
    >>> dataset[0]["coarse"].shape  # doctest: +SKIP
    torch.Size([32, 3, 4, 3])
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Mapping[str, VQZ],
        *,
        embeddings: bool = False,
        cache: str | os.PathLike[str] | bool = True,
    ) -> None:
        """Read the headers of the scans.

        Parameters
        ----------
        source : path or mapping of str to VQZ
            A folder of VQZ files, an archive, or any mapping, such as an open archive.
        embeddings : bool
            Add the codebook vectors.
        cache : path or bool
            Folder to keep decoded codes in; True for the user's cache folder, False for none.

        Raises
        ------
        OSError, FormatError, LimitExceededError
        UnsupportedError
            Scans of several models, or embeddings of a model without codebooks of vectors.
        ModelUnavailableError
        """
        self._scans: Scans = scans_in(source)
        scans = [CodedScan.of(self._scans, name) for name in self._scans]
        one_model(scans)
        self._items = [
            (scan, frame)
            for scan in scans
            for frame, described in enumerate(scan.header.frames)
            if not described.is_constant
        ]
        if isinstance(cache, bool):
            self._cache = default_cache() if cache else None
        else:
            self._cache = Path(cache)
        self._embeddings = embeddings
        if embeddings and scans:
            _codebooks(self.model)

    def of_one_shape(self) -> CodesDataset:
        """The largest part of the dataset in which all grids have the same shapes."""
        shapes = [grid_key(scan, frame) for scan, frame in self._items]
        commonest = [shape for shape, _ in Counter(shapes).most_common(1)]
        part = copy.copy(self)
        part._items = [
            item for item, shape in zip(self._items, shapes, strict=True) if shape in commonest
        ]
        return part

    @property
    def model(self) -> LoadedModel:
        """The model whose codes these are."""
        scan, _ = self._items[0]
        return model_of(self._scans, scan)

    @property
    def codebooks(self) -> dict[str, NDArray[np.float32]]:
        """The model's codebooks: ``(codes a site, entries, dimensions)`` of each level.

        Raises
        ------
        UnsupportedError
            It has no codebooks of vectors.
        """
        return dict(_codebooks(self.model))

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One frame of one scan.

        Raises
        ------
        IndexError
        OSError, FormatError, ModelUnavailableError
        """
        scan, frame = self._items[index]
        grids = codes_of(self._scans, scan, self._cache)[frame]
        item: dict[str, Any] = {name: torch.from_numpy(grid) for name, grid in grids.items()}
        if self._embeddings:
            codebooks = _codebooks(self.model)
            for name, grid in grids.items():
                item[f"{name}_embedding"] = torch.from_numpy(embedded(grid, codebooks[name]))
        item["metadata"] = scan.metadata(frame)
        return item


def grid_key(scan: CodedScan, frame: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the shapes of a frame's grids depend on: codes a site, and voxels that are decoded."""
    described = scan.header.frames[frame]
    padded = FAMILIES[scan.header.family].padded(described.extent)
    return tuple(described.stages), tuple(padded)


@lru_cache(maxsize=4)
def _codebooks(model: LoadedModel) -> dict[str, NDArray[np.float32]]:
    return codebooks_of(model)
