"""``vqz compare``: how close one volume is to another."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .batch import failure, report
from .exits import Code, Failed
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
    values = []
    for path in (reference, other):
        try:
            values.append(values_of(path, device))
        except Exception as error:
            return report(failure(path, error), console, list)
    try:
        figures = figures_of(*values)
    except Failed as error:
        return report(failure(other, error), console, list)
    record = {"reference": str(reference), "other": str(other), **figures}
    console.result(record, describe(record))
    return Code.DONE


def values_of(path: Path, device: str) -> np.ndarray[Any, Any]:
    """Read a volume's intensities."""
    from ..formats.volumes import read_volume, scaled_values

    if not is_vqz(path):
        return scaled_values(read_volume(path))
    from ..codec import decode_volume
    from ..vqz import VQZ

    return scaled_values(decode_volume(VQZ.open(path), device=device))


def figures_of(
    reference: np.ndarray[Any, Any], other: np.ndarray[Any, Any]
) -> dict[str, float | int | None]:
    """Measure ``other`` against ``reference`` where both are finite.

    Raises
    ------
    Failed
        Their shapes differ.
    """
    import numpy as np

    from ..conform import robust_range
    from ..metrics import foreground, max_error, ms_ssim_3d, psnr

    if reference.shape != other.shape:
        raise Failed(Code.BAD_DATA, f"has shape {other.shape}, the reference {reference.shape}")
    finite = np.isfinite(reference) & np.isfinite(other)
    reference, other = np.where(finite, reference, 0), np.where(finite, other, 0)
    _, scale = robust_range(reference)
    mask = foreground(reference) & finite
    frames = (math.prod(reference.shape[3:]),) if reference.ndim > 3 else (1,)
    shape = (*reference.shape, 1, 1)[:3]
    pairs = zip(
        np.moveaxis(reference.reshape(shape + frames), -1, 0),
        np.moveaxis(other.reshape(shape + frames), -1, 0),
        strict=True,
    )
    similarities = [ms_ssim_3d(one, two, scale) for one, two in pairs]
    figures = {
        "psnr_foreground": psnr(reference, other, scale, mask),
        "psnr": psnr(reference, other, scale, finite),
        "ms_ssim": sum(similarities) / len(similarities),
        "max_error": max_error(reference, other),
        "range": scale,
    }
    return {
        **{name: value if math.isfinite(value) else None for name, value in figures.items()},
        "foreground_voxels": int(np.count_nonzero(mask)),
        "voxels": reference.size,
        "nonfinite_voxels": reference.size - int(np.count_nonzero(finite)),
    }


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
