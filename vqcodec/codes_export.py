"""Codes of many scans as arrays in files that other programs read. Torch-free."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np

from . import __version__
from .codes import CodedScan, Grids, Scans, codebooks_of, one_model
from .errors import UnsupportedError
from .formats.archive_names import path_below
from .formats.atomic import appears_whole, write_atomically
from .formats.careful_stream import careful_stream
from .layout import LEVEL_NAMES
from .registry import LoadedModel
from .zarr_folder import zarr_folder


@dataclass(frozen=True)
class ExportItem:
    """One frame of one scan, as it is exported.

    Attributes
    ----------
    scan : CodedScan
    frame : int
    """

    scan: CodedScan
    frame: int

    @property
    def name(self) -> str:
        """Name of the scan without its suffix; with the frame's number, if it has several."""
        name = self.scan.name
        stem = name[: -len(".vqz")] if name.lower().endswith(".vqz") else name
        several = len(self.scan.header.frames) > 1
        return f"{stem}_frame-{self.frame:04d}" if several else stem

    @property
    def metadata(self) -> str:
        """What the header says, and the SHA-256 of all codes of the scan, as JSON."""
        sha256 = self.scan.header.codes_sha256
        return json.dumps(
            {**self.scan.metadata(self.frame), "codes_sha256": sha256}, sort_keys=True
        )


class Sink(Protocol):
    """Where codes go."""

    def holds(self, item: ExportItem) -> bool:
        """Whether an item is there already, from a run that did not end."""

    def put(self, item: ExportItem, grids: Grids) -> None:
        """Write the grids of one more item."""


def items_of(scans: Scans, name: str) -> list[ExportItem]:
    """The frames of a scan that have codes.

    Raises
    ------
    OSError, FormatError, LimitExceededError
    UnsupportedError
        None of its frames has codes, among other reasons.
    """
    scan = CodedScan.of(scans, name)
    items = [
        ExportItem(scan, frame)
        for frame, described in enumerate(scan.header.frames)
        if not described.is_constant
    ]
    if not items:
        kept = "lossless or within a bound" if scan.header.voxels is not None else "constant"
        raise UnsupportedError(f"{name}: holds no codes, its voxels are kept {kept}")
    return items


def sink_for(
    output: Path, items: list[ExportItem], model: LoadedModel, overwrite: bool
) -> AbstractContextManager[Sink]:
    """What ``output`` names: an HDF5 file (.h5), a Zarr folder (.zarr), or a folder of .npz files.

    Parameters
    ----------
    output : Path
    items : list of ExportItem
        All that will be put.
    model : LoadedModel
        The model of all of them.
    overwrite : bool
        Replace what is there.

    Raises
    ------
    UnsupportedError
        The items are of several models.
    VqzError
        zarr is not installed.
    FileExistsError, OSError
    """
    one_model([item.scan for item in items])
    suffix = output.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        return _hdf5_file(output, len(items), model, overwrite)
    if suffix == ".zarr":
        return _zarr(output, len(items), model, overwrite)
    return _folder(output, model, overwrite)


def _about(model: LoadedModel) -> dict[str, str]:
    return {
        "format": "vqcodec codes",
        "model": model.id,
        "model_sha256": model.sha256,
        "family": model.family,
        "software": f"vqcodec {__version__}",
    }


def _codebooks(model: LoadedModel) -> Mapping[str, Any]:
    try:
        return codebooks_of(model)
    except UnsupportedError:
        return {}


