"""One writer at a time; the system lets go of the lock when the process ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform == "win32":
    import msvcrt

    _FAR_AWAY = 1 << 62  # locked bytes cannot be read on Windows: take one that is not there

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR_AWAY, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR_AWAY, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


_BUSY = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK})


@contextmanager
def locked(descriptor: int, path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold an open file for this writer alone.

    Raises
    ------
    OSError
        ``EBUSY``: another one holds it.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        reason = "another program is using it"
        raise OSError(errno.EBUSY, reason, os.fspath(path)) from None
    try:
        yield
    finally:
        _unlock(descriptor)
