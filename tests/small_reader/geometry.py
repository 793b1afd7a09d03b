"""Sections 11.2, 11.7 and 11.8 of the specification: what the mask says about coefficients."""

from __future__ import annotations

import numpy as np

BANDS = ((0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1))


def padded_to_four(array: np.ndarray) -> np.ndarray:
    return np.pad(array, [(0, -n % 4) for n in array.shape])


def low_and_high(care: np.ndarray, axis: int) -> list[np.ndarray]:
    before, after = 3, 5
    widths = [(before, after) if a == axis else (0, 0) for a in range(3)]
    samples = np.moveaxis(np.pad(care, widths), axis, 0)
    pairs = care.shape[axis] // 2
    parts = []
    for last in (3, 5):
        touched = [samples[2 * i : 2 * i + before + last + 1].any(axis=0) for i in range(pairs)]
        parts.append(np.moveaxis(np.stack(touched), 0, axis))
    return parts


def coded_coefficients(foreground: np.ndarray) -> list[list[np.ndarray]]:
    """Which coefficients are coded: for each split, its seven bands."""
    splits = []
    care = foreground
    for split in range(6):
        if split % 2 == 0:
            care = padded_to_four(care)
        parts = {
            (z, y, x): last
            for x, first in enumerate(low_and_high(care, 2))
            for y, second in enumerate(low_and_high(first, 1))
            for z, last in enumerate(low_and_high(second, 0))
        }
        care = parts[0, 0, 0]
        splits.append([parts[band] for band in BANDS])
    return splits


def foreground_eighths(foreground: np.ndarray) -> list[np.ndarray]:
    """Shape of a band, values 0 to 8, for each split."""
    splits = []
    eighths = foreground.astype(np.int64) * 8
    for split in range(6):
        if split % 2 == 0:
            eighths = padded_to_four(eighths)
        d, h, w = (n // 2 for n in eighths.shape)
        eighths = eighths.reshape(d, 2, h, 2, w, 2).sum(axis=(1, 3, 5)) >> 3
        splits.append(eighths)
    return splits
