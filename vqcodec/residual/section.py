"""Section ``residual``: all voxels of a frame, exactly or within a bound, from nothing else.

First a map of *states*: background of one value, NaN, infinities, and the voxels that are coded.
Then how stored voxels become whole numbers, and those as a stream.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from ..background import finite_voxels, solid_background
from ..errors import FormatError
from .coder import MOST, Grid, decode_integers, encode_integers
from .keys import keys_of, values_of
from .mapping import Mapping, bounded_mapping, exact_mapping, unpack_mapping

BACKGROUND, CODED, NAN, PLUS, MINUS = range(5)
STATES = 5
PLAIN = 3
ZSTD_LEVEL = 19
MOST_WINDOW = 1 << 23
#: A packed copy of the voxels is tried where zlib's fastest is at most this many times larger.
PROMISING = 1.5

_HEAD = struct.Struct("<BBIQ")
_NUMBERS = struct.Struct("<III")

Frame = NDArray[Any]


@dataclass(frozen=True)
class CodedFrame:
    """A section, and the voxels it decodes to."""

    data: bytes
    voxels: Frame


def encode_frame(stored: Frame, bound: float | None, zero: float = 0.0) -> CodedFrame:
    """Code a frame.

    Parameters
    ----------
    stored : ndarray
        ``(D, H, W)``, values as stored.
    bound : float or None
        Largest error of a voxel, in stored values; None for no error at all.
    zero : float
        The value that would be background.
    """
    states, background = _states(stored, zero)
    coded = states == CODED
    ways = [_numbers(stored, coded, bound)] if coded.any() else [(b"", stored, 0)]
    ways = [way for way in ways if way is not None] or [_plain(stored, coded)]
    if coded.any() and ways[0][2] != PLAIN and _is_promising(stored, coded, len(ways[0][0])):
        ways.append(_plain(stored, coded))
    body, voxels, kind = min(ways, key=lambda way: len(way[0]))
    if np.any(states == NAN):
        voxels = voxels.copy()
        voxels[states == NAN] = np.nan
    used = np.flatnonzero(np.bincount(states.reshape(-1), minlength=STATES))
    stream = b""
    if len(used) > 1:
        ranks = np.searchsorted(used, states)
        stream, _ = encode_integers(ranks, _states_grid(states.shape, len(used)))
    bits = sum(1 << int(state) for state in used)
    head = _HEAD.pack(kind, bits, len(stream), background)
    return CodedFrame(head + stream + body, voxels)


def decode_frame(data: bytes, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Frame:
    """Voxels ``(D, H, W)`` of a frame.

    Raises
    ------
    FormatError
    """
    if len(data) < _HEAD.size:
        raise FormatError("section 'residual' is cut short")
    kind, bits, length, background = _HEAD.unpack_from(data)
    rest = data[_HEAD.size :]
    if len(rest) < length:
        raise FormatError("section 'residual' is cut short")
    states = _decoded_states(rest[:length], bits, shape, dtype)
    rest = rest[length:]
    voxels = np.empty(shape, dtype)
    voxels[...] = values_of(np.array([background], np.uint64), dtype)[0]
    for state, value in ((NAN, np.nan), (PLUS, np.inf), (MINUS, -np.inf)):
        if bits >> state & 1:
            voxels[states == state] = value
    coded = states == CODED
    if not coded.any():
        if rest:
            raise FormatError("section 'residual' holds more than its voxels")
        return voxels
    if kind == PLAIN:
        voxels[coded] = _unpacked(rest, int(np.count_nonzero(coded)), dtype)
        return voxels
    if len(rest) < _NUMBERS.size:
        raise FormatError("section 'residual' is cut short")
    most, step, start = _NUMBERS.unpack_from(rest)
    if step % 2 == 0 or start > most:
        raise FormatError("section 'residual' states numbers that no writer does")
    mapping, stream = unpack_mapping(kind, rest[_NUMBERS.size :], most)
    _check_type(mapping, dtype)
    numbers = decode_integers(stream, Grid(coded, most, step, start))
    voxels[coded] = mapping.stored(numbers[coded].astype(np.int64), dtype)
    return voxels


def _check_type(mapping: Mapping, dtype: np.dtype[Any]) -> None:
    if hasattr(mapping, "spacing") and dtype.kind != "f":
        raise FormatError(f"section 'residual' scales voxels of type {dtype}")


def _states(stored: Frame, zero: float) -> tuple[NDArray[np.uint8], int]:
    """State of each voxel, and the key of the background."""
    values, flat, finite = finite_voxels(stored, zero)
    states = np.full(stored.shape, CODED, np.uint8)
    key = 0
    background = solid_background(values, flat)
    if background is not None:
        keys = keys_of(values[background])
        key = int(keys[0])
        places = background.copy()
        places[background] = keys == keys[0]
        states[places] = BACKGROUND
    elif values.size and (values == values.flat[0]).all():
        keys = keys_of(values)
        key = int(keys.flat[0])
        states[keys == keys.flat[0]] = BACKGROUND
    if finite is not None:
        states[np.isnan(stored)] = NAN
        states[stored == np.inf] = PLUS
        states[stored == -np.inf] = MINUS
    return states, key


def _states_grid(shape: Sequence[int], count: int) -> Grid:
    return Grid(np.ones(tuple(shape), bool), count - 1, 1, 0)


def _decoded_states(
    stream: bytes, bits: int, shape: tuple[int, int, int], dtype: np.dtype[Any]
) -> NDArray[np.uint8]:
    used = [state for state in range(STATES) if bits >> state & 1]
    if not used or bits >> STATES or (max(used) > CODED and dtype.kind != "f"):
        raise FormatError("section 'residual' knows no such voxels")
    if len(used) == 1:
        if stream:
            raise FormatError("section 'residual' holds more than its voxels")
        return np.full(shape, used[0], np.uint8)
    ranks = decode_integers(stream, _states_grid(shape, len(used)))
    states: NDArray[np.uint8] = np.array(used, np.uint8)[ranks]
    return states


def _numbers(
    stored: Frame, coded: NDArray[np.bool_], bound: float | None
) -> tuple[bytes, Frame, int] | None:
    """Voxels as whole numbers; None where they do not fit."""
    values = stored[coded]
    chosen = bounded_mapping(values, bound) if bound is not None else None
    mapping: Mapping | None
    mapping, half = chosen or (exact_mapping(values), 0)
    if mapping is None:
        return None
    numbers = mapping.numbers(values)
    most, start = int(numbers.max()), int(np.median(numbers))
    if most > MOST:
        return None
    step = 2 * min(half, most) + 1
    volume = np.zeros(stored.shape, np.int64)
    volume[coded] = numbers
    stream, decoded = encode_integers(volume, Grid(coded, most, step, start))
    voxels = stored.copy()
    voxels[coded] = mapping.stored(decoded[coded].astype(np.int64), stored.dtype)
    return _NUMBERS.pack(most, step, start) + mapping.pack() + stream, voxels, mapping.id


def _plain(stored: Frame, coded: NDArray[np.bool_]) -> tuple[bytes, Frame, int]:
    """Voxels as they are, byte by byte of all, packed."""
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    packed = compressor.compress(_bytewise(stored[coded]))
    return packed, stored, PLAIN


def _is_promising(stored: Frame, coded: NDArray[np.bool_], nbytes: int) -> bool:
    return len(zlib.compress(_bytewise(stored[coded]), 1)) < PROMISING * nbytes


def _bytewise(values: Frame) -> bytes:
    size = values.dtype.itemsize
    rows: NDArray[np.uint8] = np.ascontiguousarray(values).view(np.uint8).reshape(-1, size)
    turned: NDArray[np.uint8] = np.ascontiguousarray(rows.T)
    return turned.tobytes()


def _unpacked(data: bytes, count: int, dtype: np.dtype[Any]) -> Frame:
    size = count * dtype.itemsize
    decompressor = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW)
    try:
        with decompressor.stream_reader(io.BytesIO(data)) as reader:
            plain = reader.read(size)
    except zstandard.ZstdError as error:
        raise FormatError("voxels in section 'residual' are damaged") from error
    if len(plain) != size:
        raise FormatError("voxels in section 'residual' are cut short")
    parts = np.frombuffer(plain, np.uint8).reshape(dtype.itemsize, count)
    values: Frame = np.ascontiguousarray(parts.T).view(dtype).reshape(-1)
    if dtype.kind == "b":
        values = values.view(np.uint8) != 0
    return values


def largest_bound(max_error: float, slope: float | None) -> float:
    """A bound in stored values from one in intensities."""
    size = abs(slope) if slope else 1.0
    bound = max_error / size
    while bound > 0 and bound * size > max_error:
        bound = math.nextafter(bound, 0)
    return bound
