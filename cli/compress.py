"""``vqz compress``: volumes to VQZ files."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from . import options
from .batch import Outcome, Record, failure, run_jobs
from .console import file_size
from .exits import Code, Failed, writing
from .interrupts import deferred_signals
from .names import (
    STREAM,
    check_distinct,
    check_target,
    find_files,
    is_volume,
    is_vqz,
    read_stdin,
    vqz_name,
    write_stdout,
    written_with,
)
from .sizes import decibels, significant, size_figures


@dataclass(frozen=True)
class CompressJob:
    """One volume to compress, and how; ``aims`` are what `encode` takes at most one of."""

    source: Path
    target: Path
    suffix: str | None
    aims: Mapping[str, Any]
    effort: int
    model: str | None
    drop_air: bool
    device: str
    force: bool
    overwrite: bool
    make_folders: bool


@click.command()
@click.argument("volumes", nargs=-1, required=True, type=options.PATH)
@options.output
@options.output_dir
@options.recursive
@options.aims
@options.effort
@click.option("--model", metavar="ID", help="Model to use, or the path of a weights file.")
@click.option(
    "--drop-air",
    is_flag=True,
    help="Set the noise in the air around a whole head to zero. Off by default: it is a loss.",
)
@click.option("--force", is_flag=True, help="Compress even what the model is not made for.")
@click.option(
    "--suffix",
    metavar="SUFFIX",
    help="Suffix to restore a volume from stdin with, such as .nii.gz.",
)
@options.overwrite
@options.dry_run
@options.jobs
@options.device
@options.reporting
def compress(
    volumes: tuple[Path, ...],
    output: Path | None,
    output_dir: Path | None,
    recursive: bool,
    quality: float | None,
    ratio: float | None,
    target_bytes: int | None,
    psnr: float | None,
    effort: int,
    model: str | None,
    drop_air: bool,
    force: bool,
    suffix: str | None,
    overwrite: bool,
    dry_run: bool,
    at_once: int,
    device: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Turn scan.nii.gz into scan.vqz.

    VOLUMES are NIfTI (.nii, .nii.gz, .hdr/.img), MGH/MGZ, Analyze or NumPy files; with -r also
    folders of them; - is stdin. Without --quality, --ratio, --bytes or --psnr the file is at
    most 0.825 percent of the volume as float32.
    """
    aims = {"quality": quality, "ratio": ratio, "target_bytes": target_bytes, "psnr": psnr}
    check_aims(aims)
    found, missing = find_files(volumes, is_volume, recursive)
    targets = options.targets_of(
        [(each, vqz_name(each.relative)) for each in found], volumes, output, output_dir
    )
    to_stdout = STREAM in targets
    if to_stdout and sys.stdout.isatty():
        raise click.UsageError("compressed data are not written to a terminal; use -o")
    if suffix is not None and volumes != (STREAM,):
        raise click.UsageError("--suffix is for a volume on stdin (-)")
    check_distinct([(each.source, target) for each, target in zip(found, targets, strict=True)])
    console = options.console_of(as_json, quiet, verbose, stdout_is_taken=to_stdout)
    jobs = [
        CompressJob(
            source=each.source,
            target=target,
            suffix=suffix,
            aims=aims,
            effort=effort,
            model=model,
            drop_air=drop_air,
            device=device,
            force=force,
            overwrite=overwrite,
            make_folders=output_dir is not None,
        )
        for each, target in zip(found, targets, strict=True)
    ]
    failed: list[Outcome] = [failure(path, error) for path, error in missing]
    return run_jobs(
        plan_one if dry_run else compress_one,
        jobs,
        at_once=1 if dry_run else at_once,
        console=console,
        describe=describe_plan if dry_run else describe_more if verbose else describe,
        failed_before=failed,
    )


def check_aims(aims: Mapping[str, Any]) -> None:
    """Refuse two aims at once, and a quality, size or PSNR that there is not."""
    if sum(aim is not None for aim in aims.values()) > 1:
        raise click.UsageError("--quality, --ratio, --bytes and --psnr exclude each other")
    from ..rate_control import budget_of

    try:
        budget_of(**aims, default_ratio=1, voxels=1)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def plan_one(job: CompressJob) -> Record:
    """Check what can be checked without reading the volume."""
    if is_vqz(job.source):
        raise Failed(Code.BAD_DATA, "is compressed already")
    if job.source != STREAM:
        job.source.stat()
    check_target(job.target, job.overwrite, job.make_folders)
    return {"source": str(job.source), "output": str(job.target), "dry_run": True}


def describe_plan(record: Record) -> list[str]:
    """Say what would become of a file."""
    return [f"{record['source']} -> {record['output']}"]


def compress_one(job: CompressJob) -> Record:
    """Compress one volume."""
    plan_one(job)
    with deferred_signals():
        from .. import encode
    from ..formats.volumes import read_volume_bytes

    started = time.perf_counter()
    vqz = encode(
        job.source if job.source != STREAM else read_volume_bytes(read_stdin(), job.suffix or ""),
        model=job.model,
        drop_air=job.drop_air,
        **job.aims,
        effort=job.effort,
        device=job.device,
        force=job.force,
    )
    if job.target == STREAM:
        write_stdout(vqz.to_bytes())
    else:
        with writing(job.target):
            if job.make_folders:
                job.target.parent.mkdir(parents=True, exist_ok=True)
            vqz.save(job.target, overwrite=job.overwrite)
    volume = vqz.header["volume"]
    record = {
        "source": str(job.source),
        "output": str(job.target),
        **size_figures(vqz.nbytes, volume["shape"], volume["dtype"]),
        "figures": vqz.figures,
        "model": vqz.header["model"],
        "seconds": time.perf_counter() - started,
    }
    if job.source != STREAM:
        record["source_suffix"] = volume["suffix"]
        record["source_bytes"] = sum(file.stat().st_size for file in source_files(job.source))
        record["percent_of_source"] = 100 * vqz.nbytes / record["source_bytes"]
    return record


def source_files(path: Path) -> tuple[Path, ...]:
    """Return the files a volume is stored in: two for a header and image pair."""
    from ..formats.volumes import pair_paths

    return pair_paths(path) if len(written_with(path)) > 1 else (path,)


def describe(record: Record) -> list[str]:
    """Write the one line about a compressed file."""
    before = f"{file_size(record['source_bytes'])} -> " if "source_bytes" in record else ""
    parts = [
        f"{before}{file_size(record['bytes'])}",
        f"{significant(record['percent_of_float32'])} % of float32",
        f"{significant(record['percent_of_stored'])} % of {record['dtype']}",
    ]
    if record.get("source_suffix", "").lower().endswith((".gz", ".mgz")):
        parts.append(f"{significant(record['percent_of_source'])} % of {record['source_suffix']}")
    parts.append(f"{significant(record['bits_per_voxel'])} bit/voxel")
    parts.append(f"foreground {decibels(record['figures'].get('psnr_foreground'))}")
    parts.append(f"{record['seconds']:.1f} s")
    return [f"{record['source']} -> {record['output']}: " + ", ".join(parts)]


def describe_more(record: Record) -> list[str]:
    """Write the line about a compressed file, and below it what was measured."""
    lines = [*describe(record), f"  model            {record['model']['id']}"]
    for name, value in sorted(record["figures"].items()):
        shown = significant(value, 5) if isinstance(value, float) else value
        lines.append(f"  {name.replace('_', ' '):<16} {shown}")
    return lines
