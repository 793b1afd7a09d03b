"""Which table codes a residual, and which symbol of it.

The table goes with the expected error in steps (three classes an octave) and, where a step is
one and the error small, with how far the prediction is from a whole number. The residual is
mirrored so that the prediction lies above the number it is rounded to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .surroundings import FRACTION_BITS, SPREAD_BITS

Integers = NDArray[np.int64]

CLASSES_PER_OCTAVE = 3
SPREAD_FRACTION_BITS = 10
OCTAVES = 40
SPREAD_CLASSES = CLASSES_PER_OCTAVE * OCTAVES + 1
FRACTION_CLASSES = 9
TABLES = SPREAD_CLASSES * FRACTION_CLASSES
#: Largest class with tables for each fraction: errors up to about four steps.
MOST_FRACTION_CLASS = CLASSES_PER_OCTAVE * (SPREAD_FRACTION_BITS + 2)
#: Levels from here on share a table for voxels in calm surroundings.
MOST_CALM_LEVEL = 9
LARGEST_SYMBOL = 63
SYMBOLS = 2 * LARGEST_SYMBOL + 2
ESCAPE = SYMBOLS - 1
MAGNITUDE_BITS = 2


def _cube_root(number: int) -> int:
    root = round(math.pow(number, 1 / 3))
    while root**3 > number:
        root -= 1
    while (root + 1) ** 3 <= number:
        root += 1
    return root


#: Least spread of each class but the first: floor(2^(k/3)) for k = 0, 1, ...
BOUNDS = np.array([_cube_root(1 << k) for k in range(SPREAD_CLASSES - 1)], np.int64)


@dataclass(frozen=True)
class Contexts:
    """What is known of the residuals of some voxels before they are decoded, all ``(N,)``.

    Attributes
    ----------
    centre : ndarray of int64
        The prediction, rounded.
    sign : ndarray of int64
        1, or -1 where residuals are mirrored.
    table : ndarray of int64
    """

    centre: Integers
    sign: Integers
    table: Integers

    def value(self, folded: Integers, step: int, most: int) -> Integers:
        """Decoded voxels, from 0 to ``most``."""
        return np.clip(self.centre + step * (self.sign * folded), 0, most)

    def folded(self, voxels: Integers, step: int) -> Integers:
        """Mirrored residuals in steps: those whose :meth:`value` is within half a step."""
        steps = (voxels - self.centre + step // 2) // step
        return self.sign * steps


def contexts_of(predicted: Integers, spread: Integers, step: int, most: int) -> Contexts:
    """Contexts from predictions and expected errors in fixed point."""
    half = 1 << (FRACTION_BITS - 1)
    centre = np.clip((predicted + half) >> FRACTION_BITS, 0, most)
    fraction = np.clip(predicted - (centre << FRACTION_BITS), -half, half)
    sign = np.where(fraction < 0, -1, 1)
    shift = FRACTION_BITS + SPREAD_BITS - SPREAD_FRACTION_BITS
    classes = np.searchsorted(BOUNDS, spread // (step << shift), side="right")
    near = np.abs(fraction)
    near[(classes > MOST_FRACTION_CLASS) | (step > 1)] = 0
    return Contexts(centre, sign, classes * FRACTION_CLASSES + near)


def calm_table(level: int) -> int:
    """Table of voxels whose surroundings are all alike."""
    return min(level, MOST_CALM_LEVEL) * FRACTION_CLASSES


def low_bits(tables: Integers) -> Integers:
    """Bits of a residual that are written as they are: few where errors are small."""
    octave = tables // (FRACTION_CLASSES * CLASSES_PER_OCTAVE)
    return np.maximum(octave - SPREAD_FRACTION_BITS - MAGNITUDE_BITS, 0)


def symbols_of(folded: Integers, bits: Integers) -> Integers:
    """Symbol of each residual without its low bits; ``ESCAPE`` beyond the largest."""
    high = folded >> bits
    return np.where(np.abs(high) <= LARGEST_SYMBOL, high + LARGEST_SYMBOL, ESCAPE)
