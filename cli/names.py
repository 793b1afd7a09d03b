"""Which files a command works on, and what the results are called."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ..folders.names import (
    is_second_of_pair,
    is_volume,
    is_vqz,
    volume_name,
    vqz_name,
    written_with,
)
from ..folders.tree import files_below
from .exits import Code, Failed

__all__ = [
    "STREAM",
    "Found",
    "check_distinct",
    "check_target",
    "find_files",
    "is_volume",
    "is_vqz",
    "read_stdin",
    "volume_name",
    "vqz_name",
    "write_stdout",
    "written_with",
]

STREAM = Path("-")


@dataclass(frozen=True)
class Found:
    """A file to work on, and its place below the argument that named it."""

    source: Path
    relative: Path


def find_files(
    arguments: Sequence[Path], wanted: Callable[[Path], bool], recursive: bool
) -> tuple[list[Found], list[tuple[Path, Exception]]]:
    """Expand the arguments of a command.

    A file is taken as it is. A folder needs ``recursive``, and gives the files in it that are
    wanted, hidden ones aside, in the order of their names; of a header and image pair, the header.
    """
    found: list[Found] = []
    failures: list[tuple[Path, Exception]] = []
    unreadable: list[tuple[Path, OSError]] = []
    for argument in arguments:
        if argument == STREAM or not argument.is_dir():
            found.append(Found(argument, Path(argument.name)))
        elif not recursive:
            failures.append((argument, Failed(Code.NO_INPUT, "is a folder (-r goes into it)")))
        else:
            inside = [
                path
                for path in files_below(argument, unreadable)
                if not path.name.startswith(".") and wanted(path) and not is_second_of_pair(path)
            ]
            found.extend(Found(path, path.relative_to(argument)) for path in inside)
            if not inside:
                failures.append((argument, Failed(Code.NO_INPUT, "no files to work on inside")))
    return found, [*failures, *unreadable]


def read_stdin() -> bytes:
    """Read all of standard input."""
    if sys.stdin.isatty():
        raise Failed(Code.NO_INPUT, "standard input is a terminal")
    return sys.stdin.buffer.read()


def write_stdout(data: bytes) -> None:
    """Write all of a result to standard output."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise Failed(Code.IO, f"cannot write to standard output: {reason}") from error


def check_distinct(targets: Sequence[tuple[Path, Path]]) -> None:
    """Refuse, before anything is done, to write one file twice or to write over a source.

    Parameters
    ----------
    targets : sequence of (Path, Path)
        Source and target of each job.
    """
    sources = {os.path.realpath(source) for source, _ in targets if source != STREAM}
    writers: dict[str, Path] = {}
    for source, target in targets:
        if target == STREAM:
            continue
        for file in written_with(target):
            real = os.path.realpath(file)
            if real in sources:
                raise click.UsageError(f"{file} is an input and would be overwritten")
            if real in writers:
                raise click.UsageError(f"{writers[real]} and {source} would both become {file}")
            writers[real] = source


def check_no_input(target: Path, sources: Iterable[Path]) -> None:
    """Refuse to write over a source."""
    if os.path.realpath(target) in map(os.path.realpath, sources):
        raise click.UsageError(f"{target} is an input and would be overwritten")


def check_target(target: Path, overwrite: bool, make_folders: bool) -> None:
    """Find out early that a file cannot be written."""
    if target == STREAM:
        return
    for file in written_with(target):
        if file.is_dir():
            raise Failed(Code.CANNOT_CREATE, f"cannot write {file}: it is a folder")
        if not overwrite and os.path.lexists(file):
            raise Failed(Code.CANNOT_CREATE, f"{file} exists already (-f overwrites it)")
    folder = target.parent
    while make_folders and not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise Failed(Code.CANNOT_CREATE, f"cannot write {target}: {folder} {what}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Failed(Code.CANNOT_CREATE, f"cannot write {target}: no permission in {folder}")
