"""``vqz decompress``: VQZ files to volumes."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .batch import Outcome, Record, failure, run_jobs
from .exits import Code, Failed, writing
from .interrupts import deferred_signals
from .names import (
    STREAM,
    Found,
    check_distinct,
    check_target,
    find_files,
    is_vqz,
    read_stdin,
    volume_name,
    write_stdout,
)

if TYPE_CHECKING:
    from ..header import VolumeDescription


@dataclass(frozen=True)
class DecompressJob:
    """One VQZ file to decompress, and where to; ``data`` is what was on stdin."""

    source: Path
    target: Path
    data: bytes | None
    volume: VolumeDescription
    region: tuple[slice, ...] | None
    device: str
    overwrite: bool
    make_folders: bool


@click.command()
@click.argument("files", nargs=-1, required=True, type=options.PATH)
@options.output
@options.output_dir
@options.recursive
@click.option(
    "--roi",
    "region",
    metavar="X0:X1,Y0:Y1,Z0:Z1",
    callback=lambda _context, _option, value: parse_region(value),
    help="Only this region, in voxels of the volume, ends not included; 10:20,:,:5 is fine.",
)
@options.overwrite
@options.dry_run
@options.jobs
@options.device
@options.reporting
def decompress(
    files: tuple[Path, ...],
    output: Path | None,
    output_dir: Path | None,
    recursive: bool,
    region: tuple[slice, ...] | None,
    overwrite: bool,
    dry_run: bool,
    at_once: int,
    device: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Turn scan.vqz into scan.nii.gz, or what it was.

    FILES are VQZ files; with -r also folders of them; - is stdin. The name given with -o may
    leave out or add .gz, but cannot change the format. A region becomes a volume whose affine
    puts its voxels where they were.
    """
    found, missing = find_files(files, is_vqz, recursive)
    failed: list[Outcome] = [failure(path, error) for path, error in missing]
    readable: list[tuple[Found, bytes | None, VolumeDescription]] = []
    for each in found:
        try:
            data = read_stdin() if each.source == STREAM else None
            readable.append((each, data, _volume_of(each.source, data)))
        except Exception as error:
            failed.append(failure(each.source, error))
    named = [(each, volume_name(each.relative, volume.suffix)) for each, _, volume in readable]
    targets = options.targets_of(named, files, output, output_dir)
    to_stdout = output == STREAM or STREAM in targets
    if to_stdout and sys.stdout.isatty():
        raise click.UsageError("volumes are not written to a terminal; use -o")
    pairs = list(zip(readable, targets, strict=True))
    check_distinct([(each.source, target) for (each, _, _), target in pairs])
    console = options.console_of(as_json, quiet, verbose, stdout_is_taken=to_stdout)
    jobs = [
        DecompressJob(
            source=each.source,
            target=target,
            data=data,
            volume=volume,
            region=region,
            device=device,
            overwrite=overwrite,
            make_folders=output_dir is not None,
        )
        for (each, data, volume), target in pairs
    ]
    return run_jobs(
        plan_one if dry_run else decompress_one,
        jobs,
        at_once=1 if dry_run else at_once,
        console=console,
        describe=describe,
        failed_before=failed,
    )


def _volume_of(path: Path, data: bytes | None) -> VolumeDescription:
    from ..formats.container import read_prefix
    from ..header_parsing import parse_header

    if data is not None:
        prefix = read_prefix(data)
    else:
        with open(path, "rb") as stream:
            prefix = read_prefix(stream)
    return parse_header(prefix.header, prefix.file_size).volume


def parse_region(text: str | None) -> tuple[slice, ...] | None:
    """Read ``10:20,:,:5`` as slices."""
    if text is None:
        return None
    try:
        return tuple(_slice(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not of the form 10:20,0:64,5:") from None


def _slice(part: str) -> slice:
    start, stop = (int(side) if side.strip() else None for side in part.split(":"))
    return slice(start, stop)


def plan_one(job: DecompressJob) -> Record:
    """Check what can be checked without decoding."""
    import numpy as np

    from ..formats.known import fits, format_of, volume_suffix

    suffix = volume_suffix(job.target) if job.target != STREAM else job.volume.suffix
    if not fits(format_of(job.volume.format), suffix):
        raise Failed(
            Code.USAGE,
            f"holds a volume to be written as {job.volume.suffix}; "
            f"{job.target} would be another format",
        )
    if job.region is not None:
        from ..spans import spans_of

        try:
            spans_of(job.region, job.volume.shape)
        except ValueError as error:
            raise Failed(Code.USAGE, str(error)) from None
    check_target(job.target, job.overwrite, job.make_folders)
    return {
        "source": str(job.source),
        "output": str(job.target),
        "shape": list(job.volume.shape),
        "dtype": np.dtype(job.volume.dtype).name,
        "dry_run": True,
    }


def decompress_one(job: DecompressJob) -> Record:
    """Decompress one file."""
    record = plan_one(job)
    with deferred_signals():
        from ..codec import decode_volume
    from ..formats.volumes import volume_to_bytes, write_volume
    from ..vqz import VQZ

    started = time.perf_counter()
    vqz = VQZ.open(job.source) if job.data is None else VQZ.from_bytes(job.data)
    if job.region is None:
        volume = decode_volume(vqz, device=job.device)
    else:
        from ..region import decode_region

        volume = decode_region(vqz, job.region, device=job.device)
        record["shape"] = list(volume.array.shape)
    if job.target == STREAM:
        write_stdout(volume_to_bytes(volume))
    else:
        with writing(job.target):
            if job.make_folders:
                job.target.parent.mkdir(parents=True, exist_ok=True)
            write_volume(volume, job.target, overwrite=job.overwrite)
    return {**record, "dry_run": False, "seconds": time.perf_counter() - started}


def describe(record: Record) -> list[str]:
    """Write the one line about a file."""
    shape = "x".join(map(str, record["shape"]))
    line = f"{record['source']} -> {record['output']}: {shape} {record['dtype']}"
    return [line if record["dry_run"] else f"{line}, {record['seconds']:.1f} s"]
