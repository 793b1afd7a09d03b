"""Tiles: blocks of a band that are coded on their own, a batch at a time.

Coder ``context-tiles-1`` codes the fine level in tiles of 64x64x64 voxels, one for each site of
the coarse grid, so that a region can be decoded without the rest. Contexts work on all tiles of
a batch together: arrays have an axis of tiles before the three spatial ones. A split that is not
cut is one tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Side of a tile in voxels; a tile is one site of the coarse grid.
TILE_SIDE = 64

Sides = tuple[int, int, int]


@dataclass(frozen=True)
class Tiling:
    """How the bands of a split are cut.

    Attributes
    ----------
    shape : tuple of int
        ``(d, h, w)`` of a band.
    sides : tuple of int
        Of a tile, in samples of the band; even, or multiples of four.
    chosen : tuple of tuple of int
        Place of each tile in use, in tiles along the axes, in raster order.
    """

    shape: Sides
    sides: Sides
    chosen: tuple[Sides, ...]

    @property
    def lattice(self) -> Sides:
        """Shape of one of the eight interleaved lattices of a tile."""
        d, h, w = (side // 2 for side in self.sides)
        return d, h, w

    def cut(self, array: NDArray[Any], divisor: int = 1, border: int = 0) -> NDArray[Any]:
        """Tiles of an array, zero beyond its ends.

        Parameters
        ----------
        array : ndarray
            ``(..., d, h, w)``, of a band's shape or coarser.
        divisor : int
            Samples of a band for each sample of the array: 2 for the next coarser split.
        border : int
            Samples around each tile to take along.

        Returns
        -------
        ndarray
            ``(..., tiles, sides / divisor + 2 * border)``.
        """
        sides = [side // divisor for side in self.sides]
        full = [side + 2 * border for side in sides]
        out = np.zeros((*array.shape[:-3], len(self.chosen), *full), array.dtype)
        for number, place in enumerate(self.chosen):
            starts = [p * side - border for p, side in zip(place, sides, strict=True)]
            _copy_overlap(array, np.moveaxis(out, -4, 0)[number], starts)
        return out

    def join(self, tiles: NDArray[Any]) -> NDArray[Any]:
        """Inverse of :meth:`cut` for whole bands; zero where there is no tile."""
        out = np.zeros((*tiles.shape[:-4], *self.shape), tiles.dtype)
        self.place(tiles, out)
        return out

    def place(self, tiles: NDArray[Any], out: NDArray[Any]) -> None:
        """Write tiles where they belong in an array ``(..., d, h, w)``."""
        for number, place in enumerate(self.chosen):
            starts = [p * side for p, side in zip(place, self.sides, strict=True)]
            inside = tuple(
                slice(s, min(s + side, n))
                for s, side, n in zip(starts, self.sides, self.shape, strict=True)
            )
            d, h, w = (part.stop - part.start for part in inside)
            z, y, x = inside
            out[..., z, y, x] = tiles[..., number, :d, :h, :w]


def _copy_overlap(array: NDArray[Any], out: NDArray[Any], starts: Sequence[int]) -> None:
    """Copy what lies in the window that begins at ``starts`` and is as large as ``out``."""
    spans = []
    for start, n, size in zip(starts, array.shape[-3:], out.shape[-3:], strict=True):
        low, high = max(start, 0), min(start + size, n)
        if low >= high:
            return
        spans.append((slice(low, high), slice(low - start, high - start)))
    (z, to_z), (y, to_y), (x, to_x) = spans
    out[..., to_z, to_y, to_x] = array[..., z, y, x]


def whole(shape: Sequence[int], unit: int) -> Tiling:
    """A band as one tile, its sides padded to multiples of ``unit``."""
    d, h, w = shape
    depth, height, width = (-(-side // unit) * unit for side in shape)
    return Tiling((d, h, w), (depth, height, width), ((0, 0, 0),))


def tile_counts(extent: Sequence[int]) -> Sides:
    """Tiles along each axis of a box of ``extent`` voxels."""
    d, h, w = (max(1, -(-side // TILE_SIDE)) for side in extent)
    return d, h, w


def tile_places(stop: Sequence[int], start: Sequence[int] = (0, 0, 0)) -> tuple[Sides, ...]:
    """Places of the tiles that hold the voxels from ``start`` to before ``stop``, raster order."""
    spans = (range(s // TILE_SIDE, n) for s, n in zip(start, tile_counts(stop), strict=True))
    d, h, w = spans
    return tuple(product(d, h, w))


def tiled(shape: Sequence[int], split: int, chosen: tuple[Sides, ...]) -> Tiling:
    """A band of split 0 or 1 as tiles of ``TILE_SIDE`` voxels, or less where the band is thin."""
    d, h, w = shape
    unit, side = 8 >> split, TILE_SIDE >> (split + 1)
    depth, height, width = (min(side, -(-n // unit) * unit) for n in shape)
    return Tiling((d, h, w), (depth, height, width), chosen)
