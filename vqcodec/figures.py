"""Figures of fidelity: stored in a file when it is written, printed by ``vqz compare``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .background import background_value, robust_range
from .metrics import foreground, max_error, ms_ssim_3d, psnr

DIGITS = 6

Figures = dict[str, float | int | None]


@dataclass(frozen=True, eq=False)
class Compared:
    """Two volumes side by side.

    Attributes
    ----------
    ours, theirs : ndarray
        Reference and other, ``(D, H, W, frames)``, all values finite.
    inside : ndarray of bool
        Foreground of the reference, same shape; voxels that were not finite are outside.
    finite : ndarray of bool or None
        Which voxels were finite in both; None where all were.
    scale : float
        Robust range of the reference.
    """

    ours: NDArray[Any]
    theirs: NDArray[Any]
    inside: NDArray[np.bool_]
    finite: NDArray[np.bool_] | None
    scale: float


def compared(reference: NDArray[Any], other: NDArray[Any], zero: float = 0.0) -> Compared:
    """Foreground and range of a volume, beside another one.

    Parameters
    ----------
    reference, other : ndarray
        Intensities, one shape of any number of axes; those after the third are frames.
    zero : float
        The value that stands for an intensity of zero.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if reference.shape != other.shape:
        raise ValueError(f"has shape {other.shape}, the reference {reference.shape}")
    ours, theirs = _in_frames(reference), _in_frames(other)
    inside = _foreground(ours, zero)
    finite = np.isfinite(ours) & np.isfinite(theirs)
    if finite.all():
        return Compared(ours, theirs, inside, None, _range(ours, zero))
    ours, theirs = np.where(finite, ours, zero), np.where(finite, theirs, zero)
    return Compared(ours, theirs, inside & finite, finite, _range(ours, zero))


def measure(reference: NDArray[Any], other: NDArray[Any], zero: float = 0.0) -> Figures:
    """Compare a volume with its source.

    Voxels that are not finite in one of them are left out; MS-SSIM takes them as equal.

    Parameters
    ----------
    reference, other : ndarray
        Intensities, one shape of any number of axes; those after the third are frames.
    zero : float
        The value that stands for an intensity of zero.

    Returns
    -------
    dict
        ``psnr_foreground`` and ``psnr`` in dB relative to ``range``, the robust range of the
        reference in intensity units; ``ms_ssim`` (mean over frames); ``max_error`` in intensity
        units; ``foreground_voxels`` and ``nonfinite_voxels``. None stands for a figure that is
        not finite: two equal volumes have no PSNR.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    return measured(compared(reference, other, zero))


def measured(pair: Compared) -> Figures:
    """The figures of :func:`measure`."""
    ours, theirs, scale = pair.ours, pair.theirs, pair.scale
    frames = range(ours.shape[-1])
    similarity = 1.0
    if not np.array_equal(ours, theirs):
        alike = (ms_ssim_3d(ours[..., f], theirs[..., f], scale) for f in frames)
        similarity = sum(alike) / len(frames)
    figures = {
        "psnr_foreground": psnr(ours, theirs, scale, pair.inside),
        "psnr": psnr(ours, theirs, scale, pair.finite),
        "ms_ssim": similarity,
        "max_error": max_error(ours, theirs),
        "range": scale,
    }
    nonfinite = 0 if pair.finite is None else int(np.count_nonzero(~pair.finite))
    return {
        **{name: rounded(value) for name, value in figures.items()},
        "foreground_voxels": int(np.count_nonzero(pair.inside)),
        "nonfinite_voxels": nonfinite,
    }


def psnr_in_foreground(
    reference: NDArray[Any], zero: float = 0.0
) -> Callable[[NDArray[Any]], float]:
    """Function that returns the ``psnr_foreground`` of :func:`measure` alone.

    What depends on the reference only is found once. Other volumes are finite where it is.

    Parameters
    ----------
    reference, zero
        As for :func:`measure`.

    Returns
    -------
    callable
        From a volume of the same shape to dB: ``inf`` for equal ones, ``nan`` where there is no
        foreground.
    """
    ours = _in_frames(reference)
    inside = _foreground(ours, zero)
    finite = np.isfinite(ours)
    if not finite.all():
        ours = np.where(finite, ours, zero)
    scale = _range(ours, zero)
    return lambda other: psnr(ours, _in_frames(other), scale, inside)


def _in_frames(values: NDArray[Any]) -> NDArray[Any]:
    """Volumes of any number of axes as ``(D, H, W, frames)``."""
    return values.reshape((*(*values.shape, 1, 1)[:3], -1))


def _foreground(ours: NDArray[Any], zero: float) -> NDArray[np.bool_]:
    frames = range(ours.shape[-1])
    return np.stack([foreground(ours[..., frame], zero) for frame in frames], axis=-1)


def _range(ours: NDArray[Any], zero: float) -> float:
    _, scale = robust_range(ours, background_value(ours, zero))
    return scale


def rounded(value: float) -> float | None:
    """A figure as it is stored: six digits, None where it is not finite."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
