"""``vqz test``: checksums and codes, without weights of a network or torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from . import options
from .batch import Record, failure, run_jobs
from .interrupts import deferred_signals
from .names import find_files, is_vqz


@dataclass(frozen=True)
class TestJob:
    """One file to test."""

    source: Path
    deep: bool
    device: str


@click.command(epilog=options.examples("vqz test scan.vqz", "vqz test -r packed -q"))
@click.argument("files", nargs=-1, required=True, type=options.PATH)
@options.recursive
@click.option("--deep", is_flag=True, help="Decode every file, too; this needs torch.")
@options.jobs
@options.device
@options.reporting
def test(
    files: tuple[Path, ...],
    recursive: bool,
    deep: bool,
    at_once: int,
    device: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Check that VQZ files are undamaged.

    Compares every checksum, and the decoded codes with their hash; needs no torch.
    """
    found, missing = find_files(files, is_vqz, recursive)
    return run_jobs(
        test_one,
        [TestJob(each.source, deep, device) for each in found],
        at_once=at_once,
        console=options.console_of(as_json, quiet, verbose),
        describe=lambda record: [f"{record['source']}: ok"],
        failed_before=[failure(path, error) for path, error in missing],
    )


def test_one(job: TestJob) -> Record:
    """Test one file."""
    from .. import verify

    record = {"source": str(job.source), "ok": True, **verify(job.source)}
    if not job.deep:
        return record
    with deferred_signals():
        from ..codec import decode_volume
    from ..vqz import VQZ

    decode_volume(VQZ.open(job.source), device=job.device)
    return {**record, "decoded": True}
