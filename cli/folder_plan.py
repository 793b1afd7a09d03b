"""From a command's arguments to the items of a folder run."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from ..errors import VqzError
from ..folders.names import is_second_of_pair, is_vqz, stored_in
from ..folders.plan import Action, Collision, Item, without_collisions
from ..folders.tree import files_below
from .exits import Code, Failed
from .names import STREAM
from .outcomes import Outcome, failure


@dataclass
class Plan:
    """What a run is to do, and what cannot be done from the start."""

    items: list[Item] = field(default_factory=list)
    collisions: list[Collision] = field(default_factory=list)
    failed: list[Outcome] = field(default_factory=list)


def plan_run(
    arguments: Sequence[Path],
    output_dir: Path,
    *,
    action: Action,
    wanted: Callable[[Path], bool],
    result_of: Callable[[Path, Path], Path],
    copy_others: bool,
) -> Plan:
    """Look at the files and decide what each is to become.

    Parameters
    ----------
    arguments : sequence of Path
        Files and folders.
    output_dir : Path
        Where results go; not searched.
    action : {"compress", "decompress"}
        What becomes of the files that are wanted.
    wanted : callable
        Whether a file below a folder is to be worked on.
    result_of : callable
        From a file and its name below the argument, the name of its result; may raise.
    copy_others : bool
        Copy all other files.
    """
    plan = Plan()
    items: list[Item] = []
    for source, relative, is_wanted in _files(arguments, output_dir, wanted, copy_others, plan):
        if not is_wanted:
            items.append(Item(source, relative, relative, "copy"))
            continue
        try:
            items.append(Item(source, relative, result_of(source, relative), action))
        except Exception as error:
            plan.failed.append(failure(source, error))
    plan.items, plan.collisions = without_collisions(items)
    sources = {os.path.realpath(item.source) for item in items}
    for item in plan.items:
        if os.path.realpath(output_dir / item.result) in sources:
            raise click.UsageError(f"{output_dir / item.result} is an input and would be replaced")
    return plan


def matcher(patterns: Sequence[str], wanted: Callable[[Path], bool]) -> Callable[[Path], bool]:
    """Narrow ``wanted`` to file names that match one of the patterns, if there are any."""
    if not patterns:
        return wanted
    return lambda path: (
        wanted(path) and any(fnmatch.fnmatchcase(path.name, each) for each in patterns)
    )


def _files(
    arguments: Sequence[Path],
    output_dir: Path,
    wanted: Callable[[Path], bool],
    copy_others: bool,
    plan: Plan,
) -> Iterator[tuple[Path, Path, bool]]:
    """Each file, its name below the argument, and whether it is wanted."""
    for argument in arguments:
        if argument == STREAM:
            raise click.UsageError("stdin (-) has no name to use in a folder; use -o")
        if not argument.is_dir():
            yield argument, Path(argument.name), True
            continue
        is_output = output_dir.is_dir() and argument.samefile(output_dir)
        if is_output and copy_others:
            raise click.UsageError(f"{argument} cannot be copied into itself")
        problems: list[tuple[Path, OSError]] = []
        empty = True
        for path in files_below(argument, problems, None if is_output else output_dir):
            is_wanted = _head_is_wanted(path, wanted)
            if is_wanted and is_second_of_pair(path):
                continue
            if is_wanted or copy_others:
                empty = False
                yield path, path.relative_to(argument), is_wanted
        plan.failed += [failure(path, error) for path, error in problems]
        if empty and not problems:
            nothing = Failed(Code.NO_INPUT, "no files to work on inside")
            plan.failed.append(failure(argument, nothing))


def _head_is_wanted(path: Path, wanted: Callable[[Path], bool]) -> bool:
    """Whether a file, or the header that its voxels belong to, is wanted."""
    if path.name.startswith("."):
        return False
    if is_vqz(path) or not is_second_of_pair(path):
        return wanted(path)
    try:
        return wanted(stored_in(path)[0])
    except (VqzError, OSError):
        return wanted(path)
