"""From stored voxels to the whole numbers that are coded, and how far apart those may come back."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .coder import MOST
from .keys import Keys, keys_of, values_of

Integers = NDArray[np.int64]

MOST_TABLE = 1 << 16
SPARSE = 0.6
#: Half steps of the lattice of floating-point voxels, the finest first.
FINENESS = (63, 7, 0)
MOST_LATTICE = 1 << 30


@dataclass(frozen=True)
class KeyMapping:
    """Number v stands for the key ``lowest + divisor * v`` (see :mod:`vqcodec.residual.keys`)."""

    lowest: int
    divisor: int
    id: ClassVar[int] = 0

    def stored(self, numbers: Integers, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Voxels of some numbers."""
        keys = numbers.astype(np.uint64) * np.uint64(self.divisor) + np.uint64(self.lowest)
        return values_of(keys, dtype)

    def numbers(self, values: NDArray[Any]) -> Integers:
        """Inverse of :meth:`stored`."""
        distances = keys_of(values) - np.uint64(self.lowest)
        numbers: Integers = (distances // np.uint64(self.divisor)).astype(np.int64)
        return numbers

    def pack(self) -> bytes:
        """The mapping as in a file."""
        return struct.pack("<QQ", self.lowest, self.divisor)


@dataclass(frozen=True, eq=False)
class TableMapping:
    """Number v stands for the key ``keys[v]``; the keys ascend."""

    keys: Keys
    id: ClassVar[int] = 1

    def stored(self, numbers: Integers, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Voxels of some numbers."""
        return values_of(self.keys[numbers], dtype)

    def numbers(self, values: NDArray[Any]) -> Integers:
        """Inverse of :meth:`stored`."""
        return np.searchsorted(self.keys, keys_of(values)).astype(np.int64)

    def pack(self) -> bytes:
        """The mapping as in a file: differences of the keys, compressed."""
        packed = zlib.compress(np.diff(self.keys, prepend=np.uint64(0)).astype("<u8").tobytes(), 9)
        return struct.pack("<I", len(packed)) + packed


@dataclass(frozen=True)
class LatticeMapping:
    """Number v stands for ``origin + spacing * v``, rounded to the floating-point type."""

    origin: float
    spacing: float
    id: ClassVar[int] = 2

    def stored(self, numbers: Integers, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Voxels of some numbers."""
        most = float(np.finfo(dtype).max)
        values = numbers * self.spacing + self.origin
        clipped: NDArray[Any] = np.clip(values, -most, most).astype(dtype)
        return clipped

    def numbers(self, values: NDArray[Any]) -> Integers:
        """The nearest numbers to some voxels."""
        distances = (values.astype(np.float64) - self.origin) / self.spacing
        return np.maximum(np.rint(distances), 0).astype(np.int64)

    def pack(self) -> bytes:
        """The mapping as in a file."""
        return struct.pack("<dd", self.origin, self.spacing)


Mapping = KeyMapping | TableMapping | LatticeMapping


def unpack_mapping(kind: int, data: bytes, most: int) -> tuple[Mapping, bytes]:
    """Read a mapping, and what follows it.

    Raises
    ------
    FormatError
    """
    if kind == TableMapping.id:
        length = int.from_bytes(data[:4], "little")
        packed, rest = data[4 : 4 + length], data[4 + length :]
        size = 8 * (most + 1)
        if most >= MOST_TABLE or len(packed) != length:
            raise FormatError("table of values in section 'residual' is cut short or too long")
        try:
            plain = zlib.decompressobj().decompress(packed, size)
        except zlib.error as error:
            raise FormatError("table of values in section 'residual' is damaged") from error
        if len(plain) != size:
            raise FormatError("table of values in section 'residual' is of another length")
        return TableMapping(np.cumsum(np.frombuffer(plain, "<u8"), dtype=np.uint64)), rest
    if len(data) < 16:
        raise FormatError("section 'residual' is cut short")
    if kind == KeyMapping.id:
        return KeyMapping(*struct.unpack_from("<QQ", data)), data[16:]
    if kind == LatticeMapping.id:
        origin, spacing = struct.unpack_from("<dd", data)
        if not (math.isfinite(origin) and 0 < spacing < math.inf):
            raise FormatError("section 'residual' scales voxels by no number")
        return LatticeMapping(origin, spacing), data[16:]
    raise FormatError(f"section 'residual' maps voxels in an unknown way ({kind})")


def exact_mapping(values: NDArray[Any]) -> Mapping | None:
    """A mapping that loses nothing; None where the values lie too far apart for all of them.

    Parameters
    ----------
    values : ndarray
        Finite voxels, ``(N,)``, at least one.
    """
    whole = _whole_numbers(values)
    if whole is not None:
        return whole
    keys = keys_of(values)
    lowest, distinct = int(keys.min()), np.unique(keys)
    divisor = int(np.gcd.reduce(distinct - np.uint64(lowest))) or 1
    span = (int(distinct[-1]) - lowest) // divisor
    if len(distinct) <= MOST_TABLE:
        low, high = np.quantile(keys - np.uint64(lowest), (0.01, 0.99), method="nearest")
        some = distinct - np.uint64(lowest)
        inner = np.count_nonzero((some >= low) & (some <= high))
        if span > MOST or inner <= SPARSE * ((int(high) - int(low)) // divisor + 1):
            return TableMapping(distinct)
    return KeyMapping(lowest, divisor) if span <= MOST else None


def _whole_numbers(values: NDArray[Any]) -> LatticeMapping | None:
    """Floating-point voxels that are whole numbers, by their values rather than their bits."""
    if values.dtype.kind != "f" or np.any(values != np.rint(values)):
        return None
    low, high = float(values.min()), float(values.max())
    if high - low > MOST_LATTICE or max(abs(low), abs(high)) > 2**52:
        return None
    mapping = LatticeMapping(low, 1.0)
    same = mapping.stored(mapping.numbers(values), values.dtype).tobytes() == values.tobytes()
    return mapping if same else None


def bounded_mapping(values: NDArray[Any], bound: float) -> tuple[Mapping, int] | None:
    """A mapping and the half step that keep voxels within a bound; None where only exact ones do.

    Parameters
    ----------
    values : ndarray
        Finite voxels, ``(N,)``, at least one.
    bound : float
        In stored values.
    """
    if values.dtype.kind == "f":
        return _lattice(values, bound)
    mapping = exact_mapping(values)
    if isinstance(mapping, TableMapping):
        keys = mapping.keys
        mapping = KeyMapping(int(keys[0]), int(np.gcd.reduce(keys - keys[0])) or 1)
        if (int(keys[-1]) - mapping.lowest) // mapping.divisor > MOST:
            return None
    if not isinstance(mapping, KeyMapping):
        return None
    return mapping, int(min(bound // mapping.divisor, MOST // 2))


def _lattice(values: NDArray[Any], bound: float) -> tuple[Mapping, int] | None:
    low, high = float(values.min()), float(values.max())
    largest = np.array(max(abs(low), abs(high)), values.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        rounding = float(np.spacing(largest)) + 8 * float(np.spacing(abs(float(largest))))
    room = bound - rounding
    if not room > bound / 2:
        return None
    for half in FINENESS:
        spacing = room * (1 - 2.0**-20) / (half + 0.5)
        if spacing > 0 and (high - low) / spacing < MOST_LATTICE:
            return LatticeMapping(low, spacing), half
    return None
