"""What the networks of holes see of a tile: brightness, the region, and known neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import PHASES
from .companding import box_sums
from .gathering import gather
from .neighbourhood import CONSTANT_VALUE, CUBE, RING, STEP_MAX
from .preview import VOXEL_BORDER
from .tiling import TILE_SIDE, Sides

LATTICES = len(PHASES)
KNOWN_VALUE = 8
BRIGHTNESS, HOLES, OUTSIDE = 0, len(CUBE), len(CUBE) + len(RING)
OUTSIDE_WIDE = OUTSIDE + len(RING)
STEEPNESS = OUTSIDE_WIDE + 1
STEP = STEEPNESS + 1
CONSTANT = STEP + 1
HOLE_INPUTS = CONSTANT + 1
#: For each steepness, levels above the edge from which voxels are hardly ever holes.
BRIGHT_CONTRASTS = (384, 322, 271, 228, 192, 161, 135, 114, 96, 80, 67, 57, 48, 40, 33, 28)
CONTRAST_RANGE = (-64, 95)
WIDE_WINDOW = 2 * VOXEL_BORDER + 1
BORDERED_SIDE = TILE_SIDE + 2 * VOXEL_BORDER
#: From a voxel to the first of the 3x3x3 around it, in a flat array.
REACH = (BORDERED_SIDE + 1) * BORDERED_SIDE + 1

Mask = NDArray[np.bool_]


def hole_input_limits() -> NDArray[np.float64]:
    """Largest magnitude of every input of the networks."""
    limits = np.full(HOLE_INPUTS, float(KNOWN_VALUE))
    limits[BRIGHTNESS:HOLES] = max(map(abs, CONTRAST_RANGE))
    limits[OUTSIDE_WIDE] = WIDE_WINDOW**3
    limits[STEEPNESS] = KNOWN_VALUE * (len(BRIGHT_CONTRASTS) - 1)
    limits[STEP], limits[CONSTANT] = STEP_MAX, CONSTANT_VALUE
    return limits


@dataclass(frozen=True)
class Edge:
    """How the share of holes falls with brightness: by a logistic curve.

    Attributes
    ----------
    level : int
        Brightness at which half of the voxels are holes; it may lie below all there are.
    steepness : int
        0 to 15, in quarters of an octave: the slope of the logits is ``2 ** (steepness / 4 - 5)``
        a level.
    """

    level: int
    steepness: int


class TileContext:
    """What is known of a tile while its holes are coded; arrays have a border of two voxels.

    Parameters
    ----------
    levels : ndarray of int8
        Brightness, ``(68, 68, 68)``.
    region : ndarray of bool
        What is coded, same shape.
    edge : Edge
    step_index : int
    """

    def __init__(self, levels: NDArray[np.int8], region: Mask, edge: Edge, step_index: int) -> None:
        contrast = levels.astype(np.int16) - np.int16(edge.level)
        self._is_dark = contrast < BRIGHT_CONTRASTS[edge.steepness]
        self._steepness = KNOWN_VALUE * edge.steepness
        self._contrast = np.clip(contrast, *CONTRAST_RANGE).astype(np.int8)
        self._region = region
        self._outside = np.where(region, -KNOWN_VALUE, KNOWN_VALUE).astype(np.int8)
        self._wide = np.zeros(levels.shape, np.int8)
        inner(self._wide)[...] = box_sums((~region).view(np.uint8), WIDE_WINDOW)
        self._holes = np.zeros(levels.shape, np.int8)
        self._step = min(max(step_index >> 3, 0), STEP_MAX)

    def voxels(self, lattice: int) -> NDArray[np.intp]:
        """Flat indices, in the arrays with their border, of the coded voxels of a lattice."""
        own = np.zeros(self._region.shape, bool)
        z, y, x = (slice(VOXEL_BORDER + p, -VOXEL_BORDER, 2) for p in PHASES[lattice])
        own[z, y, x] = self._region[z, y, x]
        return np.flatnonzero(own)

    def is_dark(self, voxels: NDArray[np.intp]) -> Mask:
        """Which voxels are so dark that a network is asked."""
        dark: Mask = self._is_dark.reshape(-1)[voxels]
        return dark

    def inputs(self, voxels: NDArray[np.intp]) -> NDArray[np.int8]:
        """Inputs ``(HOLE_INPUTS, N)`` of some voxels."""
        out = np.empty((HOLE_INPUTS, len(voxels)), np.int8)
        for first, source, offsets in (
            (BRIGHTNESS, self._contrast, CUBE),
            (HOLES, self._holes, RING),
            (OUTSIDE, self._outside, RING),
        ):
            steps = _steps(offsets)
            gather(source, steps, voxels - REACH, out[first : first + len(steps)])
        self._wide.reshape(-1).take(voxels, out=out[OUTSIDE_WIDE], mode="clip")
        out[STEEPNESS], out[STEP], out[CONSTANT] = self._steepness, self._step, CONSTANT_VALUE
        return out

    def store(self, voxels: NDArray[np.intp], is_hole: Mask) -> None:
        """Record which voxels of a lattice are holes."""
        self._holes.reshape(-1)[voxels] = np.where(is_hole, KNOWN_VALUE, -KNOWN_VALUE)


@cache
def _steps(offsets: tuple[Sides, ...]) -> NDArray[np.intp]:
    """Displacements in a flat array of a tile with its border, from ``REACH`` before a voxel."""
    side = BORDERED_SIDE
    return np.array([(z * side + y) * side + x + REACH for z, y, x in offsets])


def inner(bordered_tile: NDArray[Any]) -> NDArray[Any]:
    """A view of a tile without its border."""
    cut = slice(VOXEL_BORDER, -VOXEL_BORDER)
    return bordered_tile[cut, cut, cut]


def bordered(mask: Mask, tile: Sides) -> Mask:
    """A tile of a mask with its border, ``(68, 68, 68)``; false beyond the mask's sides."""
    out = np.zeros((BORDERED_SIDE,) * 3, bool)
    source, target = [], []
    for t, n in zip(tile, mask.shape, strict=True):
        start = t * TILE_SIDE - VOXEL_BORDER
        low, high = max(start, 0), min(start + BORDERED_SIDE, n)
        source.append(slice(low, high))
        target.append(slice(low - start, high - start))
    (z, y, x), (to_z, to_y, to_x) = source, target
    out[to_z, to_y, to_x] = mask[z, y, x]
    return out
