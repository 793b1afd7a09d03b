"""One run at a time in an output folder."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..formats.file_lock import lock_at_once
from .names import OWN_PREFIX

LOCK_NAME = f"{OWN_PREFIX}lock"


class FolderInUseError(Exception):
    """Another run is writing into the folder; its text says which."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder while the block lasts.

    The system gives the lock back when the process ends, however it ends: the file that stays
    behind locks nothing. File systems without locks are used without.

    Raises
    ------
    FolderInUseError
        Another run holds the lock.
    OSError
        The folder cannot be written to.
    """
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            lock_at_once(descriptor)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            holder = os.read(descriptor, 200).decode(errors="replace").strip()
            by = f" ({holder})" if holder else ""
            raise FolderInUseError(f"another run{by} is writing into {folder}") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        os.close(descriptor)
