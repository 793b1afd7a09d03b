"""Interleaved lattices of an integer volume, from one voxel to all of them.

A level of stride ``s`` holds every s-th voxel. Its lattice 0 (even positions on every axis) is
the level of stride ``2 s``; the other seven follow, each with all of the former as neighbours on
both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import PHASES

Triple = tuple[int, int, int]

#: Squared distance up to which known voxels count as neighbours, for each lattice: wide where
#: few are known, so that every lattice has about as many.
REACHES = (0, 19, 14, 10, 9, 6, 6, 6)
RADIUS = 3
_FRONT = (RADIUS + 1) // 2
_PAD = 2 * _FRONT + 1


@dataclass(frozen=True)
class Neighbour:
    """A voxel near the one to predict.

    Attributes
    ----------
    distance : int
        Squared, in voxels of the level.
    lattice : int
        Which lattice it is of.
    shift : tuple of int
        Its site less that of the voxel.
    """

    distance: int
    lattice: int
    shift: Triple


def _neighbour(phase: int, offset: Triple) -> Neighbour:
    z, y, x = (start + move for start, move in zip(PHASES[phase], offset, strict=True))
    lattice = PHASES.index((z % 2, y % 2, x % 2))
    return Neighbour(sum(move**2 for move in offset), lattice, (z // 2, y // 2, x // 2))


@cache
def known_neighbours(phase: int) -> tuple[Neighbour, ...]:
    """Neighbours within reach on lattices before ``phase``, in raster order."""
    offsets = product(range(-RADIUS, RADIUS + 1), repeat=3)
    found = (_neighbour(phase, (z, y, x)) for z, y, x in offsets)
    return tuple(each for each in found if each.lattice < phase and each.distance <= REACHES[phase])


def strides(shape: tuple[int, ...]) -> list[int]:
    """Strides of the levels, the coarsest (of one voxel) first."""
    top = max(side - 1 for side in shape).bit_length()
    return [1 << level for level in range(top, -1, -1)]


def every(stride: int) -> tuple[slice, slice, slice]:
    """Voxels of a level."""
    return (slice(None, None, stride),) * 3


def of_phase(phase: int) -> tuple[slice, ...]:
    """Voxels of a lattice among those of its level."""
    return tuple(slice(start, None, 2) for start in PHASES[phase])


class Field:
    """A value for each voxel of a level, by lattice, padded so that a neighbour is an offset.

    Beyond the sides of a lattice its outermost voxels go on.

    Attributes
    ----------
    flat : ndarray
        All lattices one behind the other.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._sides = tuple(-(-side // 2) + _PAD for side in shape)
        self._lattices = np.zeros((len(PHASES), *self._sides), dtype)
        self.flat: NDArray[Any] = self._lattices.reshape(-1)

    def store(self, phase: int, values: NDArray[Any]) -> None:
        """Record a lattice; one without voxels is left out."""
        if values.size:
            pads = [
                (_FRONT, full - _FRONT - n)
                for full, n in zip(self._sides, values.shape, strict=True)
            ]
            self._lattices[phase] = np.pad(values, pads, mode="edge")

    def places(self, wanted: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Place within a lattice, padding included, of its wanted voxels in raster order."""
        z, y, x = (each + _FRONT for each in np.nonzero(wanted))
        _, height, width = self._sides
        return (z * height + y) * width + x

    def offset(self, neighbour: Neighbour) -> int:
        """What leads from a voxel's place to its neighbour in :attr:`flat`."""
        depth, height, width = self._sides
        z, y, x = neighbour.shift
        return neighbour.lattice * depth * height * width + (z * height + y) * width + x


def present(neighbours: tuple[Neighbour, ...], shape: tuple[int, ...]) -> Iterator[Neighbour]:
    """Those on lattices that have voxels at a level of this shape."""
    for each in neighbours:
        if all(start < side for start, side in zip(PHASES[each.lattice], shape, strict=True)):
            yield each
