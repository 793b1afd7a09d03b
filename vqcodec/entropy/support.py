"""Which coefficients are coded at all: those that touch a foreground voxel.

A synthesis filter of the 9/7 pair spans 7 (low-pass) or 9 (high-pass) samples. A coefficient
none of whose span is foreground cannot change anything that is kept, so it is not coded and
reads as zero. Encoder and decoder derive the same booleans from the mask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..layout import BANDS, GRID_LEVELS, pads_to_four

Mask = NDArray[np.bool_]


def shifted_or(out: Mask, source: Mask, shift: int) -> None:
    """``out[i] |= source[i + shift]`` along axis 0, nothing beyond the ends."""
    n = source.shape[0]
    if abs(shift) >= n:
        return
    if shift >= 0:
        out[: n - shift] |= source[shift:]
    else:
        out[-shift:] |= source[: n + shift]


def _touching(care: Mask, axis: int) -> tuple[Mask, Mask]:
    pairs = np.moveaxis(care, axis, 0)
    odd = pairs[1::2]
    both = pairs[0::2] | odd
    low = both.copy()
    shifted_or(low, both, -1)
    shifted_or(low, both, 1)
    shifted_or(low, odd, -2)
    high = low.copy()
    shifted_or(high, both, 2)
    return np.moveaxis(low, 0, axis), np.moveaxis(high, 0, axis)


def _split_support(care: Mask) -> tuple[Mask, Mask]:
    parts: dict[tuple[int, ...], Mask] = {(): care}
    for axis in (2, 1, 0):
        parts = {
            (flag, *key): part
            for key, whole in parts.items()
            for flag, part in enumerate(_touching(whole, axis))
        }
    low = np.ascontiguousarray(parts[(0, 0, 0)])
    return low, np.stack([parts[band] for band in BANDS])


def _padded(array: NDArray[np.generic]) -> NDArray[np.generic]:
    widths = pads_to_four(array.shape)
    return np.pad(array, widths) if any(after for _, after in widths) else array


def coded_support(foreground: Mask) -> tuple[tuple[Mask, ...], Mask]:
    """Coefficients that are coded.

    Parameters
    ----------
    foreground : ndarray of bool
        ``(D, H, W)``, voxels whose value is kept.

    Returns
    -------
    details : tuple of ndarray of bool
        Per split ``(7, d, h, w)``.
    low_pass : ndarray of bool
        ``(d, h, w)`` of the coarsest low-pass.
    """
    details = []
    care = foreground
    for _ in range(GRID_LEVELS):
        care = _padded(care).astype(bool, copy=False)
        for _ in range(2):
            care, bands = _split_support(care)
            details.append(bands)
    return tuple(details), care


def foreground_fractions(foreground: Mask) -> tuple[NDArray[np.uint8], ...]:
    """Foreground share of each coefficient's cell, in eighths (0 to 8), per split.

    Rounded down at every split, so that all readers agree.
    """
    fractions = []
    eighths = foreground.astype(np.uint8) * np.uint8(8)
    for _ in range(GRID_LEVELS):
        eighths = _padded(eighths).astype(np.uint8, copy=False)
        for _ in range(2):
            d, h, w = (n // 2 for n in eighths.shape)
            cells = eighths.reshape(d, 2, h, 2, w, 2)
            eighths = (cells.sum(axis=(1, 3, 5), dtype=np.uint16) >> 3).astype(np.uint8)
            fractions.append(eighths)
    return tuple(fractions)
