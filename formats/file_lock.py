"""One writer at a time; the system lets go of the lock when the process ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys

if sys.platform == "win32":
    import msvcrt

    _FAR_AWAY = 1 << 30  # locked bytes cannot be read on Windows: take one that is not there

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR_AWAY, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TAKEN = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
_NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL})


def lock_at_once(descriptor: int) -> None:
    """Lock an open file for this process, as long as it is open; not where there are no locks.

    Raises
    ------
    OSError
        ``EBUSY``: another process, or another opening of the file, holds it.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno in _TAKEN:
            raise OSError(errno.EBUSY, "another program is using it") from None
        if error.errno not in _NO_LOCKS:
            raise
