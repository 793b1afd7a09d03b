"""``vqz decompress``: VQZ files to volumes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .batch import Outcome, Record, failure, run_jobs
from .exits import Code, Failed, writing
from .folder_options import folder_options, folder_options_of
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
    """One VQZ file to decompress, and where to.

    ``data`` is what was on stdin; ``volume`` is None where the file has not been looked at yet.
    """

    source: Path
    target: Path
    data: bytes | None
    volume: VolumeDescription | None
    region: tuple[slice, ...] | None
    device: str
    overwrite: bool
    make_folders: bool


@click.command(
    epilog=options.examples(
        "vqz decompress scan.vqz",
        "vqz decompress scan.vqz -o back.nii.gz",
        "vqz decompress scan.vqz --roi 40:90,:,10:74 -o part.nii.gz",
        "vqz decompress -r packed --output-dir unpacked",
    )
)
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
@folder_options
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
    **more: Any,
) -> int:
    """Turn scan.vqz into scan.nii.gz, or what it was.

    FILES are VQZ files; with -r also folders of them; - is stdin. The name given with -o may
    leave out or add .gz, but cannot change the format. A region becomes a volume whose affine
    puts its voxels where they were.

    With -r and --output-dir the tree is mirrored, and a journal is kept in the output folder: the
    same command, run again, goes on where it was stopped.
    """
    folder = options.run_folder_of(recursive, output, output_dir)
    chosen = folder_options_of(more, at_once, is_folder_run=folder is not None)
    template = DecompressJob(
        source=STREAM,
        target=STREAM,
        data=None,
        volume=None,
        region=region,
        device=device,
        overwrite=overwrite or folder is not None,
        make_folders=output_dir is not None,
    )
    if folder is not None:
        from .folder_plan import plan_run
        from .folder_run import FolderRun, plan_folder, run_folder

        plan = plan_run(
            files,
            folder,
            action="decompress",
            wanted=is_vqz,
            result_of=lambda source, relative: volume_name(
                relative, volume_of(source, None).suffix
            ),
            copy_others=chosen.copy_others,
        )
        run = FolderRun(
            plan=plan,
            folder=folder,
            settings={} if region is None else {"region": shown_region(region)},
            convert=decompress_one,
            job_of=lambda source, target: replace(template, source=source, target=target),
            describe=describe,
            options=chosen,
            overwrite=overwrite,
            at_once=at_once,
            console=options.console_of(as_json, quiet, verbose),
        )
        return plan_folder(run) if dry_run else run_folder(run)
    found, missing = find_files(files, is_vqz, recursive)
    failed: list[Outcome] = [failure(path, error) for path, error in missing]
    readable: list[tuple[Found, bytes | None, VolumeDescription]] = []
    for each in found:
        try:
            data = read_stdin() if each.source == STREAM else None
            readable.append((each, data, volume_of(each.source, data)))
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
        replace(template, source=each.source, target=target, data=data, volume=volume)
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


def volume_of(path: Path, data: bytes | None) -> VolumeDescription:
    """Read what a file, or what came in on stdin, says about its volume."""
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


def shown_region(region: tuple[slice, ...]) -> str:
    """Write slices the way `parse_region` reads them."""
    sides = [["" if n is None else str(n) for n in (each.start, each.stop)] for each in region]
    return ",".join(":".join(side) for side in sides)


def _slice(part: str) -> slice:
    start, stop = (int(side) if side.strip() else None for side in part.split(":"))
    return slice(start, stop)


def plan_one(job: DecompressJob) -> Record:
    """Check what can be checked without decoding."""
    import numpy as np

    from ..formats.known import fits, format_of, volume_suffix

    volume = job.volume or volume_of(job.source, job.data)
    suffix = volume_suffix(job.target) if job.target != STREAM else volume.suffix
    if not fits(format_of(volume.format), suffix):
        raise Failed(
            Code.USAGE,
            f"holds a volume to be written as {volume.suffix}; "
            f"{job.target} would be another format",
        )
    if job.region is not None:
        from ..spans import spans_of

        try:
            spans_of(job.region, volume.shape)
        except ValueError as error:
            raise Failed(Code.USAGE, str(error)) from None
    check_target(job.target, job.overwrite, job.make_folders)
    return {
        "source": str(job.source),
        "output": str(job.target),
        "shape": list(volume.shape),
        "dtype": np.dtype(volume.dtype).name,
        "dry_run": True,
    }


def decompress_one(job: DecompressJob, check: Callable[[], None] | None = None) -> Record:
    """Decompress one file; ``check`` is called before anything is written."""
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
    if check is not None:
        check()
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
