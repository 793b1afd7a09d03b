"""``vqz archive create`` and ``append``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .archive_names import ARCHIVE
from .batch import Outcome, Record, failure, overall, report
from .console import Console, file_size
from .exits import Code, Failed, explain, writing
from .names import check_no_input, check_target, find_files, is_volume, is_vqz

if TYPE_CHECKING:
    from ..archive_building import ArchiveBuilder

COMMIT_SECONDS = 1.0
COMMIT_BYTES = 1 << 26

INPUTS = click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=options.PATH)
with_sidecars = click.option(
    "--with-sidecars",
    is_flag=True,
    help="Add the other files in the folders, too (JSON, TSV, ...), volumes aside.",
)


@dataclass(frozen=True)
class AddJob:
    """One file to add."""

    source: Path
    name: str
    is_scan: bool


@click.command(
    epilog=options.examples(
        "vqz archive create study.h5 packed", "vqz archive create study.h5 packed --with-sidecars"
    )
)
@ARCHIVE
@INPUTS
@with_sidecars
@options.overwrite
@options.dry_run
@options.reporting
def create(
    archive: Path,
    inputs: tuple[Path, ...],
    with_sidecars: bool,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Put the VQZ files INPUT, and those in folders INPUT, into a new ARCHIVE.

    Members are named by their place below the folder. ARCHIVE appears when it is complete.
    """
    console = options.console_of(as_json, quiet, verbose)
    jobs, failed = jobs_of(archive, inputs, with_sidecars)
    check_no_input(archive, (job.source for job in jobs))
    check_target(archive, overwrite, make_folders=False)
    if dry_run:
        return _plan(jobs, failed, console)
    from ..archive import Archive

    return _build(archive, Archive.create(archive, overwrite), jobs, failed, console, is_new=True)


@click.command(epilog=options.examples("vqz archive append study.h5 new/scan.vqz"))
@ARCHIVE
@INPUTS
@with_sidecars
@options.dry_run
@options.reporting
def append(
    archive: Path,
    inputs: tuple[Path, ...],
    with_sidecars: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Add the VQZ files INPUT, and those in folders INPUT, to ARCHIVE.

    What is reported as added stays in it even if this command is killed. Files that are in it
    already, unchanged, are passed over, so that the same command goes on where it was stopped.
    """
    console = options.console_of(as_json, quiet, verbose)
    if not archive.exists():
        raise Failed(Code.NO_INPUT, f"{archive}: No such file (vqz archive create makes one)")
    jobs, failed = jobs_of(archive, inputs, with_sidecars)
    if dry_run:
        return _plan(jobs, failed, console)
    from ..archive import Archive

    return _build(archive, Archive.append(archive), jobs, failed, console, is_new=False)


def jobs_of(
    archive: Path, inputs: Sequence[Path], with_sidecars: bool
) -> tuple[list[AddJob], list[Outcome]]:
    """Find what to add, and what cannot be."""
    from ..formats.archive_names import name_of

    itself = os.path.realpath(archive)

    def is_wanted(path: Path) -> bool:
        if is_vqz(path):
            return True
        return with_sidecars and not is_volume(path) and os.path.realpath(path) != itself

    found, missing = find_files(inputs, is_wanted, recursive=True)
    failed = [failure(path, error) for path, error in missing]
    jobs: dict[str, AddJob] = {}
    for each in found:
        try:
            name = name_of(each.relative)
        except ValueError as error:
            failed.append(failure(each.source, Failed(Code.BAD_DATA, str(error))))
            continue
        if name in jobs:
            raise click.UsageError(f"{jobs[name].source} and {each.source} would both be {name}")
        jobs[name] = AddJob(each.source, name, is_vqz(each.source) or not with_sidecars)
    return list(jobs.values()), failed


def _plan(jobs: Sequence[AddJob], failed: Sequence[Outcome], console: Console) -> Code:
    codes = [report(outcome, console, describe) for outcome in failed]
    for job in jobs:
        record = {"source": str(job.source), "name": job.name, "dry_run": True}
        codes.append(report(Outcome(job.source, record=record), console, describe))
    return overall(codes)


def _build(
    archive: Path,
    opening: AbstractContextManager[ArchiveBuilder],
    jobs: Sequence[AddJob],
    failed: Sequence[Outcome],
    console: Console,
    is_new: bool,
) -> Code:
    from ..errors import VqzError

    codes = [report(outcome, console, describe) for outcome in failed]
    done = 0
    try:
        with writing(archive), opening as builder:
            outcomes = _added(builder, archive, jobs, is_new)
            for outcome in console.progress(outcomes, [str(job.source) for job in jobs]):
                codes.append(report(outcome, console, describe))
                done += outcome.record is not None
            if is_new and not done:
                raise _NothingAddedError
    except _NothingAddedError:
        return overall(codes)
    except VqzError as error:
        code, message = explain(error)
        raise Failed(code, f"{archive}: {message}") from error
    if not console.as_json:
        size = file_size(archive.stat().st_size)
        console.result({}, [f"{archive}: {size}, {done} of {len(codes)} files are in it"])
    return overall(codes)


class _NothingAddedError(Exception):
    """There is nothing to make an archive of."""


def _added(
    builder: ArchiveBuilder, archive: Path, jobs: Sequence[AddJob], is_new: bool
) -> Iterator[Outcome]:
    """Add file by file; what comes out is in the archive for good, unless it is a new one."""
    waiting: list[Outcome] = []
    since, size = time.monotonic(), 0
    for job in jobs:
        outcome = _add(builder, archive, job)
        waiting.append(outcome)
        size += (outcome.record or {}).get("bytes", 0)
        if is_new or size > COMMIT_BYTES or time.monotonic() - since > COMMIT_SECONDS:
            if not is_new:
                builder.commit()
            yield from waiting
            waiting, since, size = [], time.monotonic(), 0
    builder.commit()
    yield from waiting


def _add(builder: ArchiveBuilder, archive: Path, job: AddJob) -> Outcome:
    """Add one file; the command goes on after all errors but those of writing the archive."""
    try:
        data = job.source.read_bytes()
    except OSError as error:
        return failure(job.source, error)
    try:
        with writing(archive):
            added = (
                builder.add(job.name, data) if job.is_scan else builder.add_sidecar(job.name, data)
            )
    except Failed:
        raise
    except Exception as error:
        return failure(job.source, error)
    record: Record = {
        "source": str(job.source),
        "name": job.name,
        "bytes": len(data),
        "added": added,
    }
    return Outcome(job.source, record=record)


def describe(record: Record) -> list[str]:
    """Write the line about a file."""
    if record.get("dry_run"):
        return [f"{record['source']} -> {record['name']}"]
    note = "" if record["added"] else ", there already"
    return [f"{record['source']} -> {record['name']}: {file_size(record['bytes'])}{note}"]
