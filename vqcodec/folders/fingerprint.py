"""Whether files are what they were: size and time first, then the hash of the content."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Fingerprint:
    """What a file, or the two files of a header and image pair together, looked like.

    Attributes
    ----------
    size : int
        Bytes, of all files together.
    mtime_ns : int
        Time of the last change, of the file changed last.
    sha256 : str
        Of the content, one file after the other.
    """

    size: int
    mtime_ns: int
    sha256: str


def fingerprint(files: Sequence[Path]) -> Fingerprint:
    """Read the files once, from the first byte to the last.

    Raises
    ------
    OSError
        A file cannot be read, is no regular file, or changes meanwhile (``EBUSY``).
    """
    before = _looks(files)
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    if _looks(files) != before:
        raise _changed(files[0])
    return Fingerprint(*before, digest.hexdigest())


def is_same(files: Sequence[Path], was: Fingerprint) -> bool:
    """Whether files are what they were; read only if size or time differ.

    Raises
    ------
    OSError
        As `fingerprint`.
    """
    size, mtime_ns = _looks(files)
    if size != was.size:
        return False
    return mtime_ns == was.mtime_ns or fingerprint(files).sha256 == was.sha256


def check_unchanged(files: Sequence[Path], was: Fingerprint) -> None:
    """Raise `OSError` (``EBUSY``) unless files hold what they did, whatever their times say."""
    now = fingerprint(files)
    if (now.size, now.sha256) != (was.size, was.sha256):
        raise _changed(files[0])


def _changed(file: Path) -> OSError:
    text = "changed while it was read (run again when nothing writes to it)"
    return OSError(errno.EBUSY, text, str(file))


def _looks(files: Sequence[Path]) -> tuple[int, int]:
    """Size of all files together in bytes, and time of the last change in ns."""
    found = [os.stat(file) for file in files]
    for file, status in zip(files, found, strict=True):
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(file))
    return sum(status.st_size for status in found), max(status.st_mtime_ns for status in found)
