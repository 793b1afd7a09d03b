"""Figures of fidelity, measured when a file is written and stored in it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .conform import robust_range
from .errors import VolumeError
from .formats.volumes import Volume, scaled_values
from .metrics import foreground, max_error, ms_ssim_3d, psnr

LEAST_FOREGROUND_PSNR = 10.0
DIGITS = 6


def measure(reference: Volume, decoded: Volume) -> dict[str, float | int | None]:
    """Compare a decoded volume with its source, in scaled intensities.

    Returns
    -------
    dict
        ``psnr_foreground`` and ``psnr`` in dB over the robust range, ``ms_ssim`` (mean over
        frames), ``max_error`` in intensity units, ``range`` and ``foreground_voxels``; None
        where a figure is not finite (a perfect copy has no PSNR).
    """
    ours, theirs = scaled_values(reference), scaled_values(decoded)
    finite = np.isfinite(ours)
    if not finite.all():
        ours, theirs = np.where(finite, ours, 0), np.where(finite, theirs, 0)
    _, scale = robust_range(ours)
    mask = foreground(ours) & finite
    shape = (*ours.shape, 1, 1)[:3]
    frames = math.prod(ours.shape[3:])
    pairs = zip(
        np.moveaxis(ours.reshape(*shape, frames), -1, 0),
        np.moveaxis(theirs.reshape(*shape, frames), -1, 0),
        strict=True,
    )
    similarity = sum(ms_ssim_3d(one, two, scale) for one, two in pairs) / frames
    figures = {
        "psnr_foreground": psnr(ours, theirs, scale, mask) if mask.any() else math.inf,
        "psnr": psnr(ours, theirs, scale, finite),
        "ms_ssim": similarity,
        "max_error": max_error(ours, theirs),
        "range": scale,
    }
    return {
        **{name: _short(value) for name, value in figures.items()},
        "foreground_voxels": int(np.count_nonzero(mask)),
    }


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def check_fidelity(figures: dict[str, Any]) -> None:
    """Refuse what comes back as something else.

    Raises
    ------
    VolumeError
    """
    found = figures["psnr_foreground"]
    if found is not None and found < LEAST_FOREGROUND_PSNR:
        raise VolumeError(
            f"comes back at {found:.1f} dB only, so the file would not show what the scan "
            "shows; allow more bytes (--ratio, --quality), or --force"
        )
