"""Integers of any size as small ones, for the context networks to read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Companding:
    """Tables that turn integers into small ones; the last entry stands for all above.

    Attributes
    ----------
    magnitude, signed : ndarray of int8
        Of ``abs(q)``, as magnitude and (for positive q) as signed value.
    wide : ndarray of int8 or None
        Of sums of companded magnitudes; None where the model does not read them.
    """

    magnitude: NDArray[np.int8]
    signed: NDArray[np.int8]
    wide: NDArray[np.int8] | None = None

    def of(self, q: NDArray[np.int32]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Companded magnitude and signed value."""
        magnitude, signed = self._by_integer
        place = q.astype(np.intp)
        place += len(self.magnitude) - 1
        return magnitude.take(place, mode="clip"), signed.take(place, mode="clip")

    @cached_property
    def _by_integer(self) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """The tables for negative integers, too, least first."""
        return (
            np.concatenate((self.magnitude[:0:-1], self.magnitude)),
            np.concatenate((-self.signed[:0:-1], self.signed)),
        )

    def of_sum(self, sums: NDArray[np.int32]) -> NDArray[np.int8]:
        """Companded sum of magnitudes."""
        table = np.zeros(1, np.int8) if self.wide is None else self.wide
        return table[np.minimum(sums, len(table) - 1)]


def box_sums(values: NDArray[np.integer[Any]], width: int) -> NDArray[np.int32]:
    """Sums over windows of ``width`` along the last three axes, which get shorter by it."""
    sums = values.astype(np.int32)
    for axis in range(3):
        count = sums.shape[axis - 3] - width + 1
        total = _from(sums, 0, count, axis).copy()
        for first in range(1, width):
            total += _from(sums, first, count, axis)
        sums = total
    return sums


def _from(values: NDArray[np.int32], first: int, count: int, axis: int) -> NDArray[np.int32]:
    """So many planes along one of the last three axes."""
    planes = [slice(None)] * 3
    planes[axis] = slice(first, first + count)
    z, y, x = planes
    return values[..., z, y, x]
