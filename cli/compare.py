"""``vqz compare``: how close one volume is to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import options
from .batch import failure, report
from .exits import Code, Failed
from .sizes import decibels, significant
from .volumes import volume_of


@click.command(
    epilog=options.examples(
        "vqz compare scan.nii.gz scan.vqz", "vqz compare scan.nii.gz back.nii.gz --json"
    )
)
@click.argument("reference", type=options.PATH)
@click.argument("other", type=options.PATH)
@options.device
@options.reporting
def compare(
    reference: Path, other: Path, device: str, as_json: bool, quiet: bool, verbose: bool
) -> int:
    """Measure how close two volumes are.

    PSNR, MS-SSIM and largest error of OTHER against REFERENCE.

    Either can be a VQZ file, which is decoded for it. PSNR and MS-SSIM are relative to the
    robust intensity range of the reference, which the codec also scales by.
    """
    console = options.console_of(as_json, quiet, verbose)
    from ..formats.volumes import scaled_values, scaled_zero

    read = []
    for path in (reference, other):
        try:
            volume = volume_of(path, device)
            read.append((scaled_values(volume), scaled_zero(volume)))
        except Exception as error:
            return report(failure(path, error), console, list)
    (ours, zero), (theirs, _) = read
    if ours.shape != theirs.shape:
        differ = Failed(Code.BAD_DATA, f"has shape {theirs.shape}, the reference {ours.shape}")
        return report(failure(other, differ), console, list)
    from ..figures import measure

    record = {
        "reference": str(reference),
        "other": str(other),
        "voxels": ours.size,
        **measure(ours, theirs, zero),
    }
    if record["nonfinite_voxels"] == ours.size:
        record |= {"ms_ssim": None, "max_error": None}  # there is nothing to compare
    console.result(record, describe(record))
    return Code.DONE


def describe(record: dict[str, Any]) -> list[str]:
    """Write the figures, a line each."""
    share = 100 * record["foreground_voxels"] / record["voxels"]
    lines = [
        f"PSNR, foreground  {decibels(record['psnr_foreground'])} ({share:.0f} % of the voxels)",
        f"PSNR, whole       {decibels(record['psnr'])}",
    ]
    if record["max_error"] is None:
        lines += ["MS-SSIM           -", "largest error     -"]
    else:
        error = 100 * record["max_error"] / record["range"]
        lines += [
            f"MS-SSIM           {record['ms_ssim']:.5f}",
            f"largest error     {significant(record['max_error'])} ({error:.1f} % of the range)",
        ]
    if record["nonfinite_voxels"]:
        lines.append(f"left out          {record['nonfinite_voxels']} voxels that are not finite")
    return lines
