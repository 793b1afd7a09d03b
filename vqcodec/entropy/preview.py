"""Voxels as whole numbers, close to what synthesis gives and the same on every machine.

What is entropy-coded must not depend on floating-point rounding, so contexts that want to know
how bright a voxel is cannot ask the decoder network. The *preview* is the inverse wavelet
transform in fixed point, tile by tile: a tile knows the middle and coarse levels everywhere and
the fine level within itself, so it can be previewed without the other tiles.

All numbers are integers held in float64, below ``2**53`` at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from ..layout import BANDS, SPLITS, STEPS_PER_OCTAVE, padded_to_four
from .level_contexts import Coefficients
from .tiling import TILE_SIDE, Sides

Whole = NDArray[np.float64]

#: Fractional bits of a preview, and of the lifting weights.
FRACTION_BITS, WEIGHT_BITS = 6, 12
#: Weights of synthesis, in units of ``2**-12``, from first to last; signs as they are used.
LOW_GAIN, HIGH_GAIN = 3563, 4709
UPDATE_2, PREDICT_2, UPDATE_1, PREDICT_1 = 1817, 3616, 217, 6497
#: Values are clipped to this size before each split is merged.
LARGEST = float(1 << 31)
#: Low-pass values around a tile's own that its preview takes along, and voxels it gives.
LOW_BORDER, VOXEL_BORDER = 2, 2
#: Brightness levels in a robust range, and the lowest and highest one.
LEVELS_IN_RANGE_BITS = 7
LEVEL_RANGE = (-64, 127)
SCALE_BITS = 20


def _scaled(values: Whole, weight: int) -> Whole:
    product = values * weight
    product *= 2.0**-WEIGHT_BITS
    return np.floor(product, out=product)


def _sums(values: Whole, is_before: bool) -> Whole:
    """Each value along the first axis plus the one before (or after) it, ends repeated."""
    sums = values + values
    if is_before:
        sums[1:] = values[1:] + values[:-1]
    else:
        sums[:-1] = values[:-1] + values[1:]
    return sums


def _merge_axis(low: Whole, high: Whole, axis: int) -> Whole:
    even = _scaled(np.moveaxis(low, axis, 0), LOW_GAIN)
    odd = _scaled(np.moveaxis(high, axis, 0), HIGH_GAIN)
    even -= _scaled(_sums(odd, is_before=True), UPDATE_2)
    odd -= _scaled(_sums(even, is_before=False), PREDICT_2)
    even += _scaled(_sums(odd, is_before=True), UPDATE_1)
    odd += _scaled(_sums(even, is_before=False), PREDICT_1)
    out = np.empty((2 * even.shape[0], *even.shape[1:]))
    out[0::2], out[1::2] = even, odd
    return np.moveaxis(out, 0, axis)


def merge_whole(low_DHW: Whole, details_BDHW: Whole) -> Whole:
    """One split of synthesis in whole numbers: ``(d, h, w)`` and ``(7, d, h, w)`` to twice that."""
    clipped = [np.clip(part, -LARGEST, LARGEST) for part in (low_DHW, *details_BDHW)]
    parts: dict[tuple[int, ...], Whole] = dict(zip(((0, 0, 0), *BANDS), clipped, strict=True))
    for axis in (0, 1, 2):
        halves = [{key[1:]: parts[key] for key in parts if key[0] == flag} for flag in (0, 1)]
        parts = {key: _merge_axis(low, halves[1][key], axis) for key, low in halves[0].items()}
    return parts[()]


def _in_fractions(q: NDArray[np.int32]) -> Whole:
    fractions: Whole = q.astype(np.float64)
    fractions *= 1 << FRACTION_BITS
    return fractions


def low_pass_of_fine(coefficients: Coefficients, sides: Sequence[int]) -> Whole:
    """Low-pass of the fine level, one value for 4x4x4 voxels, in 64ths of a step.

    Parameters
    ----------
    coefficients : Coefficients
        Of the whole crop; the fine level is not looked at.
    sides : sequence of int
        ``(D, H, W)`` of the crop.
    """
    sizes = [tuple(sides)]
    for _ in range(SPLITS // 2 - 1):
        sizes.append(tuple(n // 4 for n in padded_to_four(sizes[-1])))
    low = _in_fractions(coefficients.low_pass)
    for split in range(SPLITS - 1, 1, -1):
        low = merge_whole(low, _in_fractions(coefficients.details[split]))
        if split % 2 == 0:
            d, h, w = sizes[split // 2]
            low = low[:d, :h, :w]
    return low


def _window(array: Whole, starts: Sequence[int], side: int) -> Whole:
    """A cube; positions beyond the ends are those at the ends."""
    places = [
        np.clip(np.arange(start, start + side), 0, n - 1)
        for start, n in zip(starts, array.shape, strict=True)
    ]
    z, y, x = np.ix_(*places)
    cube: Whole = array[z, y, x]
    return cube


def _details_in(q: NDArray[np.int32], tile: Sides, side: int, border: int) -> Whole:
    """Details of one tile, zero in a border around it and beyond the band's ends."""
    out = np.zeros((len(BANDS), *([side + 2 * border] * 3)))
    inside = tuple(
        slice(t * side, min((t + 1) * side, n)) for t, n in zip(tile, q.shape[1:], strict=True)
    )
    d, h, w = (part.stop - part.start for part in inside)
    b = border
    z, y, x = inside
    out[:, b : b + d, b : b + h, b : b + w] = _in_fractions(q[:, z, y, x])
    return out


def tile_voxels(low_DHW: Whole, coefficients: Coefficients, tile: Sides) -> Whole:
    """Preview of a tile and two voxels around it, ``(68, 68, 68)``, in 64ths of a step.

    Parameters
    ----------
    low_DHW : ndarray of float64
        See :func:`low_pass_of_fine`.
    coefficients : Coefficients
        The fine level is needed in this tile only.
    """
    side = TILE_SIDE // 4
    starts = [t * side - LOW_BORDER for t in tile]
    low = _window(low_DHW, starts, side + 2 * LOW_BORDER)
    for split in (1, 0):
        border = LOW_BORDER << (1 - split)
        details = _details_in(coefficients.details[split], tile, TILE_SIDE >> (split + 1), border)
        low = merge_whole(low, details)
    cut = slice(4 * LOW_BORDER - VOXEL_BORDER, -(4 * LOW_BORDER - VOXEL_BORDER))
    return low[cut, cut, cut]


def _octave_fractions() -> tuple[int, ...]:
    """``2**(20 - k/64)`` for k = 0 to 63, rounded to the nearest integer, by integers alone."""
    found = []
    for k in range(STEPS_PER_OCTAVE):
        root = 1 << (STEPS_PER_OCTAVE * (SCALE_BITS + 1) - k)
        for _ in range(STEPS_PER_OCTAVE.bit_length() - 1):
            root = isqrt(root)
        found.append((root + 1) >> 1)
    return tuple(found)


OCTAVE_FRACTIONS = _octave_fractions()


def brightness(voxels: Whole, step_index: int) -> NDArray[np.int8]:
    """Level of every voxel of a preview: 128ths of the robust range, -64 to 127."""
    octave, fraction = divmod(step_index, STEPS_PER_OCTAVE)
    levels = np.clip(voxels, -LARGEST, LARGEST) * float(OCTAVE_FRACTIONS[fraction])
    levels *= 2.0 ** (LEVELS_IN_RANGE_BITS - FRACTION_BITS - SCALE_BITS - octave)
    return np.clip(np.floor(levels), *LEVEL_RANGE).astype(np.int8)
