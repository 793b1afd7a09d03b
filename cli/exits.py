"""Exit codes, and which error means which."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

from ..errors import ModelUnavailableError, VqzError


class Code(IntEnum):
    """What the process returns. The numbers above 2 are those of ``sysexits.h``."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    BAD_DATA = 65
    NO_INPUT = 66
    UNAVAILABLE = 69
    INTERNAL = 70
    CANNOT_CREATE = 73
    IO = 74
    INTERRUPTED = 130
    TERMINATED = 143


class Failed(Exception):  # noqa: N818
    """Something the command line found out itself; its text is the message."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Terminated(SystemExit):
    """The process was told to end (SIGTERM): leave, cleaning up on the way."""


def end_on_signal(*_: object) -> None:
    """Signal handler: leave through every ``finally``."""
    raise Terminated(Code.TERMINATED)


_MEDIUM_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE})
_INPUT_ERRORS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


def explain(error: Exception) -> tuple[Code, str]:
    """Return the exit code of an error and one line about it."""
    if isinstance(error, Failed):
        return error.code, error.message
    if isinstance(error, ModelUnavailableError):
        return Code.UNAVAILABLE, str(error)
    if type(error) is VqzError:
        return Code.UNAVAILABLE, str(error)
    if isinstance(error, VqzError):
        return Code.BAD_DATA, str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return Code.UNAVAILABLE, f"needs {package}, which is not installed (pip install {package})"
    if isinstance(error, OSError) and error.errno is not None:
        code = Code.NO_INPUT if isinstance(error, _INPUT_ERRORS) else Code.IO
        return code, error.strerror or str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return Code.IO, "not enough memory for a volume of this size"
    kind = type(error).__name__
    return Code.INTERNAL, f"unexpected {kind}: {error}; this is a bug, please report it"


@contextmanager
def writing(path: Path, make_folders: bool = False) -> Iterator[None]:
    """Make errors of the operating system inside the block errors about writing ``path``.

    Its folder is made first, if so wished.
    """
    try:
        if make_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except FileExistsError as error:
        raise Failed(Code.CANNOT_CREATE, f"{path} exists already (-f overwrites it)") from error
    except OSError as error:
        code = Code.IO if error.errno in _MEDIUM_ERRORS else Code.CANNOT_CREATE
        reason = error.strerror or str(error)
        raise Failed(code, f"cannot write {path}: {reason}") from error
