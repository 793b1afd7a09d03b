"""What in a volume is background, what is anatomy, and how far its intensities reach.

One definition for all: the codec crops and scales by it, the figures are measured by it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BACKGROUND_SHARE = 0.02
MAX_FACES_PER_VOXEL = 0.6
SOLID_SIDE = 5
SOLID_SHARE = 0.15
FOREGROUND_THRESHOLD = 0.08
RANGE_PERCENTILES = (0.1, 99.9)

Mask = NDArray[np.bool_]


def background_value(values: NDArray[Any], zero: float = 0.0) -> float:
    """The value that would be background: ``zero``, or the minimum where that is common.

    Parameters
    ----------
    values : ndarray
        Finite voxels of a frame, any shape.
    zero : float
        The value that stands for an intensity of zero.
    """
    if values.size == 0 or np.count_nonzero(values == zero) >= BACKGROUND_SHARE * values.size:
        return zero
    least = values.min()
    if np.count_nonzero(values == least) >= BACKGROUND_SHARE * values.size:
        return float(least)
    return zero


def finite_voxels(
    values: NDArray[Any], zero: float = 0.0
) -> tuple[NDArray[Any], float, Mask | None]:
    """A frame whose NaN and infinite voxels have become background.

    Returns
    -------
    values : ndarray
        The same array where all of it is finite.
    background : float
        The value that would be background; see :func:`background_value`.
    finite : ndarray of bool or None
        Which voxels were finite; None where all were.
    """
    if values.dtype.kind != "f":
        return values, background_value(values, zero), None
    finite: Mask = np.isfinite(values)
    if finite.all():
        return values, background_value(values, zero), None
    flat = background_value(values[finite], zero)
    filled = np.where(finite, values, np.asarray(flat, values.dtype))
    return filled, background_value(filled, flat), finite


def solid_background(values: NDArray[Any], value: float = 0.0) -> Mask | None:
    """The background of a frame that is exactly one value, if it has one.

    Where such voxels form solid regions (a skull-stripped scan) every one of them counts.
    Where they are scattered too, as in the noisy air of a whole head, only those in solid
    regions do: coding the outline of noise would cost more than the scan.

    Parameters
    ----------
    values : ndarray
        Finite voxels, ``(D, H, W)``.
    value : float
        The background value.

    Returns
    -------
    ndarray of bool or None
        True in the background; None where there is none worth coding.
    """
    flat: Mask = values == value
    count = np.count_nonzero(flat)
    if count < BACKGROUND_SHARE * flat.size:
        return None
    if boundary_faces(flat) <= MAX_FACES_PER_VOXEL * min(count, flat.size - count):
        return flat
    eroded = ndimage.minimum_filter(flat.view(np.uint8), SOLID_SIDE)
    solid: Mask = ndimage.maximum_filter(eroded, SOLID_SIDE).astype(bool)
    return solid if np.count_nonzero(solid) >= SOLID_SHARE * solid.size else None


def boundary_faces(mask: Mask) -> int:
    """Faces between voxels inside and outside of a mask; its sides are none."""
    return sum(int(np.count_nonzero(np.diff(mask, axis=axis))) for axis in range(mask.ndim))


def foreground(values: NDArray[Any], zero: float = 0.0) -> Mask:
    """Voxels that hold anatomy rather than background.

    Parameters
    ----------
    values : ndarray
        ``(D, H, W)``. NaN and infinities are never foreground.
    zero : float
        The value that stands for an intensity of zero.

    Returns
    -------
    ndarray of bool, same shape
        All but the solid background where there is one (skull-stripped or otherwise masked,
        see :func:`solid_background`); else what is above 8 % of the robust range.
    """
    filled, flat, finite = finite_voxels(values, zero)
    background = solid_background(filled, flat)
    inside: Mask
    if background is not None:
        inside = ~background
    else:
        offset, scale = robust_range(filled, flat)
        inside = filled > offset + FOREGROUND_THRESHOLD * scale
    return inside if finite is None else inside & finite


def robust_range(values: NDArray[Any], zero: float = 0.0) -> tuple[float, float]:
    """Offset and scale of the robust min-max map ``value = offset + scale * x``.

    The range runs from ``zero`` (or, where there are values below it or none near it, the
    0.1th percentile) to the 99.9th percentile of the voxels that are not ``zero``, or of all
    where fewer than 2 % are (section 3 of the paper: "robust min-max scaled"). Nothing is
    clipped.

    Parameters
    ----------
    values : ndarray
        Finite values, any shape.
    zero : float
        The background value.

    Returns
    -------
    offset, scale : float
        ``scale`` is positive; for a constant volume its magnitude, or 1.
    """
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    other = values != zero
    is_masked = np.count_nonzero(other) <= (1 - BACKGROUND_SHARE) * values.size
    kept = values[other] if is_masked else values.reshape(-1)
    if kept.size == 0:
        return zero, abs(zero) or 1.0
    low, high = (float(p) for p in np.percentile(kept, RANGE_PERCENTILES))
    least = float(kept.min())
    if high <= low:
        low, high = least, float(kept.max())
    if least >= zero and (is_masked or low - zero <= high - low):
        low = zero
    scale = high - low
    return low, scale if scale > 0.0 else abs(low) or 1.0
