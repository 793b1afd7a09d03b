"""``vqz compress``: volumes to VQZ files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from . import options
from .batch import Outcome, failure, run_jobs
from .compress_lines import describe, describe_more, describe_plan
from .compress_work import CompressJob, compress_one, plan_one, settings_of
from .console import put
from .folder_options import folder_options, folder_options_of, match
from .names import STREAM, check_distinct, find_files, is_volume, vqz_name

FACES = "--strip drops text; a face in the scan itself stays, so deface it before you share it"


@click.command(
    epilog=options.examples(
        "vqz compress scan.nii.gz",
        "vqz compress scan.nii.gz --ratio 0.35 -o small.vqz",
        "vqz compress scan.nii.gz --psnr 40",
        "vqz compress scan.nii.gz --strip",
        "vqz compress -r study --output-dir packed -j 2",
    )
)
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
@click.option(
    "--strip",
    is_flag=True,
    help="Drop names, comments and extensions from the header. Faces in the scan itself stay.",
)
@options.exactness
@click.option("--force", is_flag=True, help="Compress even what the model is not made for.")
@click.option(
    "--suffix",
    metavar="SUFFIX",
    help="Suffix to restore a volume from stdin with, such as .nii.gz.",
)
@match
@folder_options
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
    strip: bool,
    max_error: str | None,
    lossless: bool,
    force: bool,
    suffix: str | None,
    overwrite: bool,
    dry_run: bool,
    at_once: int,
    device: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **more: Any,
) -> int:
    """Turn scan.nii.gz into scan.vqz.

    VOLUMES are NIfTI (.nii, .nii.gz, .hdr/.img), MGH/MGZ, Analyze or NumPy files; with -r also
    folders of them; - is stdin. Without --quality, --ratio, --bytes or --psnr the file is at
    most 0.825 percent of the volume as float32. --max-error and --lossless keep every voxel
    instead, whatever that takes.

    With -r and --output-dir the tree is mirrored, and a journal is kept in the output folder: the
    same command, run again, goes on where it was stopped.
    """
    aims = {"quality": quality, "ratio": ratio, "target_bytes": target_bytes, "psnr": psnr}
    check_aims(aims)
    check_exactness(max_error, lossless, {**aims, "quality": None}, drop_air)
    folder = options.run_folder_of(recursive, output, output_dir)
    chosen = folder_options_of(more, at_once, is_folder_run=folder is not None)
    template = CompressJob(
        source=STREAM,
        target=STREAM,
        suffix=suffix,
        aims=aims,
        effort=effort,
        model=model,
        drop_air=drop_air,
        strip=strip,
        max_error=max_error,
        lossless=lossless,
        device=device,
        force=force,
        overwrite=overwrite or folder is not None,
        make_folders=output_dir is not None,
    )
    if suffix is not None and volumes != (STREAM,):
        raise click.UsageError("--suffix is for a volume on stdin (-)")
    if strip and not (quiet or as_json or dry_run):
        put(f"vqz: note: {FACES}", sys.stderr)
    if folder is not None:
        from .folder_plan import matcher, plan_run
        from .folder_run import FolderRun, plan_folder, run_folder

        plan = plan_run(
            volumes,
            folder,
            action="compress",
            wanted=matcher(chosen.match, is_volume),
            result_of=lambda _source, relative: vqz_name(relative),
            copy_others=chosen.copy_others,
        )
        run = FolderRun(
            plan=plan,
            folder=folder,
            settings=settings_of(template),
            convert=compress_one,
            job_of=lambda source, target: replace(template, source=source, target=target),
            describe=describe_more if verbose else describe,
            options=chosen,
            overwrite=overwrite,
            at_once=at_once,
            console=options.console_of(as_json, quiet, verbose),
        )
        return plan_folder(run) if dry_run else run_folder(run)
    found, missing = find_files(volumes, is_volume, recursive)
    targets = options.targets_of(
        [(each, vqz_name(each.relative)) for each in found], volumes, output, output_dir
    )
    to_stdout = STREAM in targets
    if to_stdout and sys.stdout.isatty():
        raise click.UsageError("compressed data are not written to a terminal; use -o")
    pairs = [(each.source, target) for each, target in zip(found, targets, strict=True)]
    check_distinct(pairs)
    failed: list[Outcome] = [failure(path, error) for path, error in missing]
    return run_jobs(
        plan_one if dry_run else compress_one,
        [replace(template, source=source, target=target) for source, target in pairs],
        at_once=1 if dry_run else at_once,
        console=options.console_of(as_json, quiet, verbose, stdout_is_taken=to_stdout),
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


def check_exactness(
    max_error: str | None, lossless: bool, aims: Mapping[str, Any], drop_air: bool
) -> None:
    """Refuse a bound that is none, and one along with what does not keep it."""
    if max_error is None and not lossless:
        return
    if max_error is not None and lossless:
        raise click.UsageError("--max-error and --lossless exclude each other")
    if drop_air or any(aim is not None for aim in aims.values()):
        raise click.UsageError(
            "--max-error and --lossless exclude --ratio, --bytes, --psnr and --drop-air"
        )
    from ..exact import aim_of

    try:
        aim_of(max_error, lossless)
    except ValueError:
        raise click.UsageError(
            f"--max-error {max_error} is not a number above 0, or a percentage such as 1%"
        ) from None
