"""``vqz compare``: how close one volume is to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .batch import failure, report
from .exits import Code, Failed
from .interrupts import deferred_signals
from .names import is_vqz
from .sizes import decibels, significant

if TYPE_CHECKING:
    import numpy as np


@click.command()
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
    read = []
    for path in (reference, other):
        try:
            read.append(intensities_of(path, device))
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
    console.result(record, describe(record))
    return Code.DONE


def intensities_of(path: Path, device: str) -> tuple[np.ndarray[Any, Any], float]:
    """Read a volume's intensities, and the one that stands for zero."""
    from ..formats.volumes import read_volume, scaled_values, scaled_zero

    if is_vqz(path):
        with deferred_signals():
            from ..codec import decode_volume
        from ..vqz import VQZ

        volume = decode_volume(VQZ.open(path), device=device)
    else:
        volume = read_volume(path)
    return scaled_values(volume), scaled_zero(volume)


def describe(record: dict[str, Any]) -> list[str]:
    """Write the figures, a line each."""
    share = 100 * record["foreground_voxels"] / record["voxels"]
    error = 100 * record["max_error"] / record["range"]
    lines = [
        f"PSNR, foreground  {decibels(record['psnr_foreground'])} ({share:.0f} % of the voxels)",
        f"PSNR, whole       {decibels(record['psnr'])}",
        f"MS-SSIM           {record['ms_ssim']:.5f}",
        f"largest error     {significant(record['max_error'])} ({error:.1f} % of the range)",
    ]
    if record["nonfinite_voxels"]:
        lines.append(f"left out          {record['nonfinite_voxels']} voxels that are not finite")
    return lines
