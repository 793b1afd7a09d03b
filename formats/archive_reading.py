"""Reading an archive: an HDF5 file of many members; see VQA.md. Never torch."""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from pathlib import Path

from ..errors import FormatError, VqzError
from .archive_hdf5 import SUPERBLOCK_BYTES, read_superblock
from .archive_snapshot import Snapshot, read_snapshot
from .archive_tables import Member

_ATTEMPTS = 5
_READ_BYTES = 1 << 24


class ArchiveFile:
    """An archive open for reading: what it held when it was opened, whoever appends meanwhile.

    Safe to use from several threads, and in processes forked from this one.

    Attributes
    ----------
    path : Path
    snapshot : Snapshot
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open an archive and read its tables.

        Raises
        ------
        OSError
            It cannot be read.
        FormatError, UnsupportedError, LimitExceededError
        """
        self.path = Path(path)
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.path, flags)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._lock = threading.Lock()
        try:
            self.snapshot = self._newest()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; that happens by itself, too, once nothing refers to it."""
        self._close()

    def read(self, member: Member) -> bytes:
        """Bytes of a member, held against their checksum.

        Raises
        ------
        FormatError
            They are not what was written.
        OSError
        """
        data = self._read(self.snapshot.data_address + member.offset, member.length)
        if hashlib.sha256(data).digest() != member.sha256:
            raise FormatError(f"checksum of {member.name!r} does not match (archive is damaged)")
        return data

    def _newest(self) -> Snapshot:
        """Read the tables; again, if someone appended so much meanwhile that they are gone."""
        for attempt in range(1, _ATTEMPTS + 1):
            first = self._read_up_to(0, SUPERBLOCK_BYTES)
            try:
                return self._snapshot(first)
            except VqzError:
                if attempt == _ATTEMPTS or self._read_up_to(0, SUPERBLOCK_BYTES) == first:
                    raise
        raise AssertionError("unreachable")

    def _snapshot(self, first: bytes) -> Snapshot:
        superblock = read_superblock(first)
        present = os.fstat(self._descriptor).st_size
        if present < superblock.end:
            raise FormatError(
                f"archive is cut short: {present} of {superblock.end} bytes are there"
            )
        return read_snapshot(self._descriptor, superblock, self._read)

    def _read(self, address: int, size: int) -> bytes:
        data = self._read_up_to(address, size)
        if len(data) < size:
            raise FormatError("archive is cut short")
        return data

    def _read_up_to(self, address: int, size: int) -> bytes:
        blocks = []
        while size and (block := self._read_some(address, min(size, _READ_BYTES))):
            blocks.append(block)
            address, size = address + len(block), size - len(block)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def _read_some(self, address: int, size: int) -> bytes:
        if not self._close.alive:
            raise ValueError(f"archive {self.path} is closed")
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, size, address)
        with self._lock:
            os.lseek(self._descriptor, address, os.SEEK_SET)
            return os.read(self._descriptor, size)
