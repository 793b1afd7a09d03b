"""What is decoded of one split, in the form that the context networks read.

Bands are held as their eight interleaved lattices with a border, tile by tile, so that every
input is read at fixed distances from its position.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..layout import BANDS, CORNERS, PHASES
from .companding import Companding, box_sums
from .gathering import gather
from .neighbourhood import (
    CONSTANT_VALUE,
    MAGNITUDE,
    PARENT_MEAN,
    PARTS,
    SIGNED,
    STEP_MAX,
    WIDE_GRANDPARENT,
    WIDE_MAX,
    WIDE_OWN,
    WIDE_PARENT,
    WIDE_SIBLINGS,
    Run,
    Surroundings,
    columns_of,
    lattice_of,
    runs_of,
)
from .tiling import Tiling

#: Borders around a parent's tiles: with and without sums over wider windows.
WIDE_BORDER, NARROW_BORDER = 2, 1
MEAN_UNIT = 16


@dataclass(frozen=True, eq=False)
class Reading:
    """Where some inputs are read.

    Attributes
    ----------
    rows : slice
        Which they are of all inputs.
    source : ndarray of int8
        Blocks of one shape, one behind the other.
    shape : tuple of int
        Of a block: ``(tiles, d, h, w)`` with or without borders, ``(tiles,)``, or ``()`` for one
        value everywhere.
    starts : ndarray of int
        ``(rows,)``, flat indices into the source of the inputs of the first position.
    """

    rows: slice
    source: NDArray[np.int8]
    shape: tuple[int, ...]
    starts: NDArray[np.intp]


@dataclass(frozen=True)
class Ancestors:
    """Coarser splits as the tiles of a split see them.

    Attributes
    ----------
    parent : ndarray of int32 or None
        ``(7, tiles, d, h, w)`` of the next coarser split, with a border.
    parent_cells : ndarray of int64
        ``(tiles,)``, samples of a parent's band, border aside, with any foreground.
    grandparent : ndarray of int32 or None
        The same of the one above, with a border of one; only for models that read it.
    """

    parent: NDArray[np.int32] | None
    parent_cells: NDArray[np.int64]
    grandparent: NDArray[np.int32] | None


def parent_border(companding: Companding) -> int:
    """Samples around a parent's tiles that the inputs reach."""
    return NARROW_BORDER if companding.wide is None else WIDE_BORDER


