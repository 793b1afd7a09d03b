"""Reading a file, compressed or not, never further than its own size allows."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import VolumeError

_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_RATIO = 1032  # deflate cannot shrink anything further
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """Bytes to read from the start, decompressed on the way.

    Attributes
    ----------
    stream : binary file
        The (decompressed) bytes.
    capacity : int
        Most bytes that the stream can hold, known before anything is decompressed.
    packed : bool
        Whether the bytes are gzip-compressed.
    """

    stream: BinaryIO
    capacity: int
    packed: bool

    def read(self, count: int) -> bytes:
        """Read up to ``count`` bytes; fewer only at the end."""
        with _gzip_errors():
            return self.stream.read(count)

    def rewind(self) -> None:
        """Go back to the first byte."""
        with _gzip_errors():
            self.stream.seek(0)

    def require(self, count: int) -> None:
        """Raise `VolumeError` if the stream cannot hold ``count`` more bytes, by its size."""
        if self.stream.tell() + count > self.capacity:
            raise VolumeError(f"is cut short: its header announces {count} bytes of voxels")

    def read_values(self, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Read ``count`` values into a new array of one axis.

        Raises
        ------
        VolumeError
            The bytes end before the values do; nothing is allocated if that is clear from
            the size of the file.
        """
        wanted = count * dtype.itemsize
        self.require(wanted)
        values = np.empty(count, dtype)
        target = values.view(np.uint8)
        for start in range(0, wanted, _CHUNK):
            chunk = self.read(min(_CHUNK, wanted - start))
            if len(chunk) < min(_CHUNK, wanted - start):
                raise VolumeError(f"is cut short: its header announces {wanted} bytes of voxels")
            target[start : start + len(chunk)] = np.frombuffer(chunk, np.uint8)
        return values


@contextmanager
def _gzip_errors() -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise VolumeError("is cut short: its gzip stream has no end") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise VolumeError(f"its gzip data is damaged ({error})") from error


def _source(stream: BinaryIO, size: int) -> Source:
    packed = stream.read(2) == _GZIP_MAGIC
    stream.seek(0)
    if not packed:
        return Source(stream, size, packed)
    inflated = cast(BinaryIO, gzip.GzipFile(fileobj=stream, mode="rb"))
    return Source(inflated, size * _DEFLATE_RATIO, packed)


def source_of_bytes(data: bytes) -> Source:
    """Source over bytes in memory; `VolumeError` if there are none."""
    if not data:
        raise VolumeError("is empty")
    return _source(BytesIO(data), len(data))


@contextmanager
def open_source(path: str | os.PathLike[str]) -> Iterator[Source]:
    """Open a regular, non-empty file as a source.

    Raises
    ------
    VolumeError
        The path is a folder or a device, or the file is empty.
    OSError
        The file is missing or cannot be read.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise VolumeError("is a folder, not a volume file")
    if not stat.S_ISREG(mode):
        raise VolumeError("is not a regular file; a stream is read through standard input, '-'")
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            raise VolumeError("is empty")
        yield _source(stream, size)
