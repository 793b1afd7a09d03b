"""How close a decoded volume is to its source: PSNR, MS-SSIM, maximum error, MMD, Dice.

Everything works plane block by plane block along the first axis, so what is allocated
beside the two volumes stays at a few tens of megabytes whatever their size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .background import foreground, robust_range
from .ms_ssim import ms_ssim_3d

__all__ = [
    "dice",
    "foreground",
    "log_mmd",
    "max_error",
    "ms_ssim_3d",
    "psnr",
    "robust_range",
]

BLOCK_ELEMENTS = 1 << 20

Volume = NDArray[Any]
Mask = NDArray[np.bool_]


def psnr(reference: Volume, decoded: Volume, data_range: float, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in decibels.

    Parameters
    ----------
    reference, decoded : ndarray
        Real volumes of one shape, in the same units.
    data_range : float
        Peak value, in those units; greater than zero.
    mask : ndarray of bool, optional
        Voxels to count; all by default.

    Returns
    -------
    float
        ``inf`` where the volumes agree exactly, ``nan`` where no voxel is counted.

    Raises
    ------
    ValueError
        When shapes differ or ``data_range`` is not positive.
    """
    _check_data_range(data_range)
    squares, count = _sum_of_squared_errors(reference, decoded, mask, data_range)
    if count == 0:
        return math.nan
    if squares == 0:
        return math.inf
    return -10.0 * math.log10(squares / count)


def max_error(reference: Volume, decoded: Volume) -> float:
    """Largest absolute difference, in the units of the volumes; 0 for empty ones."""
    largest = 0.0
    for _, ours, theirs in _paired_blocks(reference, decoded):
        difference = np.abs(_difference(ours, theirs))
        if difference.size:
            largest = max(largest, float(difference.max()))
    return largest


def log_mmd(reference: Volume, decoded: Volume) -> float:
    """Natural logarithm of the maximum mean discrepancy, linear kernel, batch of one.

    As in cyclomon/3dbraingen, which the paper uses: with a batch of one it is the logarithm
    of the *sum* of squared errors, so it grows with the voxel count; subtract ``log(size)``
    for a per-voxel figure. ``-inf`` where the volumes agree exactly.
    """
    squares, _ = _sum_of_squared_errors(reference, decoded)
    return math.log(squares) if squares > 0 else -math.inf


def dice(first: Volume, second: Volume, label: int) -> float:
    """Dice overlap of one label in two label volumes of one shape; nan where neither has it."""
    overlap = total = 0
    for _, one, other in _paired_blocks(first, second):
        in_one, in_other = one == label, other == label
        overlap += int(np.count_nonzero(in_one & in_other))
        total += int(np.count_nonzero(in_one)) + int(np.count_nonzero(in_other))
    return 2.0 * overlap / total if total else math.nan


def _sum_of_squared_errors(
    reference: Volume, decoded: Volume, mask: Mask | None = None, unit: float = 1.0
) -> tuple[float, int]:
    if mask is not None and mask.shape != reference.shape:
        raise ValueError(f"mask has shape {mask.shape}, the volume {reference.shape}")
    squares, count = 0.0, 0
    for block, ours, theirs in _paired_blocks(reference, decoded):
        difference = _difference(ours, theirs)
        flat = difference.ravel() if mask is None else difference[mask[block]]
        if unit != 1.0:
            flat /= unit
        squares += float(np.dot(flat, flat))
        count += flat.size
    return squares, count


def _difference(ours: Volume, theirs: Volume) -> NDArray[np.float64]:
    return np.subtract(ours, theirs, dtype=np.float64)


def _paired_blocks(first: Volume, second: Volume) -> Iterator[tuple[slice, Volume, Volume]]:
    """Blocks of planes along the first axis of two volumes of one shape, with their place."""
    _check_shapes(first, second)
    thickness = max(1, BLOCK_ELEMENTS // max(1, math.prod(first.shape[1:])))
    for start in range(0, first.shape[0], thickness):
        block = slice(start, start + thickness)
        yield block, first[block], second[block]


def _check_shapes(first: Volume, second: Volume) -> None:
    if first.shape != second.shape:
        raise ValueError(f"volumes differ in shape: {first.shape} and {second.shape}")


def _check_data_range(data_range: float) -> None:
    if not 0 < data_range < math.inf:
        raise ValueError(f"data_range must be positive and finite, not {data_range}")
