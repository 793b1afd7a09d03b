"""Stored voxel values and the intensities they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import VolumeError
from .layout import Volume

_EXACT_IN_FLOAT32 = 1 << 24
_FLOAT_RESOLUTION = 2.0**-20
_SMALLEST_SAFE, _LARGEST_SAFE = 1e-30, 1e38  # range in which float32 keeps its precision


def scaled_values(volume: Volume) -> NDArray[np.float32] | NDArray[np.float64]:
    """Intensities of a volume: stored values times slope plus intercept.

    Parameters
    ----------
    volume : Volume
        Any volume that `read_volume` returns.

    Returns
    -------
    ndarray of float32 or float64, C order, native bytes
        Same shape as ``volume.array``. float32 where that tells all stored values apart,
        float64 for 64-bit floats, for integers beyond 2**24, and for scalings that need it.
        NaN and infinities of float volumes stay what they are.

    Raises
    ------
    VolumeError
        The header scales finite values beyond what float64 can hold.
    """
    with np.errstate(invalid="ignore"):  # signalling NaN
        return _scaled(volume.array, volume.slope, volume.inter or 0.0)


def stored_zero(volume: Volume) -> float:
    """The stored value that stands for an intensity of zero, or comes nearest to it."""
    if not volume.slope or not volume.inter:
        return 0.0
    zero = -volume.inter / volume.slope
    return float(round(zero)) if volume.array.dtype.kind in "iu" else zero


def scaled_zero(volume: Volume) -> float:
    """What `scaled_values` makes of :func:`stored_zero`."""
    return stored_zero(volume) * (volume.slope or 1.0) + (volume.inter or 0.0)


def _scaled(
    array: NDArray[Any], slope: float | None, inter: float
) -> NDArray[np.float32] | NDArray[np.float64]:
    kind, size = array.dtype.kind, array.dtype.itemsize
    if slope is None:
        wide = size == 8 if kind == "f" else size > 2 and _reach(array) > _EXACT_IN_FLOAT32
        return np.ascontiguousarray(array, dtype=np.float64 if wide else np.float32)
    swing = _reach(array) * abs(slope)
    largest = swing + abs(inter)
    if not np.isfinite(largest):
        raise VolumeError(f"its header scales voxels by {slope:g}, beyond every number format")
    scaled: NDArray[np.float64] = np.multiply(array, slope, dtype=np.float64)
    scaled += inter
    resolution = swing * _FLOAT_RESOLUTION if kind == "f" else abs(slope)
    if (kind == "f" and size == 8) or not _SMALLEST_SAFE < largest < _LARGEST_SAFE:
        return scaled
    if float(np.spacing(np.float32(largest))) > resolution / 4:
        return scaled
    return scaled.astype(np.float32)


def stored_from_scaled(
    values: NDArray[Any], dtype: np.dtype[Any], slope: float | None, inter: float | None
) -> NDArray[Any]:
    """Stored values that stand for the given intensities: the inverse of `scaled_values`.

    Parameters
    ----------
    values : ndarray of float
        Intensities, any shape.
    dtype : numpy.dtype
        Type on disk, byte order included. Integers are rounded half to even and clipped to
        their range; finite values beyond a float type's range become its largest.
    slope, inter : float or None
        Scaling of the volume.

    Returns
    -------
    ndarray of ``dtype``, C order, same shape

    Raises
    ------
    VolumeError
        NaN where the type on disk is an integer.
    """
    dtype = np.dtype(dtype)
    if slope is None and values.dtype == dtype.newbyteorder("=") and dtype.kind == "f":
        return np.array(values, dtype=dtype, order="C")
    narrow = slope is None and dtype.itemsize <= 2 and values.dtype == np.float32
    stored: NDArray[Any] = values if narrow else values.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if slope is not None:
            stored = (stored - (inter or 0.0)) / slope
        if dtype.kind == "f":
            return _to_float(stored, dtype)
    if np.isnan(stored).any():
        raise VolumeError(f"NaN cannot be stored in voxels of type {dtype}")
    low, high = _integer_range(dtype)
    rounded = np.rint(stored)
    np.clip(rounded, low, high, out=rounded)
    return np.ascontiguousarray(rounded.astype(dtype))


def _to_float(stored: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    largest = float(np.finfo(dtype).max)
    clipped = np.where(np.isfinite(stored), np.clip(stored, -largest, largest), stored)
    return np.ascontiguousarray(clipped.astype(dtype))


def _integer_range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Range of an integer type, in floats that convert back without overflow."""
    if dtype.kind == "b":
        return 0.0, 1.0
    info = np.iinfo(dtype)
    high = float(info.max)
    return float(info.min), high if int(high) <= info.max else float(np.nextafter(high, 0))


def _reach(array: NDArray[Any]) -> float:
    """Largest finite magnitude in an array."""
    if array.dtype.kind == "f":
        finite = array[np.isfinite(array)]
        return max(-float(finite.min()), float(finite.max()), 0.0) if finite.size else 0.0
    return float(max(abs(int(array.min())), abs(int(array.max()))))
