"""One JSON document per measurement: what was measured, on what, with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from .machine import described, machine
from .scan_choice import write_document
from .scans import Entry
from .tables import Plot, Table, as_text


@dataclass(frozen=True)
class Picture:
    """A drawing for the results page: a caption and base64 of a PNG."""

    title: str
    png: str


@dataclass(frozen=True)
class Document:
    """A measurement with everything that is needed to read it later.

    Attributes
    ----------
    name, title : str
        Name of the JSON file, and heading on the results page.
    command : str
        What was run.
    tables, plots, pictures : tuple
        What the page shows.
    settings : mapping
        Options, models with their hashes, versions of peers.
    data : mapping of str to str
        SHA-256 of every scan's file by subject, from the manifest.
    records : tuple of mapping
        Every single figure.
    not_measured : tuple of str
        What was asked for and is not in the tables, and why.
    """

    name: str
    title: str
    command: str
    tables: tuple[Table, ...]
    plots: tuple[Plot, ...] = ()
    pictures: tuple[Picture, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    records: tuple[Mapping[str, Any], ...] = ()
    not_measured: tuple[str, ...] = ()


def data_hashes(entries: Sequence[Entry]) -> dict[str, str]:
    """SHA-256 of the files of these scans, as the manifest states them."""
    return {entry.subject: entry.sha256 for entry in entries}


def started() -> dict[str, str]:
    """Print the machine and the versions, and return them for the document."""
    record = machine()
    click.echo(described(record))
    return record


def write(output: Path | None, record: Mapping[str, str], document: Document) -> None:
    """Write the document where a file is asked for, replacing the last one at once."""
    write_document(output, {"machine": dict(record)} | asdict(document))


def show(document: Document) -> None:
    """Print the tables and what is missing in them."""
    for table in document.tables:
        click.echo("\n" + as_text(table))
    if document.not_measured:
        click.echo("\nnot measured:\n" + "\n".join(document.not_measured))
