"""What became of the work on one file."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from .exits import Code, explain

_NOWHERE_TO_WRITE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Job(Protocol):
    """Something to do with one file."""

    @property
    def source(self) -> Path | str:
        """The file, ``-``, or another name of what the job is about."""


AnyJob = TypeVar("AnyJob", bound=Job)
Record = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a record if it is done, else a code and a message.

    Attributes
    ----------
    source : Path or str
    record : dict or None
        What ``--json`` prints.
    code : Code
    message : str
        One line.
    trace : str
        For ``VQZ_DEBUG``.
    stops : bool
        The disk is full or cannot be written: other files will fare no better.
    """

    source: Path | str
    record: Record | None = None
    code: Code = Code.DONE
    message: str = ""
    trace: str = ""
    stops: bool = False


def attempt(work: Callable[[AnyJob], Record], job: AnyJob) -> Outcome:
    """Do one job; every error becomes an outcome."""
    try:
        return Outcome(job.source, record=work(job))
    except BrokenPipeError:
        raise
    except Exception as error:
        return failure(job.source, error)


def failure(source: Path | str, error: Exception) -> Outcome:
    """Turn an error into an outcome."""
    code, message = explain(error)
    trace = "".join(traceback.format_exception(error))
    stops = number_of(error) in _NOWHERE_TO_WRITE
    return Outcome(source, code=code, message=message, trace=trace, stops=stops)


def number_of(error: BaseException) -> int | None:
    """``errno`` of an error, or of the one that it was made from."""
    found = error if isinstance(error, OSError) else error.__cause__
    return found.errno if isinstance(found, OSError) else None
