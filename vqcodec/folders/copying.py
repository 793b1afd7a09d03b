"""Files taken over byte for byte."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..formats.atomic import write_atomically
from .fingerprint import Fingerprint, check_unchanged

_CHUNK = 1 << 20


def copy_file(source: Path, target: Path, was: Fingerprint) -> None:
    """Copy a file, with its times and permissions, replacing what is there.

    Parameters
    ----------
    was : Fingerprint
        What the source must hold, from the first byte read to the last.

    Raises
    ------
    OSError
        The error's ``filename`` tells which of the two it is about; ``target`` is as it was.
    """
    try:
        write_atomically(target, _content(source, was), overwrite=True)
    except _CannotReadError as wrapped:
        raise wrapped.error from None
    with suppress(OSError):  # not every file system keeps them
        shutil.copystat(source, target)


class _CannotReadError(Exception):
    """Carries an error of the source through the writing of the target."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def _content(source: Path, was: Fingerprint) -> Iterator[bytes]:
    digest = hashlib.sha256()
    try:
        with source.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != was.sha256:
            check_unchanged((source,), was)
    except OSError as error:
        error.filename = os.fspath(source)
        raise _CannotReadError(error) from error
