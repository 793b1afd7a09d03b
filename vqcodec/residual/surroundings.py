"""What the known voxels around a voxel say: its prediction, and how far off that may be.

All of it is integer arithmetic. Values carry ``FRACTION_BITS`` fractional bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .lattices import Field, Neighbour, known_neighbours, present

FRACTION_BITS = 4
WEIGHT_BITS = 8
SPREAD_BITS = 8
ROWS_AT_ONCE = 1 << 15
RING = 3  # squared distance within the cube of 27
ERROR_DISTANCES = (1, 2, 3, 4)
_ONE = 1 << FRACTION_BITS

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Fields:
    """What is known of a level.

    Attributes
    ----------
    values : Field
        Decoded voxels.
    errors : Field
        Magnitude of what their predictions missed.
    """

    values: Field
    errors: Field


class Surroundings:
    """The neighbours of the voxels of one lattice of one level.

    Attributes
    ----------
    inputs : int
        Number of values a prediction is made of.
    reference : int
        The input whose weight makes the sum of all weights one.
    """

    def __init__(self, fields: Fields, phase: int, shape: tuple[int, ...]) -> None:
        self._fields = fields
        known = list(present(known_neighbours(phase), shape))
        self._known = [fields.values.offset(each) for each in known]
        self._ring = _offsets(fields.values, known, range(RING + 1))
        self._rings = [_offsets(fields.values, known, [d]) for d in range(1, RING + 1)]
        self._errors = [_offsets(fields.errors, known, [d]) for d in ERROR_DISTANCES]
        self.inputs = len(known)
        distances = [each.distance for each in known]
        least = min(distances, default=0)
        self._nearest = [place for place, each in enumerate(distances) if each == least]
        self.reference = self._nearest[0] if self._nearest else 0

    def plain_weights(self) -> list[int]:
        """Weights where none are fitted: the nearest inputs count alike."""
        weights = [0] * self.inputs
        for place in self._nearest:
            weights[place] = (1 << WEIGHT_BITS) // len(self._nearest)
        if weights:
            weights[self.reference] += (1 << WEIGHT_BITS) - sum(weights)
        return weights

    def input(self, number: int, at: NDArray[np.intp]) -> Integers:
        """One input of each voxel."""
        return self._value(self._known[number], at)

    def predicted(self, at: NDArray[np.intp], weights: Sequence[int]) -> Integers:
        """Weighted sum of the inputs; zero where there are none."""
        total = np.full(at.shape, 1 << (WEIGHT_BITS - 1), np.int64)
        for number, weight in enumerate(weights):
            if weight:
                total += self.input(number, at) * weight
        return total >> WEIGHT_BITS

    def activity(self, at: NDArray[np.intp]) -> Integers:
        """Mean difference of the known voxels within the cube of 27 to their mean."""
        if not self._ring:
            return np.zeros(at.shape, np.int64)
        values = [self._value(offset, at) for offset in self._ring]
        mean = sum(values[1:], values[0]) // len(values)
        return _total(np.abs(each - mean) for each in values) // len(values)

    def spreads(self, at: NDArray[np.intp], predicted: Integers, step: int) -> Iterator[Integers]:
        """Numbers that grow with the expected error of a prediction, none negative."""
        yield np.full(at.shape, step * _ONE, np.int64)
        errors = self._fields.errors.flat
        for offsets in filter(None, self._errors):
            missed = (errors.take(at + offset).astype(np.int64) for offset in offsets)
            yield _total(missed) // len(offsets)
        for offsets in filter(None, self._rings):
            moves = (np.abs(self._value(offset, at) - predicted) for offset in offsets)
            yield _total(moves) // len(offsets)

    def spread_count(self) -> int:
        """How many numbers :meth:`spreads` has."""
        return 1 + len([offsets for offsets in (*self._errors, *self._rings) if offsets])

    def plain_spread(self) -> list[int]:
        """Weights of :meth:`spreads` where none are fitted."""
        count = self.spread_count()
        return [(1 << SPREAD_BITS) // count] * count

    def expected(
        self, at: NDArray[np.intp], predicted: Integers, weights: Sequence[int], step: int
    ) -> Integers:
        """Weighted sum of the spreads, with ``SPREAD_BITS`` more fractional bits."""
        total = np.zeros(at.shape, np.int64)
        for weight, spread in zip(weights, self.spreads(at, predicted, step), strict=True):
            if weight:
                total += spread * weight
        return total

    def _value(self, offset: int, at: NDArray[np.intp]) -> Integers:
        taken = self._fields.values.flat.take(at + offset)
        return taken.astype(np.int64) << FRACTION_BITS


def _total(parts: Iterator[Integers]) -> Integers:
    total = next(parts)
    for part in parts:
        total += part
    return total


def chunks(at: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Few places at once, so that what is computed of them stays in the cache."""
    for start in range(0, len(at), ROWS_AT_ONCE):
        yield at[start : start + ROWS_AT_ONCE]


def _offsets(field: Field, neighbours: Sequence[Neighbour], distances: Sequence[int]) -> list[int]:
    return [field.offset(each) for each in neighbours if each.distance in distances]
