"""What is decoded of one split, in the form that the context networks read.

Bands are held as their eight interleaved lattices with a border, tile by tile, so that every
input of a whole phase is a view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..layout import BANDS, CORNERS, PHASES
from .companding import Companding, box_sums
from .neighbourhood import (
    CONSTANT_VALUE,
    MAGNITUDE,
    PARENT_MEAN,
    SIGNED,
    STEP_MAX,
    WIDE_GRANDPARENT,
    WIDE_MAX,
    WIDE_OWN,
    WIDE_PARENT,
    WIDE_SIBLINGS,
    Input,
    Surroundings,
    inputs_of,
    lattice_of,
)
from .tiling import Tiling

#: Borders around a parent's tiles: with and without sums over wider windows.
WIDE_BORDER, NARROW_BORDER = 2, 1
MEAN_UNIT = 16
FIXED = ("constant", "step")


class Reading(NamedTuple):
    """Where one input is read; a tuple, since there are hundreds of thousands.

    Attributes
    ----------
    source : ndarray of int8
        ``(tiles, d, h, w)`` with or without borders, ``(tiles,)``, or one value for all.
    start : int
        Flat index into it of the input of the first position.
    """

    source: NDArray[np.int8]
    start: int


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
        self._step = np.array([min(max(step_index >> 3, 0), STEP_MAX)], np.int8)
        self._constant = np.array([CONSTANT_VALUE], np.int8)
        bordered = (len(tiling.chosen), *(n + 2 for n in tiling.lattice))
        self._own = np.zeros((len(BANDS), len(CORNERS), 2, *bordered), np.int8)
        shares = tiling.cut(fractions, border=2).astype(np.int8)
        self._fractions = np.zeros((len(CORNERS), *bordered), np.int8)
        for phase in range(len(PHASES)):
            self._fractions[self._corner(phase)] = lattice_of(shares, phase)
        if ancestors.parent is not None:
            self._parent = np.stack(companding.of(ancestors.parent), axis=1)
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

    def inputs(self, band: int, phase: int) -> tuple[Input, ...]:
        """Columns of :meth:`matrix` for a band and phase."""
        return inputs_of(band, phase, self.around)

    def readings(self, band: int, phase: int) -> Iterator[Reading]:
        """Where the inputs of a band and phase are read, as :meth:`inputs` lists them."""
        for entry in self.inputs(band, phase):
            if entry.kind in FIXED:
                yield Reading(self._constant if entry.kind == "constant" else self._step, 0)
            elif entry.kind == "wide":
                yield Reading(self._wide[entry.column], 0)
            else:
                source, border = self._source(entry)
                yield Reading(source, _start(source.shape[1:], border, entry.shift))

    def places(self, positions: NDArray[np.intp]) -> tuple[NDArray[np.intp], ...]:
        """Tile and place within its lattice of flat indices into the lattices of all tiles."""
        return np.unravel_index(positions, (self._own.shape[3], *self.tiling.lattice))

    def matrix(self, band: int, phase: int, positions: NDArray[np.intp]) -> NDArray[np.int8]:
        """Inputs of some positions, flat indices into the lattices of all tiles.

        Returns
        -------
        ndarray of int8
            ``(len(inputs), len(positions))``.
        """
        places = self.places(positions)
        out = np.empty((len(self.inputs(band, phase)), len(positions)), np.int8)
        corners: dict[tuple[int, ...], NDArray[np.intp]] = {}
        for row, reading in zip(out, self.readings(band, phase), strict=True):
            source = reading.source
            if source.size == 1:
                row[...] = source
                continue
            corner = corners.get(source.shape)
            if corner is None:
                corner = corners[source.shape] = corner_indices(source.shape, places)
            source.reshape(-1)[reading.start :].take(corner, out=row, mode="clip")
        return out

    def _source(self, entry: Input) -> tuple[NDArray[np.int8], int]:
        """Array that an input is read from, with its border."""
        if entry.kind == "parent":
            return self._parent[entry.band, entry.part], self._parent_border
        if entry.kind == "fraction":
            return self._fractions[entry.lattice], 1
        return self._own[entry.band, entry.lattice, entry.part], 1


def corner_indices(shape: tuple[int, ...], places: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """Flat indices of places in a source of this shape, as if it had no borders before them."""
    flat = places[0]
    for axis, side in zip(places[1:], shape[1:], strict=False):
        flat = flat * side + axis
    return flat


@lru_cache(maxsize=4096)
def _start(sides: tuple[int, ...], border: int, shift: tuple[int, ...]) -> int:
    start = 0
    for step, side in zip(shift, sides, strict=True):
        start = start * side + border + step
    return start
