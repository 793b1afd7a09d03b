"""Which files a command works on, and what the results are called."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from .exits import Code, Failed

STREAM = Path("-")
VQZ_SUFFIX = ".vqz"
PAIRS = ((".hdr", ".img"), (".hdr.gz", ".img.gz"))


@dataclass(frozen=True)
class Found:
    """A file to work on, and its place below the argument that named it."""

    source: Path
    relative: Path


def is_vqz(path: Path) -> bool:
    """Return whether a file's name says that it is a VQZ file."""
    return path.suffix.lower() == VQZ_SUFFIX


def is_volume(path: Path) -> bool:
    """Return whether a file's name says that it is a volume."""
    from ..formats.known import volume_suffix

    return bool(volume_suffix(path))


def vqz_name(path: Path) -> Path:
    """``scan.nii.gz`` -> ``scan.vqz``."""
    from ..formats.known import volume_suffix

    return path.with_name(path.name.removesuffix(volume_suffix(path)) + VQZ_SUFFIX)


def volume_name(path: Path, suffix: str) -> Path:
    """``scan.vqz`` -> ``scan.nii.gz``."""
    stem = path.name[: -len(VQZ_SUFFIX)] if is_vqz(path) else path.name
    return path.with_name(stem + suffix)


def written_with(path: Path) -> tuple[Path, ...]:
    """Return the files that writing a volume to ``path`` makes: two for a header and image pair."""
    for pair in PAIRS:
        for suffix in pair:
            if path.name.lower().endswith(suffix):
                stem, ending = path.name[: -len(suffix)], path.name[-len(suffix) :]
                parts = [part.upper() if ending.isupper() else part for part in pair]
                return tuple(path.with_name(stem + part) for part in parts)
    return (path,)


def find_files(
    arguments: Sequence[Path], wanted: Callable[[Path], bool], recursive: bool
) -> tuple[list[Found], list[tuple[Path, Failed]]]:
    """Expand the arguments of a command.

    A file is taken as it is. A folder needs ``recursive``, and gives the files in it that are
    wanted, hidden ones aside, in the order of their names; of a header and image pair, the header.
    """
    found: list[Found] = []
    failures: list[tuple[Path, Failed]] = []
    for argument in arguments:
        if argument == STREAM or not argument.is_dir():
            found.append(Found(argument, Path(argument.name)))
        elif not recursive:
            failures.append((argument, Failed(Code.NO_INPUT, "is a folder (-r goes into it)")))
        else:
            inside = _files_below(argument, wanted)
            found.extend(Found(path, path.relative_to(argument)) for path in inside)
            if not inside:
                failures.append((argument, Failed(Code.NO_INPUT, "no files to work on inside")))
    return found, failures


def _files_below(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        visible = [Path(parent, name) for name in sorted(names) if not name.startswith(".")]
        found.extend(path for path in visible if wanted(path) and not _is_second_of_pair(path))
    return found


def _is_second_of_pair(path: Path) -> bool:
    from ..errors import VolumeError
    from ..formats.volumes import pair_paths

    if len(written_with(path)) == 1:
        return False
    try:
        return pair_paths(path)[0] != path
    except VolumeError:
        return False


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
