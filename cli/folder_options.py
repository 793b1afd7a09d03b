"""Options of ``compress`` and ``decompress`` for whole folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from .options import PATH

REPORT_SUFFIXES = (".csv", ".json")

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class FolderOptions:
    """What the options say; the names are those of the options."""

    copy_others: bool
    report: Path | None
    scheduler: str | None
    dask: str | None
    match: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """The first option that is given, if any."""
        given = {
            "--copy-others": self.copy_others,
            "--report": self.report,
            "--scheduler": self.scheduler,
            "--dask": self.dask,
            "--match": self.match,
        }
        return next((name for name, value in given.items() if value), "")


match = click.option(
    "--match",
    metavar="GLOB",
    multiple=True,
    help="In folders, compress only files of such names, '*_T1w.nii*' for example. Repeat.",
)


def folder_options(command: Command) -> Command:
    """Add ``--copy-others``, ``--report``, ``--scheduler`` and ``--dask``."""
    for option in (
        click.option(
            "--dask",
            type=click.Choice(["local"]),
            help="Spread the files over N (-j) dask workers that are started here.",
        ),
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="Spread the files over the workers of a dask scheduler, such as tcp://host:8786.",
        ),
        click.option(
            "--report",
            type=PATH,
            callback=lambda _context, _option, value: _checked_report(value),
            help="Write a row a file into a table, .csv or .json.",
        ),
        click.option(
            "--copy-others",
            is_flag=True,
            help="With -r and --output-dir, copy all other files too, byte for byte.",
        ),
    ):
        command = option(command)
    return command


def folder_options_of(
    values: dict[str, Any], at_once: int, *, is_folder_run: bool
) -> FolderOptions:
    """Collect and check what the options of :func:`folder_options` say."""
    chosen = FolderOptions(**values)
    if chosen.named and not is_folder_run:
        raise click.UsageError(f"{chosen.named} needs -r and --output-dir")
    if chosen.scheduler and chosen.dask:
        raise click.UsageError("--scheduler and --dask exclude each other")
    if chosen.scheduler and at_once > 1:
        raise click.UsageError("-j is for work on this machine: the scheduler has its own workers")
    return chosen


def _checked_report(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in REPORT_SUFFIXES:
        raise click.BadParameter(f"{path} ends neither with .csv nor with .json")
    return path
