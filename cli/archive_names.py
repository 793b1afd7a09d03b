"""Archives and names in them, as the commands of ``vqz archive`` take them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .exits import Code, Failed, explain

if TYPE_CHECKING:
    from ..archive import Archive
    from ..formats.archive_tables import Member

ARCHIVE = click.argument("archive", type=options.PATH)
NAMES = click.argument("names", metavar="[NAME]...", nargs=-1)


def opened(path: Path) -> Archive:
    """Open an archive for reading; errors name it.

    Raises
    ------
    Failed
    """
    from ..archive import Archive
    from ..errors import VqzError

    try:
        return Archive.open(path)
    except (OSError, VqzError) as error:
        code, message = explain(error)
        raise Failed(code, f"{path}: {message}") from error


def kept_open(path: Path) -> Archive:
    """An archive that stays open for the next of many jobs, in this process.

    Raises
    ------
    Failed
    """
    status = path.stat()
    return _opened_once(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1)
def _opened_once(path: Path, *_: int) -> Archive:
    return opened(path)


def chosen_members(archive: Archive, patterns: Sequence[str]) -> list[Member]:
    """The members whose names match one of the patterns; all, if there are none.

    Raises
    ------
    Failed
        Nothing matches one of them.
    """
    members = archive.members()
    unused = set(patterns)
    chosen = []
    for member in members:
        fitting = {
            each for each in patterns if member.name == each or fnmatchcase(member.name, each)
        }
        if fitting or not patterns:
            chosen.append(member)
        unused -= fitting
    if unused:
        named = ", ".join(sorted(unused))
        raise Failed(Code.NO_INPUT, f"{archive.path}: holds nothing named {named}")
    return chosen
