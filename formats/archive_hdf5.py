"""The few HDF5 structures that an archive consists of, as bytes.

The HDF5 library changes a file in place and in an order of its own, so that a process that is
killed while it writes leaves a file that nothing opens. An archive is therefore written by hand:
everything new goes to bytes that the file does not use yet, and one write of 48 bytes, the
superblock, makes it the content. What is written is plain HDF5 (file format specification 3.0,
superblock 2, contiguous datasets), which the library reads.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FormatError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SUPERBLOCK_BYTES = 48

_SUPERBLOCK = struct.Struct("<8s4B4Q")
_CHECKSUM = struct.Struct("<I")
_UNDEFINED = (1 << 64) - 1
_VERSION, _WIDTH = 2, 8
_MASK = 0xFFFFFFFF

# Types of messages in an object header.
_DATASPACE, _LINK_INFO, _DATATYPE, _FILL_VALUE, _LINK, _LAYOUT, _GROUP_INFO = 1, 2, 3, 5, 6, 8, 10


@dataclass(frozen=True)
class Superblock:
    """Where the content of a file ends, and where its root group stands."""

    end: int
    root: int

    def to_bytes(self) -> bytes:
        """The first 48 bytes of the file."""
        words = (_VERSION, _WIDTH, _WIDTH, 0, 0, _UNDEFINED, self.end, self.root)
        return _sealed(_SUPERBLOCK.pack(SIGNATURE, *words))


def read_superblock(data: bytes) -> Superblock:
    """Check the first bytes of an archive.

    Raises
    ------
    FormatError
    """
    if data[: len(SIGNATURE)] != SIGNATURE:
        raise FormatError("not an archive (no HDF5 file)")
    if len(data) < SUPERBLOCK_BYTES:
        raise FormatError("archive is cut short: its superblock is not all there")
    if data[len(SIGNATURE)] != _VERSION:
        raise FormatError("not an archive (another kind of HDF5 file)")
    *_, end, root = _SUPERBLOCK.unpack_from(data)
    superblock = Superblock(end, root)
    if superblock.to_bytes() != data[:SUPERBLOCK_BYTES]:
        raise FormatError("superblock of the archive is damaged, or of another kind of HDF5 file")
    return superblock


def checksum(data: bytes) -> int:
    """Bob Jenkins' lookup3, which HDF5 seals its metadata with."""
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    whole = max(0, (len(data) - 1) // 12)
    for x, y, z in struct.iter_unpack("<III", data[: 12 * whole]):
        a, b, c = _mixed(a + x & _MASK, b + y & _MASK, c + z & _MASK)
    rest = data[12 * whole :]
    if not rest:
        return c
    x, y, z = struct.unpack("<III", rest.ljust(12, b"\0"))
    return _finished(a + x & _MASK, b + y & _MASK, c + z & _MASK)


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> 32 - bits) & _MASK


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = (a - c & _MASK) ^ _rotated(c, bits)
        a, b, c = b, c + b & _MASK, a
    return a, b, c


def _finished(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _rotated(b, bits) & _MASK
        a, b, c = b, c, a
    return b


def _sealed(data: bytes) -> bytes:
    return data + _CHECKSUM.pack(checksum(data))


def group(links: Mapping[str, int]) -> bytes:
    """Object header of a group: names of at most 255 bytes, and addresses of object headers."""
    messages = [
        (_LINK_INFO, struct.pack("<2B2Q", 0, 0, _UNDEFINED, _UNDEFINED)),
        (_GROUP_INFO, bytes(2)),
    ]
    for name, address in links.items():
        text = name.encode()
        messages.append(
            (_LINK, struct.pack("<3B", 1, 0, len(text)) + text + address.to_bytes(8, "little"))
        )
    return _object_header(messages)


def dataset(dtype: np.dtype[Any], rows: int, address: int) -> bytes:
    """Object header of a contiguous dataset of one axis."""
    size = rows * dtype.itemsize
    return _object_header(
        [
            (_DATASPACE, struct.pack("<4BQ", 2, 1, 0, 1, rows)),
            (_DATATYPE, _encoded(dtype)),
            (_FILL_VALUE, bytes((3, 0x0A))),  # allocated late, the default fill value
            (_LAYOUT, struct.pack("<2B2Q", 3, 1, address if size else _UNDEFINED, size)),
        ]
    )


def _object_header(messages: Sequence[tuple[int, bytes]]) -> bytes:
    body = b"".join(struct.pack("<BHB", kind, len(data), 0) + data for kind, data in messages)
    return _sealed(b"OHDR" + struct.pack("<2BI", 2, 0x02, len(body)) + body)


def _encoded(dtype: np.dtype[Any]) -> bytes:
    """A type as HDF5 stores it, without the two bytes that ``H5Tencode`` puts before."""
    import h5py

    encoded: bytes = h5py.h5t.py_create(dtype, logical=True).encode()
    return encoded[2:]
