"""Which scans a command measures, and one after the other of them into memory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from . import scans
from .report import REFERENCE_GROUP

QUICK_SCANS = ("oasis_1003", "oasis_1023")
OTHER_SOURCES = ("ds000011_sub-11", "ds000011_sub-12", "ds002748_sub-61")


def scan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options ``--split`` and ``--scans``: which scans are measured."""
    for option in (
        click.option("--split", "splits", multiple=True, help="Split of the manifest; repeat."),
        click.option("--scans", "subjects", multiple=True, help="Subject; repeat."),
    ):
        command = option(command)
    return command


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Option ``--json``: where results go."""
    path = click.Path(dir_okay=False, path_type=Path)
    return click.option("--json", "output", type=path, help="Results file.")(command)


def model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Option ``--model``: what vqcodec compresses with."""
    text = "Id, or path of a weights file. [the default model]"
    return click.option("--model", help=text)(command)


def effort_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Option ``--effort``: of the encoder; without it, its default."""
    text = "Effort of the encoder. [its default]"
    return click.option("--effort", type=click.IntRange(1, 9), help=text)(command)


def device_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Option ``--device``: where vqcodec runs."""
    return click.option("--device", default="auto", help="Device of the codec.")(command)


def listed(splits: Sequence[str], subjects: Sequence[str] = ()) -> list[scans.Entry]:
    """Scans of the splits, or the subjects named.

    Raises
    ------
    click.ClickException
        There is no data folder, or no scan of that name in it.
    """
    try:
        return scans.entries(splits, subjects)
    except scans.DataFolderError as error:
        raise click.ClickException(str(error)) from None


def chosen_entries(splits: Sequence[str], subjects: Sequence[str]) -> list[scans.Entry]:
    """Scans to measure: ``test`` and the other sources by default, OASIS first."""
    if subjects:
        return listed((), subjects)
    found = listed(splits or ("test",))
    if not splits:
        found += listed((), OTHER_SOURCES)
    found.sort(key=lambda entry: entry.group != REFERENCE_GROUP)
    return found


def loaded(
    entries: Sequence[scans.Entry], grid: str = "own"
) -> Iterator[tuple[scans.Entry, scans.Scan]]:
    """Scans one by one, said on stderr; one that cannot be used is said and left out.

    Parameters
    ----------
    entries : sequence of Entry
    grid : str
        A key of `scans.GRIDS`.
    """
    for entry in entries:
        click.echo(f"measuring {entry.subject}", err=True)
        try:
            scan = scans.load(entry, scans.GRIDS[grid])
        except scans.DataFolderError as error:
            click.echo(f"{entry.subject}: left out, {error}")
            continue
        yield entry, scan


def write_document(output: Path | None, document: Mapping[str, Any]) -> None:
    """Everything measured so far as one JSON file, where one is asked for."""
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        partial = output.with_name(f"{output.name}.{os.getpid()}.partial")
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        partial.replace(output)


def chosen_scans(splits: Sequence[str], subjects: Sequence[str], quick: bool) -> list[scans.Entry]:
    """Scans asked for; the reference ones, which have manual labels, by default."""
    if subjects or splits:
        return listed(splits, subjects)
    if quick:
        return listed((), QUICK_SCANS)
    return [entry for entry in listed(("test",)) if entry.group == REFERENCE_GROUP]


def say(line: str) -> None:
    """Print a line of progress."""
    click.echo(f"  {line}", err=True)
