"""The files below a folder, whatever its links look like."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .names import OWN_PREFIX


def files_below(
    folder: Path, problems: list[tuple[Path, OSError]], leave_out: Path | None = None
) -> Iterator[Path]:
    """Walk a folder in the order of names, a folder's files before its subfolders.

    Links to folders are followed, unless they lead to a folder that contains them: everything in
    it is visited anyway. Hidden folders, and files that belong to a run, are left out.

    Parameters
    ----------
    folder : Path
        Where to begin.
    problems : list
        Gets the folders that cannot be read, each with the error.
    leave_out : Path, optional
        A folder not to enter.
    """
    outside = {_identity(leave_out)} if leave_out is not None and leave_out.is_dir() else set()
    yield from _below(folder, problems, outside)


def _below(
    folder: Path, problems: list[tuple[Path, OSError]], entered: set[tuple[int, int]]
) -> Iterator[Path]:
    folders = []
    try:
        here = entered | {_identity(folder)}
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        problems.append((folder, error))
        return
    for entry in entries:
        if _is_folder(entry):
            folders.append(entry.name)
        elif not entry.name.startswith(OWN_PREFIX):
            yield folder / entry.name
    for name in folders:
        if name.startswith("."):
            continue
        try:
            known = _identity(folder / name) in here
        except OSError as error:
            problems.append((folder / name, error))
            continue
        if not known:
            yield from _below(folder / name, problems, here)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: a file that cannot be read
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
