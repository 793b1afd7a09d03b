"""``python -m benchmarks lossless``: what it takes to keep every bit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from .documents import Document, data_hashes, show, started, write
from .lossless import LosslessResult, coders, measured, stored_integers, table
from .scan_choice import chosen_scans, json_option, scan_options
from .scans import DataFolderError


@click.command("lossless")
@scan_options
@click.option("--quick", is_flag=True, help="One scan.")
@json_option
def lossless_command(
    splits: tuple[str, ...], subjects: tuple[str, ...], quick: bool, output: Path | None
) -> None:
    """Compare lossless coders on the stored integers."""
    record = started()
    entries = chosen_scans(splits, subjects, quick)[: 1 if quick else None]
    results: list[LosslessResult] = []
    missing: list[str] = []

    def document() -> Document:
        notes = [f"{one.scan}, {one.coder}: {one.note}" for one in results if one.note]
        return Document(
            name="lossless",
            title="Lossless peers",
            command="python -m benchmarks lossless" + (" --quick" if quick else ""),
            tables=(table(results),),
            data=data_hashes(entries),
            records=tuple(asdict(one) for one in results),
            not_measured=(*missing, *notes),
        )

    for entry in entries:
        click.echo(f"measuring {entry.subject}", err=True)
        try:
            stored = stored_integers(entry)
        except DataFolderError as error:
            missing.append(str(error))
            continue
        results += [measured(entry.subject, stored, coder) for coder in coders()]
        write(output, record, document())
    finished = document()
    write(output, record, finished)
    show(finished)
