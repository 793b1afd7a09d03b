"""The work on one item of a folder run; done by other processes and machines too."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..device import one_torch_thread
from ..folders.copying import copy_file
from ..folders.fingerprint import check_unchanged, fingerprint
from ..folders.names import stored_in
from ..folders.plan import Item
from .exits import writing
from .outcomes import Outcome, Record, failure, number_of

_PASSING = frozenset(
    {
        *(errno.EAGAIN, errno.EBUSY, errno.EIO, errno.EINTR, errno.ESTALE, errno.ETIMEDOUT),
        *(errno.ECONNRESET, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOMEM),
    }
)

Check = Callable[[], None]
Convert = Callable[[Any, Check], Record]


@dataclass(frozen=True)
class Task:
    """An item with all that a worker needs.

    Attributes
    ----------
    item : Item
    folder : Path
        The output folder.
    convert : callable or None
        Importable by its name; takes ``job`` and a check to make before anything is written.
        None copies the file.
    job : Any
    """

    item: Item
    folder: Path
    convert: Convert | None
    job: Any

    @property
    def source(self) -> Path:
        """The file."""
        return self.item.source


def perform(task: Task) -> Record:
    """Make the result of an item, and say what source and result look like.

    A source that changes while it is read gives no result.
    """
    item = task.item
    files = (item.source,) if task.convert is None else stored_in(item.source)
    was = fingerprint(files)
    target = task.folder / item.result
    if task.convert is None:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        try:
            copy_file(item.source, target, was)
        except OSError as error:
            if error.filename != os.fspath(target):
                raise
            with writing(target):
                raise
        record = {"source": str(item.source), "output": str(target), "copied": True}
    else:
        with one_torch_thread():
            record = task.convert(task.job, lambda: check_unchanged(files, was))
    result = fingerprint([task.folder / name for name in item.results])
    return {**record, "source_is": asdict(was), "result_is": asdict(result)}


def perform_or_retry(task: Task) -> Outcome:
    """Make the result of an item; let errors through that may be gone a moment later."""
    try:
        return Outcome(task.source, record=perform(task))
    except Exception as error:
        if number_of(error) in _PASSING or isinstance(error, MemoryError):
            raise
        return failure(task.source, error)