class SplitContext:
    """Inputs of the networks of one split.

    Parameters
    ----------
    tiling : Tiling
    ancestors : Ancestors
    fractions : ndarray of uint8
        ``(d, h, w)``, foreground eighths of the cells of a band.
    step_index : int
    companding : Companding
    """

    def __init__(
        self,
        tiling: Tiling,
        ancestors: Ancestors,
        fractions: NDArray[np.uint8],
        step_index: int,
        companding: Companding,
    ) -> None:
        self.tiling = tiling
        self._companding = companding
        self._parent_border = parent_border(companding)
        has_wide = companding.wide is not None
        self.around = Surroundings(
            ancestors.parent is not None, ancestors.grandparent is not None, has_wide
        )
        self._step = np.array(min(max(step_index >> 3, 0), STEP_MAX), np.int8)
        self._constant = np.array(CONSTANT_VALUE, np.int8)
        bordered = (len(tiling.chosen), *(n + 2 for n in tiling.lattice))
        self._own = np.zeros((len(BANDS), len(CORNERS), PARTS, *bordered), np.int8)
        shares = tiling.cut(fractions, border=2).astype(np.int8)
        self._fractions = np.zeros((len(CORNERS), *bordered), np.int8)
        for phase in range(len(PHASES)):
            self._fractions[self._corner(phase)] = lattice_of(shares, phase)
        if ancestors.parent is not None:
            self._parent = np.stack(companding.of(ancestors.parent), axis=1)
        self._corners: dict[tuple[int, ...], NDArray[np.intp]] = {}
        self._wide: dict[int, NDArray[np.int8]] = {}
        if has_wide:
            self._sum_ancestors(ancestors)
            self._own_sums = np.zeros((len(tiling.chosen), *tiling.lattice), np.int32)

    def _sum_ancestors(self, ancestors: Ancestors) -> None:
        for band in range(len(BANDS)):
            if ancestors.parent is not None:
                magnitudes = self._parent[band, MAGNITUDE]
                sums = self._companding.of_sum(box_sums(magnitudes, 2 * WIDE_BORDER + 1))
                self._wide[WIDE_PARENT + band] = sums
                d, h, w = (slice(WIDE_BORDER, WIDE_BORDER + n) for n in self.tiling.lattice)
                inner = magnitudes[:, d, h, w]
                total = MEAN_UNIT * inner.sum(axis=(1, 2, 3), dtype=np.int64)
                mean = total // np.maximum(ancestors.parent_cells, 1)
                self._wide[PARENT_MEAN + band] = np.minimum(mean, WIDE_MAX).astype(np.int8)
            if ancestors.grandparent is not None:
                magnitudes = self._companding.of(ancestors.grandparent[band])[0]
                sums = self._companding.of_sum(box_sums(magnitudes, 3))
                self._wide[WIDE_GRANDPARENT + band] = (
                    sums.repeat(2, axis=1).repeat(2, axis=2).repeat(2, axis=3)
                )

    @staticmethod
    def _corner(phase: int) -> int:
        return CORNERS.index(PHASES[phase])

    def store(self, band: int, phase: int, q: NDArray[np.int32]) -> None:
        """Record the coefficients of a phase, ``(tiles, d, h, w)`` of a lattice."""
        magnitude, signed = self._companding.of(q)
        target = self._own[band, self._corner(phase)]
        target[MAGNITUDE, :, 1:-1, 1:-1, 1:-1] = magnitude
        target[SIGNED, :, 1:-1, 1:-1, 1:-1] = signed
        if self.around.has_wide:
            if phase == 0:
                self._own_sums[...] = 0
            self._own_sums += box_sums(target[MAGNITUDE], 3)
            sums = self._companding.of_sum(self._own_sums)
            is_last = phase == len(PHASES) - 1 and band < len(BANDS) - 1
            self._wide[WIDE_SIBLINGS + band if is_last else WIDE_OWN] = sums

    def columns(self, band: int, phase: int) -> NDArray[np.intp]:
        """Columns of the weights that the rows of :meth:`matrix` belong to."""
        return columns_of(band, phase, self.around)

    def readings(self, band: int, phase: int) -> Iterator[Reading]:
        """Where the inputs of a band and phase are read, in the order of :meth:`columns`."""
        for run in runs_of(band, phase, self.around):
            source, border = self._source(run)
            if source.ndim == 0 or run.kind == "wide":
                yield Reading(run.rows, source, source.shape, np.zeros(1, np.intp))
                continue
            shape = source.shape[-4:]
            z, y, x = run.shifts.T + border
            starts = (z * shape[2] + y) * shape[3] + x + run.blocks * math.prod(shape)
            yield Reading(run.rows, source, shape, starts)

    def corners(self, shape: tuple[int, ...]) -> NDArray[np.intp]:
        """Flat index of every position in a block, as if it had no borders before it.

        Parameters
        ----------
        shape : tuple of int
            Of the block; see :class:`Reading`.

        Returns
        -------
        ndarray of int
            One for each flat index into the lattices of all tiles.
        """
        if shape not in self._corners:
            tile, *place = np.indices((self._own.shape[3], *self.tiling.lattice)).reshape(4, -1)
            flat = tile.copy()  # not a view of all four
            for axis, side in zip(place, shape[1:], strict=False):
                flat = flat * side + axis
            self._corners[shape] = flat
        return self._corners[shape]

    def matrix(self, band: int, phase: int, positions: NDArray[np.intp]) -> NDArray[np.int8]:
        """Inputs of some positions, flat indices into the lattices of all tiles.

        Returns
        -------
        ndarray of int8
            ``(len(inputs), len(positions))``.
        """
        out = np.empty((len(self.columns(band, phase)), len(positions)), np.int8)
        places: dict[tuple[int, ...], NDArray[np.intp]] = {}
        for reading in self.readings(band, phase):
            if reading.shape == ():
                out[reading.rows] = reading.source
                continue
            if reading.shape not in places:
                places[reading.shape] = self.corners(reading.shape)[positions]
            gather(reading.source, reading.starts, places[reading.shape], out[reading.rows])
        return out

    def _source(self, run: Run) -> tuple[NDArray[np.int8], int]:
        """Array that inputs are read from, with its border."""
        if run.kind == "own":
            return self._own, 1
        if run.kind == "parent":
            return self._parent, self._parent_border
        if run.kind == "fraction":
            return self._fractions, 1
        if run.kind == "wide":
            return self._wide[int(run.blocks[0])], 0
        return self._constant if run.kind == "constant" else self._step, 0