class _Stack:
    """Arrays ``(items, codes a site, D/f, H/f, W/f)``, made when the first item comes."""

    def __init__(self, count: int, create: Any, check: Callable[[], None]) -> None:
        self.count = count
        self.create = create
        self.check = check
        self.arrays: dict[str, Any] = {}
        self.put_so_far: list[ExportItem] = []

    def holds(self, item: ExportItem) -> bool:
        return False

    def put(self, item: ExportItem, grids: Grids) -> None:
        for level in LEVEL_NAMES:
            grid = grids[level]
            if level not in self.arrays:
                shape, chunks = (self.count, *grid.shape), (1, *grid.shape)
                self.arrays[level] = self.create(level, shape, chunks)
            expected = self.arrays[level].shape[1:]
            if grid.shape != expected:
                raise UnsupportedError(
                    f"{item.name}: {level} codes of shape {grid.shape}, where those of "
                    f"{self.put_so_far[0].name} have {expected}: export to a folder of .npz files"
                )
        row = len(self.put_so_far)
        for level in LEVEL_NAMES:
            self.arrays[level][row] = grids[level]
        self.check()
        self.put_so_far.append(item)

    def trim(self) -> None:
        """Forget the rows of items that never came."""
        for array in self.arrays.values():
            array.resize((len(self.put_so_far), *array.shape[1:]))


@contextmanager
def _hdf5_file(output: Path, count: int, model: LoadedModel, overwrite: bool) -> Iterator[Sink]:
    import h5py

    with (
        appears_whole(output, overwrite) as temporary,
        careful_stream(temporary) as stream,
    ):
        with h5py.File(stream, "w") as file:

            def create(name: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> Any:
                maximum = (None, *shape[1:])
                return file.create_dataset(name, shape, "u1", chunks=chunks, maxshape=maximum)

            file.attrs.update(_about(model))
            for level, codebook in _codebooks(model).items():
                file[f"codebooks/{level}"] = codebook
            stack = _Stack(count, create, stream.check)
            yield stack
            stack.trim()
            for name in ("name", "metadata"):
                values = [getattr(item, name) for item in stack.put_so_far]
                file.create_dataset(name, data=values, dtype=h5py.string_dtype())
        stream.check()
        os.fsync(stream.fileno())


@contextmanager
def _zarr(output: Path, count: int, model: LoadedModel, overwrite: bool) -> Iterator[Sink]:
    with zarr_folder(output, overwrite) as group:

        def create(name: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> Any:
            return group.create_array(name, shape=shape, chunks=chunks, dtype="u1")

        group.attrs.update(_about(model))
        for level, codebook in _codebooks(model).items():
            group.create_array(f"codebooks/{level}", data=codebook)
        stack = _Stack(count, create, lambda: None)  # zarr raises by itself
        yield stack
        stack.trim()
        group.attrs["name"] = [item.name for item in stack.put_so_far]
        group.attrs["metadata"] = [json.loads(item.metadata) for item in stack.put_so_far]


class _Folder:
    """One ``.npz`` file for each item, in folders like those of the scans.

    What an earlier run has written stays, if it is of the same codes.
    """

    def __init__(self, output: Path, overwrite: bool) -> None:
        self.output = output
        self.overwrite = overwrite

    def holds(self, item: ExportItem) -> bool:
        return not self.overwrite and self._text(item.name, "metadata") == item.metadata

    def put(self, item: ExportItem, grids: Grids) -> None:
        self.write(item.name, {**grids, "metadata": np.array(item.metadata)})

    def write(self, name: str, arrays: Mapping[str, Any]) -> None:
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        path = self._path(name)
        if not self.overwrite and os.path.lexists(path):
            raise UnsupportedError(
                f"{path} exists already and is of something else (-f overwrites it)"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, stream.getvalue(), overwrite=self.overwrite)

    def write_codebooks(self, model: LoadedModel) -> None:
        about = json.dumps(_about(model))
        if self.overwrite or self._text("codebooks", "about") != about:
            self.write("codebooks", {**_codebooks(model), "about": np.array(about)})

    def _path(self, name: str) -> Path:
        return path_below(self.output, f"{name}.npz")

    def _text(self, name: str, key: str) -> str | None:
        try:
            with np.load(self._path(name), allow_pickle=False) as file:
                return str(file[key])
        except (OSError, BadZipFile, KeyError, ValueError, EOFError):
            return None


@contextmanager
def _folder(output: Path, model: LoadedModel, overwrite: bool) -> Iterator[Sink]:
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(output))
    os.makedirs(output, exist_ok=True)
    folder = _Folder(output, overwrite)
    folder.write_codebooks(model)
    yield folder
