"""Bytes of streams and the checksums behind them; memory grows with what is really there."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from ..errors import FormatError
from .checksum import crc32c

_CHECKSUM = struct.Struct("<I")
CHECKSUM_BYTES = _CHECKSUM.size
_READ_BYTES = 1 << 20


def sealed(data: bytes) -> bytes:
    """Return bytes with their checksum behind them."""
    return data + _CHECKSUM.pack(crc32c(data))


def as_stream(source: bytes | BinaryIO) -> BinaryIO:
    """Return a stream over bytes, or the stream itself."""
    return io.BytesIO(source) if isinstance(source, bytes) else source


def read_up_to(stream: BinaryIO, count: int) -> bytes:
    """Return ``count`` bytes, or all that are left; memory grows with what is really there."""
    blocks = []
    while count and (block := stream.read(min(count, _READ_BYTES))):
        blocks.append(block)
        count -= len(block)
    return b"".join(blocks)


def read_exactly(stream: BinaryIO, count: int, name: str) -> bytes:
    """Return ``count`` bytes; FormatError, naming ``name``, if fewer are left."""
    data = read_up_to(stream, count)
    if len(data) < count:
        raise FormatError(f"file is cut short in {name}")
    return data


def checked(data: bytes, expected: int, name: str) -> bytes:
    """Return bytes whose checksum is the expected one; FormatError, naming ``name``, if not."""
    if crc32c(data) != expected:
        raise FormatError(f"checksum of {name} does not match (file is damaged)")
    return data


def read_sealed(stream: BinaryIO, count: int, name: str) -> bytes:
    """Return ``count`` bytes that their checksum follows; FormatError if it does not match."""
    data = read_exactly(stream, count + CHECKSUM_BYTES, name)
    (expected,) = _CHECKSUM.unpack_from(data, count)
    return checked(data[:count], expected, name)


def check_file_size(stream: BinaryIO, already_read: int, file_size: int) -> None:
    """Raise FormatError if a stream that can seek does not end where the file does."""
    if not stream.seekable():
        return
    position = stream.tell()
    present = stream.seek(0, io.SEEK_END) - position + already_read
    stream.seek(position)
    if present < file_size:
        raise FormatError(f"file is cut short: {present} of {file_size} bytes are there")
    if present > file_size:
        raise FormatError(f"file has {present - file_size} bytes after its end")
