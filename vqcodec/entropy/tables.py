"""From network outputs to a symbol table: classes, folding, and the tables themselves.

A class is a pair (scale class, location class). The quantised value is mirrored so that its
expected sign is positive; where the expected location is large, its rounded value is
subtracted. What remains is one of 17 symbols, or an escape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelUnavailableError
from .network import OUTPUT_BITS

SCALE_CLASSES = 48
SCALE_CLASS_BITS = OUTPUT_BITS - 2
SCALE_ORIGIN = 11 << (OUTPUT_BITS - 1)

#: Upper ends of the location classes, 16 fractional bits.
LOCATION_BOUNDS = tuple(
    round(bound * 2**OUTPUT_BITS)
    for bound in (0.01, 0.03, 0.06, 0.1, 0.16, 0.25, 0.4, 0.6, 0.85, 1.2, 1.7, 2.5)
)
LOCATION_CLASSES = len(LOCATION_BOUNDS) + 1
CLASSES = SCALE_CLASSES * LOCATION_CLASSES

LARGEST_SYMBOL_VALUE = 8
SYMBOLS = 2 * LARGEST_SYMBOL_VALUE + 2
ESCAPE = SYMBOLS - 1
FREQUENCY_TOTAL = 1 << 24


@dataclass(frozen=True)
class Classes:
    """Table and mirror image of each coefficient of a phase, all ``(N,)``.

    ``value = sign * (residual + base)``.
    """

    table: NDArray[np.int64]
    sign: NDArray[np.int64]
    base: NDArray[np.int64]

    def residual(self, q: NDArray[np.int64]) -> NDArray[np.int64]:
        """Mirrored and centred value."""
        return self.sign * q - self.base

    def take(self, positions: NDArray[np.intp]) -> Classes:
        """Classes of some of the coefficients."""
        return Classes(self.table[positions], self.sign[positions], self.base[positions])

    def value(self, residual: NDArray[np.int64]) -> NDArray[np.int64]:
        """Inverse of :meth:`residual`."""
        return self.sign * (residual + self.base)


def classify(location: NDArray[np.int64], log2_scale: NDArray[np.int64]) -> Classes:
    """Classes from network outputs (fixed point, ``OUTPUT_BITS`` fractional bits)."""
    scale = np.clip((log2_scale + SCALE_ORIGIN) >> SCALE_CLASS_BITS, 0, SCALE_CLASSES - 1)
    size = np.abs(location)
    place = np.searchsorted(np.asarray(LOCATION_BOUNDS, np.int64), size, side="right")
    rounded = (size + (1 << (OUTPUT_BITS - 1))) >> OUTPUT_BITS
    base = np.where(place == LOCATION_CLASSES - 1, rounded, 0)
    return Classes(scale * LOCATION_CLASSES + place, np.where(location < 0, -1, 1), base)


def symbols_of(residual: NDArray[np.int64]) -> NDArray[np.int64]:
    """Symbol of each residual; ``ESCAPE`` beyond ``LARGEST_SYMBOL_VALUE``."""
    inside = np.abs(residual) <= LARGEST_SYMBOL_VALUE
    return np.where(inside, residual + LARGEST_SYMBOL_VALUE, ESCAPE)


def check_frequencies(frequencies: NDArray[np.uint32], name: str) -> None:
    """Refuse tables that do not sum to 2**24 or hold a zero.

    Raises
    ------
    ModelUnavailableError
    """
    sums = frequencies.astype(np.int64).sum(axis=-1)
    if frequencies.min() < 1 or np.any(sums != FREQUENCY_TOTAL):
        raise ModelUnavailableError(f"entropy table {name} does not sum to 2**24")


def integer_frequencies(mass: NDArray[np.float64], floor: int = 64) -> NDArray[np.uint32]:
    """Frequencies that sum to 2**24 along the last axis, none below ``floor``."""
    share = mass / mass.sum(axis=-1, keepdims=True)
    room = FREQUENCY_TOTAL - floor * mass.shape[-1]
    whole = np.floor(share * room).astype(np.int64) + floor
    rest = FREQUENCY_TOTAL - whole.sum(axis=-1)
    np.put_along_axis(
        whole,
        largest := whole.argmax(axis=-1)[..., None],
        np.take_along_axis(whole, largest, axis=-1) + rest[..., None],
        axis=-1,
    )
    frequencies: NDArray[np.uint32] = whole.astype(np.uint32)
    return frequencies
