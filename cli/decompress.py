"""``vqz decompress``: VQZ files to volumes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .batch import Outcome, failure, run_jobs
from .decompress_work import DecompressJob, decompress_one, describe, plan_one, volume_of
from .folder_options import folder_options, folder_options_of
from .names import (
    STREAM,
    Found,
    check_distinct,
    find_files,
    is_vqz,
    read_stdin,
    volume_name,
)
from .regions import region_option, shown_region

if TYPE_CHECKING:
    from ..header import VolumeDescription


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
@region_option("Only this region")
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
