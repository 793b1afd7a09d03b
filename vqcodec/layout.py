"""How wavelet coefficients, splits, uint8 grid levels and quantiser steps lie to each other.

A *split* is one wavelet decomposition (0 is the finest, 5 the coarsest). A *grid level* is
two splits: fine (÷4) holds splits 0 and 1, middle (÷16) 2 and 3, coarse (÷64) 4 and 5 and
the low-pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

GRID_LEVELS = 3
SPLITS = 2 * GRID_LEVELS
LEVEL_NAMES = ("fine", "middle", "coarse")
STEPS_PER_OCTAVE = 64

#: Detail bands of a split as (axis 0, axis 1, axis 2), 1 where high-pass; also the coding order.
BANDS: tuple[tuple[int, int, int], ...] = (
    (0, 0, 1),
    (0, 1, 0),
    (1, 0, 0),
    (0, 1, 1),
    (1, 0, 1),
    (1, 1, 0),
    (1, 1, 1),
)

#: The interleaved 2x2x2 lattices of a band, in coding order.
PHASES: tuple[tuple[int, int, int], ...] = (
    (0, 0, 0),
    (1, 1, 1),
    (0, 1, 1),
    (1, 0, 1),
    (1, 1, 0),
    (0, 0, 1),
    (0, 1, 0),
    (1, 0, 0),
)

#: Positions of a 2x2x2 block in raster order: the order of polyphase channels in the grids.
CORNERS: tuple[tuple[int, int, int], ...] = tuple(
    (z, y, x) for z, y, x in product((0, 1), repeat=3)
)


#: Side in voxels of a site of each grid level.
LEVEL_SIDES = {"fine": 4, "middle": 16, "coarse": 64}


def site_padding(shape: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Voxels to add before and after each side, so that whole coarse sites fill the frame."""
    coarse = LEVEL_SIDES["coarse"]
    missing = [-(-side // coarse) * coarse - side for side in shape]
    return tuple((each // 2, each - each // 2) for each in missing)


def step_of(step_index: int) -> float:
    """Quantiser step in units of the robust intensity range."""
    return float(2.0 ** (-step_index / STEPS_PER_OCTAVE))


def padded_to_four(shape: Sequence[int]) -> tuple[int, ...]:
    """Each side rounded up to a multiple of four, at least four."""
    return tuple(max(4, -(-n // 4) * 4) for n in shape)


def pads_to_four(shape: Sequence[int]) -> list[tuple[int, int]]:
    """Samples to add before and after each axis, for sides of `padded_to_four`."""
    return [(0, padded - n) for padded, n in zip(padded_to_four(shape), shape, strict=True)]


def split_shapes(shape: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Shape of one band of each split, finest first, for a volume of ``shape``."""
    shapes = []
    current = tuple(shape)
    for _ in range(GRID_LEVELS):
        padded = padded_to_four(current)
        shapes.append(tuple(n // 2 for n in padded))
        current = tuple(n // 4 for n in padded)
        shapes.append(current)
    return tuple(shapes)
