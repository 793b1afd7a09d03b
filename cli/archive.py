"""``vqz archive``: many scans, their sidecars and the weights that decode them, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .archive_building import append, create
from .archive_extracting import extract
from .archive_names import ARCHIVE, NAMES, chosen_members, kept_open, opened
from .batch import Record, run_jobs
from .console import file_size
from .exits import Code
from .interrupts import deferred_signals
from .sizes import decibels

if TYPE_CHECKING:
    from ..archive import Archive
    from ..formats.archive_tables import Member


@click.group(
    epilog=options.examples(
        "vqz archive create study.h5 packed --with-sidecars",
        "vqz archive list study.h5",
        "vqz archive extract study.h5 --output-dir packed '*sub-01*'",
    )
)
def archive() -> None:
    """Keep many scans in one HDF5 file.

    It holds the weights that decode them, too.
    """


for command in (create, append, extract):
    archive.add_command(command)


@archive.command(
    "list",
    epilog=options.examples("vqz archive list study.h5", "vqz archive list study.h5 '*sub-01*'"),
)
@ARCHIVE
@NAMES
@options.reporting
def list_command(
    archive: Path, names: tuple[str, ...], as_json: bool, quiet: bool, verbose: bool
) -> int:
    """List the members of ARCHIVE, or those whose names match (* and ? as in a shell)."""
    console = options.console_of(as_json, quiet, verbose)
    with opened(archive) as found:
        members = chosen_members(found, names)
        ids = {model["sha256"]: model["id"] for model in found.models()}
        for member in members:
            record = {
                "archive": str(archive),
                "name": member.name,
                "kind": member.kind.name.lower(),
                "bytes": member.length,
                "sha256": member.sha256.hex(),
            }
            if member.name in found:
                facts = found.facts(member.name)
                record["model"] = {
                    "id": ids.get(facts.model_sha256),
                    "sha256": facts.model_sha256,
                }
                record["figures"] = dict(facts.figures)
            console.result(record, [_line_of(record)])
        if not as_json:
            console.result({}, _summary(found, members, ids if verbose else {}))
    return Code.DONE


def _line_of(record: Record) -> str:
    figures = record.get("figures")
    shown = decibels(figures.get("psnr_foreground")) if figures is not None else ""
    return f"{file_size(record['bytes']):>8} {shown:>9}  {record['name']}"


def _summary(found: Archive, members: Sequence[Member], ids: dict[str, str]) -> list[str]:
    scans = sum(member.name in found for member in members)
    size = file_size(found.path.stat().st_size)
    lines = [f"{scans} scans, {len(members) - scans} other files; the archive has {size}"]
    return lines + [f"weights of {name} (sha256 {sha256[:16]}...)" for sha256, name in ids.items()]


@dataclass(frozen=True)
class VerifyJob:
    """One member, or the weights of one model, to verify."""

    archive: Path
    name: str
    model_sha256: str | None
    deep: bool
    device: str

    @property
    def source(self) -> str:
        """The archive and the name in it."""
        return f"{self.archive}: {self.name}"


@archive.command(
    epilog=options.examples("vqz archive verify study.h5", "vqz archive verify study.h5 --deep")
)
@ARCHIVE
@NAMES
@click.option("--deep", is_flag=True, help="Decode every scan, too; this needs torch.")
@options.jobs
@options.device
@options.reporting
def verify(
    archive: Path,
    names: tuple[str, ...],
    deep: bool,
    at_once: int,
    device: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Compare every checksum of ARCHIVE, and the decoded codes of its scans with their hash.

    The codes are decoded with the weights in the archive.
    """
    console = options.console_of(as_json, quiet, verbose)
    jobs = []
    with opened(archive) as found:
        if not names:
            for model in found.models():
                sha256 = str(model["sha256"])
                jobs.append(VerifyJob(archive, f"model {model['id']}", sha256, deep, device))
        for member in chosen_members(found, names):
            jobs.append(VerifyJob(archive, member.name, None, deep, device))
    return run_jobs(
        verify_one,
        jobs,
        at_once=at_once,
        console=console,
        describe=lambda record: [f"{record['source']}: ok"],
    )


def verify_one(job: VerifyJob) -> Record:
    """Verify one member."""
    from ..header import ModelReference

    found = kept_open(job.archive)
    record: Record = {"source": job.source, "name": job.name, "ok": True}
    if job.model_sha256 is not None:
        model = found.load_model(ModelReference(job.name, job.model_sha256))
        return {**record, "sha256": model.sha256}
    record |= found.verify(job.name)
    if job.deep and job.name in found:
        with deferred_signals():
            from ..codec import decode_volume
        decode_volume(found[job.name], device=job.device)
        record["decoded"] = True
    return record
