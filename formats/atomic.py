"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}
)


def _write_new(path: str, chunks: Iterable[bytes]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o666), "wb") as stream:
        for chunk in chunks:
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())


def _reserve_and_replace(temporary: str, path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        os.replace(temporary, path)
    except BaseException:
        os.unlink(path)
        raise


def _publish_new(temporary: str, path: str) -> None:
    """Give the file its name unless the name is taken, without a moment in between."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _reserve_and_replace(temporary, path)


def _check_target(path: str, overwrite: bool) -> None:
    try:
        mode = os.stat(path).st_mode if overwrite else os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file", path)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Make an error name the file that the caller knows of."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = name, None
        raise


@contextmanager
def appears_whole(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[str]:
    """Give the name of a sibling to write; it becomes ``path`` when the block ends.

    The block makes the sibling, and sees to it that its bytes reach the disk. On any failure,
    Ctrl-C included, the sibling is removed and ``path`` is as it was.

    Parameters
    ----------
    path, overwrite
        As for `write_atomically`.

    Raises
    ------
    FileExistsError, OSError
        As for `write_atomically`; an error inside the block stays what it is.
    """
    name = os.fspath(path)
    target = os.path.realpath(name) if overwrite else name
    temporary = os.path.join(os.path.dirname(target), f".vqz-{os.urandom(8).hex()}.tmp")
    with _naming(name):
        _check_target(target, overwrite)
    try:
        yield temporary
        with _naming(name):
            if overwrite:
                os.replace(temporary, target)
            else:
                _publish_new(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def write_atomically(
    path: str | os.PathLike[str], data: bytes | Iterable[bytes], overwrite: bool = False
) -> None:
    """Write ``data`` to ``path`` so that no reader ever sees a part of it.

    The bytes go to a sibling file, reach the disk, and only then take the name. On any
    failure, Ctrl-C included, the sibling is removed and ``path`` is as it was. The new file
    has the permissions that ``open(path, "wb")`` would give it.

    Parameters
    ----------
    path : str or os.PathLike of str
        The file to write. With ``overwrite``, a symbolic link is followed.
    data : bytes or iterable of bytes
        The whole content, at once or in parts.
    overwrite : bool
        Replace an existing regular file. Without it an existing file is never touched,
        not even one that another process creates meanwhile.

    Raises
    ------
    FileExistsError
        ``path`` exists and ``overwrite`` is false.
    OSError
        The folder is missing or not writable, the disk is full, or ``path`` is a folder or a
        device. The error names ``path``.
    """
    with _naming(os.fspath(path)), appears_whole(path, overwrite) as temporary:
        _write_new(temporary, (data,) if isinstance(data, bytes) else data)
