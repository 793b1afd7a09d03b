"""``vqz archive extract``: files, or volumes, out of an archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from . import options
from .archive_names import ARCHIVE, NAMES, chosen_members, kept_open, opened
from .batch import Record, failure, run_jobs
from .console import file_size
from .exits import Code, Failed, writing
from .interrupts import deferred_signals
from .names import check_distinct, check_target, volume_name, written_with
from .regions import region_option

if TYPE_CHECKING:
    from ..archive import Archive
    from ..formats.archive_tables import Member


@dataclass(frozen=True)
class ExtractJob:
    """One member to extract, as it is or decompressed."""

    archive: Path
    name: str
    target: Path
    decompress: bool
    region: tuple[slice, ...] | None
    device: str
    overwrite: bool

    @property
    def source(self) -> str:
        """The archive and the name in it."""
        return f"{self.archive}: {self.name}"


@click.command(
    epilog=options.examples(
        "vqz archive extract study.h5 --output-dir packed",
        "vqz archive extract study.h5 --output-dir scans --decompress '*sub-01*'",
    )
)
@ARCHIVE
@NAMES
@click.option(
    "--output-dir",
    type=options.PATH,
    required=True,
    help="Folder that the members' names are below; made if need be.",
)
@click.option(
    "--decompress", is_flag=True, help="Volumes instead of VQZ files, by the archive's weights."
)
@region_option("With --decompress: only this region")
@options.overwrite
@options.dry_run
@options.jobs
@options.device
@options.reporting
def extract(
    archive: Path,
    names: tuple[str, ...],
    output_dir: Path,
    decompress: bool,
    region: tuple[slice, ...] | None,
    overwrite: bool,
    dry_run: bool,
    at_once: int,
    device: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Write the members of ARCHIVE, or those whose names match, below a folder.

    Nothing is written outside of it. With --decompress scans become the volumes they were made
    from; no registry is asked for their weights.
    """
    if region is not None and not decompress:
        raise click.UsageError("--roi goes with --decompress")
    jobs, failed = [], []
    with opened(archive) as found:
        for member in chosen_members(found, names):
            is_volume = decompress and member.name in found
            try:
                target = _target_of(found, member, output_dir, is_volume)
            except Exception as error:
                failed.append(failure(f"{archive}: {member.name}", error))
                continue
            jobs.append(
                ExtractJob(
                    archive=archive,
                    name=member.name,
                    target=target,
                    decompress=is_volume,
                    region=region,
                    device=device,
                    overwrite=overwrite,
                )
            )
    check_distinct([(job.archive, job.target) for job in jobs])
    return run_jobs(
        plan_one if dry_run else extract_one,
        jobs,
        at_once=1 if dry_run else at_once,
        console=options.console_of(as_json, quiet, verbose),
        describe=describe,
        failed_before=failed,
    )


def _target_of(archive: Archive, member: Member, folder: Path, is_volume: bool) -> Path:
    from ..formats.archive_names import path_below

    name = PurePosixPath(member.name)
    if not is_volume:
        return path_below(folder, str(name))
    suffix = archive[member.name].parsed.volume.suffix
    target = volume_name(Path(member.name), suffix)
    for file in written_with(target):
        path_below(folder, file.as_posix())
    return path_below(folder, target.as_posix())


def plan_one(job: ExtractJob) -> Record:
    """Check what can be checked without writing."""
    check_target(job.target, job.overwrite, make_folders=True)
    return {"source": job.source, "name": job.name, "output": str(job.target), "dry_run": True}


def extract_one(job: ExtractJob) -> Record:
    """Extract one member."""
    from ..formats.atomic import write_atomically

    record = {**plan_one(job), "dry_run": False}
    found = kept_open(job.archive)
    if job.decompress:
        return {**record, "shape": _decompress(found, job)}
    data = found.read(job.name)
    with writing(job.target, make_folders=True):
        write_atomically(job.target, data, overwrite=job.overwrite)
    return {**record, "bytes": len(data)}


def _decompress(found: Archive, job: ExtractJob) -> list[int]:
    """Write a scan as the volume it was; return its shape."""
    with deferred_signals():
        from ..codec import decode_volume
        from ..region import decode_region
    from ..formats.volumes import write_volume

    vqz = found[job.name]
    if job.region is None:
        volume = decode_volume(vqz, device=job.device)
    else:
        try:
            volume = decode_region(vqz, job.region, device=job.device)
        except ValueError as error:
            raise Failed(Code.USAGE, str(error)) from None
    with writing(job.target, make_folders=True):
        write_volume(volume, job.target, overwrite=job.overwrite)
    return list(volume.array.shape)


def describe(record: Record) -> list[str]:
    """Write the line about a member."""
    line = f"{record['source']} -> {record['output']}"
    if "shape" in record:
        return [f"{line}: {'x'.join(map(str, record['shape']))}"]
    return [line if record["dry_run"] else f"{line}: {file_size(record['bytes'])}"]
