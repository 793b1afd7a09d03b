"""``vqz test``: checksums and codes, without weights of a network or torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from . import options
from .batch import Record, failure, run_jobs
from .names import find_files, is_vqz


@dataclass(frozen=True)
class TestJob:
    """One file to test."""

    source: Path


@click.command()
@click.argument("files", nargs=-1, required=True, type=options.PATH)
@options.recursive
@options.reporting
def test(
    files: tuple[Path, ...], recursive: bool, as_json: bool, quiet: bool, verbose: bool
) -> int:
    """Check that VQZ files are undamaged.

    Compares every checksum, and the decoded codes with their hash.
    """
    found, missing = find_files(files, is_vqz, recursive)
    return run_jobs(
        test_one,
        [TestJob(each.source) for each in found],
        at_once=1,
        console=options.console_of(as_json, quiet, verbose),
        describe=lambda record: [f"{record['source']}: ok"],
        failed_before=[failure(path, error) for path, error in missing],
    )


def test_one(job: TestJob) -> Record:
    """Test one file."""
    from .. import verify

    return {"source": str(job.source), "ok": True, **verify(job.source)}
