"""From a scan's own array to the RAS frame the networks see, and back.

Only axis swaps and flips, a crop to the foreground and an affine intensity map: all exactly
invertible, all described by a few numbers in the header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

RANGE_PERCENTILES = (0.1, 99.9)
BACKGROUND_SHARE = 0.02
MAX_FACES_PER_VOXEL = 0.6
SOLID_SIDE = 5
SOLID_SHARE = 0.15


@dataclass(frozen=True)
class Orientation:
    """Axis swaps and flips to RAS.

    Attributes
    ----------
    axes : tuple of int
        Source axis of each RAS axis.
    flips : tuple of bool
        Whether that RAS axis runs against the source axis.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]


IDENTITY_ORIENTATION = Orientation((0, 1, 2), (False, False, False))


def orientation_of(affine: NDArray[np.float64] | None) -> Orientation:
    """Swaps and flips that bring the voxel axes nearest to RAS.

    Parameters
    ----------
    affine : ndarray or None
        ``(4, 4)`` voxel-to-world matrix in mm; without one, or with one that names no
        direction for an axis, the axes stay as they are.
    """
    if affine is None or not np.all(np.isfinite(affine)):
        return IDENTITY_ORIENTATION
    codes = nib.orientations.io_orientation(affine)
    if np.any(np.isnan(codes)):
        return IDENTITY_ORIENTATION
    ras_axis_of_source = codes[:, 0].astype(int)
    axes = [int(np.flatnonzero(ras_axis_of_source == ras)[0]) for ras in range(3)]
    flips = [bool(codes[source, 1] < 0) for source in axes]
    return Orientation((axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))


def to_ras(frame: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """A view of a 3D frame with its axes in RAS order and direction."""
    turned = np.transpose(frame, orientation.axes)
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in orientation.flips)
    return turned[steps]


def from_ras(frame: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """Inverse of :func:`to_ras`."""
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in orientation.flips)
    return np.transpose(frame[steps], np.argsort(orientation.axes))


def background_value(values: NDArray[Any], zero: float) -> float:
    """The value that would be background: ``zero``, or the minimum where that is common.

    Parameters
    ----------
    values : ndarray
        Stored voxels of a frame.
    zero : float
        Stored value that stands for an intensity of zero.
    """
    if np.count_nonzero(values == zero) >= BACKGROUND_SHARE * values.size:
        return zero
    least = values.min()
    if np.count_nonzero(values == least) >= BACKGROUND_SHARE * values.size:
        return float(least)
    return zero


def solid_background(values: NDArray[Any], value: float = 0.0) -> NDArray[np.bool_] | None:
    """The background of a 3D frame that is exactly one value, if it has one.

    Where such voxels form solid regions (a skull-stripped scan) every one of them counts.
    Where they are scattered too, as in the noisy air of a whole head, only those in solid
    regions do: coding the outline of noise would cost more than the scan.

    Parameters
    ----------
    values : ndarray
        ``(D, H, W)``.
    value : float
        The background value.

    Returns
    -------
    ndarray of bool or None
        True in the background; None where there is none worth coding.
    """
    flat: NDArray[np.bool_] = values == value
    count = np.count_nonzero(flat)
    if count < BACKGROUND_SHARE * flat.size:
        return None
    if _boundary_faces(flat) <= MAX_FACES_PER_VOXEL * min(count, flat.size - count):
        return flat
    eroded = ndimage.minimum_filter(flat.view(np.uint8), SOLID_SIDE)
    solid: NDArray[np.bool_] = ndimage.maximum_filter(eroded, SOLID_SIDE).astype(bool)
    return solid if np.count_nonzero(solid) >= SOLID_SHARE * solid.size else None


def _boundary_faces(mask: NDArray[np.bool_]) -> int:
    return sum(int(np.count_nonzero(np.diff(mask, axis=axis))) for axis in range(mask.ndim))


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
        ``scale`` is positive; 1 for a constant volume.
    """
    other = values != zero
    is_masked = np.count_nonzero(other) <= (1 - BACKGROUND_SHARE) * values.size
    kept = values[other] if is_masked else values.reshape(-1)
    if kept.size == 0:
        return zero, 1.0
    low, high = (float(p) for p in np.percentile(kept, RANGE_PERCENTILES))
    if high <= low:
        low, high = float(kept.min()), float(kept.max())
    if float(kept.min()) >= zero and (is_masked or low - zero <= high - low):
        low = zero
    scale = high - low
    if not np.isfinite(scale) or scale <= 0.0:
        return low, 1.0
    return low, scale


def bounding_box(mask: NDArray[np.bool_]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Origin and extent of the smallest box that holds every true voxel.

    An empty mask gives one voxel at the origin.
    """
    origin, extent = [], []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        first, last = (int(hits[0]), int(hits[-1])) if hits.size else (0, 0)
        origin.append(first)
        extent.append(last - first + 1)
    return tuple(origin), tuple(extent)


def crop(array: NDArray[Any], origin: Sequence[int], extent: Sequence[int]) -> NDArray[Any]:
    """View of a box."""
    return array[tuple(slice(o, o + n) for o, n in zip(origin, extent, strict=True))]
