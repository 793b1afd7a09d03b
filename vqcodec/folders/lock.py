"""One run at a time in an output folder."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .names import OWN_PREFIX

LOCK_NAME = f"{OWN_PREFIX}lock"
_NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL})
_TAKEN = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})


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
            _lock(descriptor)
        except OSError as error:
            if error.errno in _TAKEN:
                holder = os.read(descriptor, 200).decode(errors="replace").strip()
                by = f" ({holder})" if holder else ""
                raise FolderInUseError(f"another run{by} is writing into {folder}") from None
            if error.errno not in _NO_LOCKS:
                raise
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # locked bytes cannot be read: this one is never there

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
