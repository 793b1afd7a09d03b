"""The splits of a frame, from the coarsest to the finest, each in the context of the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..layout import BANDS, SPLITS, pads_to_four
from .coder import CodedSplit
from .companding import Companding
from .split_context import Ancestors, SplitContext, parent_border
from .support import coded_support, foreground_fractions
from .tiling import Sides, Tiling, tiled, whole

Places = tuple[Sides, ...] | None

#: Splits of the fine level, the only ones that are cut.
TILED_SPLITS = (0, 1)


@dataclass(frozen=True)
class Coefficients:
    """Quantised coefficients of a frame.

    Attributes
    ----------
    details : tuple of ndarray of int32
        Six arrays ``(7, d, h, w)``, finest split first.
    low_pass : ndarray of int32
        ``(d, h, w)``.
    offsets : tuple of (ndarray of float32 or None)
        Of each split, shaped like its details, in steps: what their contexts add to the
        codebook's entries. Empty where that is not known.
    """

    details: tuple[NDArray[np.int32], ...]
    low_pass: NDArray[np.int32]
    offsets: tuple[NDArray[np.float32] | None, ...] = ()


@dataclass(frozen=True)
class FrameGeometry:
    """What mask and crop say about a frame before any code is read.

    Attributes
    ----------
    foreground : ndarray of bool
        ``(D, H, W)`` of the crop, padded to multiples of four.
    support : tuple of ndarray of bool
        Coded coefficients of each split.
    fractions : tuple of ndarray of uint8
        Foreground eighths of each split's cells.
    """

    foreground: NDArray[np.bool_]
    support: tuple[NDArray[np.bool_], ...]
    fractions: tuple[NDArray[np.uint8], ...]


def frame_geometry(foreground: NDArray[np.bool_]) -> FrameGeometry:
    """Derive what is coded from the foreground of the crop ``(D, H, W)``."""
    padded = np.pad(foreground, pads_to_four(foreground.shape))
    support, _ = coded_support(padded)
    return FrameGeometry(padded, support, foreground_fractions(padded))


class LevelContexts:
    """Contexts of one split after the other; those of the fine level batch by batch of tiles.

    Batches of the fine level may be started and recorded by several threads at once.

    Parameters
    ----------
    companding : Companding
    geometry : FrameGeometry
    step_index : int
    """

    def __init__(self, companding: Companding, geometry: FrameGeometry, step_index: int) -> None:
        self._companding = companding
        self._geometry = geometry
        self._step_index = step_index
        self._details = tuple(
            np.zeros((len(BANDS), *fractions.shape), np.int32) for fractions in geometry.fractions
        )
        self._offsets: dict[int, NDArray[np.float32]] = {}
        self._parents: dict[Places, NDArray[np.int32]] = {}

    def start(self, split: int, places: Places = None) -> tuple[SplitContext, NDArray[np.bool_]]:
        """Context of the next split, and which of its coefficients are coded, tile by tile.

        Parameters
        ----------
        places : tuple of tuple of int, optional
            Tiles that the split is coded in; by default it is not cut.
        """
        fractions = self._geometry.fractions[split]
        tiling = self._tiling(split, places)
        ancestors = self._ancestors(split, tiling, places)
        context = SplitContext(tiling, ancestors, fractions, self._step_index, self._companding)
        return context, tiling.cut(self._geometry.support[split])

    def record(self, split: int, context: SplitContext, coded: CodedSplit, places: Places) -> None:
        """Take note of a split."""
        context.tiling.place(coded.q, self._details[split])
        if coded.offsets is not None:
            if split not in self._offsets:
                self._offsets.setdefault(split, np.zeros(self._details[split].shape, np.float32))
            context.tiling.place(coded.offsets, self._offsets[split])
        if places is not None and split == TILED_SPLITS[-1]:
            self._parents[places] = coded.q
        else:
            self._parents.pop(places, None)

    def _tiling(self, split: int, places: Places) -> Tiling:
        shape = self._geometry.fractions[split].shape
        if places is not None:
            return tiled(shape, split, places)
        return whole(shape, 2 if self._companding.wide is None else 4)

    def _ancestors(self, split: int, tiling: Tiling, places: Places) -> Ancestors:
        if split + 1 == SPLITS:
            return Ancestors(None, np.zeros(len(tiling.chosen), np.int64), None)
        border = parent_border(self._companding)
        if places is not None and split + 1 in TILED_SPLITS:
            parent = np.pad(self._parents[places], [(0, 0)] * 2 + [(border, border)] * 3)
        else:
            parent = tiling.cut(self._details[split + 1], 2, border)
        shares = tiling.cut(self._geometry.fractions[split + 1], 2)
        cells = np.count_nonzero(shares, axis=(1, 2, 3)).astype(np.int64)
        grandparent = None
        if self._companding.wide is not None and split + 2 < SPLITS:
            grandparent = tiling.cut(self._details[split + 2], 4, 1)
        return Ancestors(parent, cells, grandparent)

    def coefficients(self, low_pass: NDArray[np.int32]) -> Coefficients:
        """Everything coded, on whole bands; zero in tiles that were not."""
        offsets = tuple(self._offsets.get(split) for split in range(SPLITS))
        return Coefficients(self._details, low_pass, offsets)
