"""Sections 16.1 and 16.2 of the specification: a residual section to the voxels of a frame."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import zstandard

from .container import require
from .lattice import decode_lattices


def decode_exact(data: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Voxels of a RAS frame."""
    require(len(data) >= 14, "section is cut short")
    kind, bits, length, background = struct.unpack_from("<BBIQ", data)
    stream, rest = data[14 : 14 + length], data[14 + length :]
    require(len(stream) == length, "section is cut short")
    used = [state for state in range(8) if bits >> state & 1]
    require(bool(used) and bits < (32 if dtype.kind == "f" else 4), "states")
    states = np.full(shape, used[0])
    if len(used) > 1:
        ranks = decode_lattices(stream, np.ones(shape, bool), len(used) - 1, 1, 0)
        states = np.array(used)[ranks.astype(int)]
    else:
        require(not stream, "states")
    fixed = [value_of(background, dtype), None, np.nan, np.inf, -np.inf]
    voxels = np.zeros(shape, dtype)
    for state in set(used) - {1}:
        voxels[states == state] = fixed[state]
    coded = states == 1
    if not coded.any():
        require(not rest, "no voxel is coded")
    elif kind == 3:
        plain = zstandard.ZstdDecompressor().decompressobj().decompress(rest)
        count = np.count_nonzero(coded)
        require(len(plain) == count * dtype.itemsize, "length of the voxels")
        pieces = (plain[place::count] for place in range(count))
        voxels[coded] = np.frombuffer(b"".join(pieces), dtype)
    else:
        voxels[coded] = numbered(kind, rest, coded, dtype)
    return voxels


def numbered(kind: int, rest: bytes, coded: np.ndarray, dtype: np.dtype) -> list:
    require(len(rest) >= 16, "section is cut short")
    (most, step, start), rest = struct.unpack_from("<III", rest), rest[12:]
    require(step % 2 == 1 and start <= most, "numbers")
    if kind == 1:
        (length,) = struct.unpack_from("<I", rest)
        packed, stream = rest[4 : 4 + length], rest[4 + length :]
        keys = np.cumsum(np.frombuffer(zlib.decompress(packed), "<u8"), dtype=np.uint64)
        require(len(keys) == most + 1 <= 1 << 16, "length of the table")
    else:
        require(kind in (0, 2) and len(rest) >= 16, "mapping")
        first, second = struct.unpack_from("<QQ" if kind == 0 else "<dd", rest)
        stream = rest[16:]
    numbers = decode_lattices(stream, coded, most, step, start)[coded]
    if kind == 2:
        largest = np.finfo(dtype).max
        scaled = [float(number) * second + first for number in numbers]
        return [dtype.type(min(max(value, -largest), largest)) for value in scaled]
    table = (int(keys[n]) for n in numbers) if kind == 1 else (first + second * n for n in numbers)
    return [value_of(key % (1 << 64), dtype) for key in table]


def value_of(key: int, dtype: np.dtype) -> np.generic:
    if dtype.kind in "bu":
        return np.array(key % (1 << 8 * dtype.itemsize), np.uint64).astype(dtype)[()]
    size = 8 * dtype.itemsize
    number = (key - (1 << 63)) % (1 << size)
    if dtype.kind == "f" and number >> (size - 1):
        number ^= (1 << (size - 1)) - 1
    return np.frombuffer(number.to_bytes(dtype.itemsize, "little"), dtype.newbyteorder("<"))[0]
