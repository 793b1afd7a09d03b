"""A volume's 3D frames, prepared for the codec and put back together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .background import finite_voxels, robust_range, solid_background
from .boxes import bounding_box, crop
from .conform import Orientation, from_ras, to_ras
from .errors import VolumeError
from .formats.volumes import stored_from_scaled
from .header import FrameDescription

LARGEST_INTENSITY = 4096.0
BLOCK_VOXELS = 1 << 18

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PreparedFrame:
    """One frame on its way into the codec.

    Attributes
    ----------
    x_DHW : ndarray of float32
        Crop in RAS order, in units of the robust range; zero in the background.
    foreground : ndarray of bool
        Of the crop.
    background : ndarray of bool or None
        Of the whole RAS frame.
    description : FrameDescription
        Everything but the step and the stages, which are not known yet.
    """

    x_DHW: NDArray[np.float32]
    foreground: Mask
    background: Mask | None
    description: FrameDescription


def frames_of(array: NDArray[Any], orientation: Orientation) -> Iterator[NDArray[Any]]:
    """3D frames of an array of any number of axes, in C order of the trailing axes, RAS."""
    spatial = array.reshape(_with_three_axes(array.shape))
    for index in np.ndindex(spatial.shape[3:]):
        place = (Ellipsis, *index)
        yield to_ras(spatial[place], orientation)


def array_of(
    frames: Iterator[NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    orientation: Orientation,
) -> NDArray[Any]:
    """Inverse of :func:`frames_of`."""
    array = np.empty(_with_three_axes(shape), dtype)
    for index in np.ndindex(array.shape[3:]):
        place = (Ellipsis, *index)
        array[place] = from_ras(next(frames), orientation)
    return array.reshape(shape)


def _with_three_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape, 1, 1, 1)[: max(len(shape), 3)]


def prepare_frame(stored: NDArray[Any], zero: float) -> PreparedFrame:
    """Find background, range and crop of a frame.

    Intensities beyond 4096 robust ranges are clipped: in float32 they would drown the others.

    Parameters
    ----------
    stored : ndarray
        ``(D, H, W)`` in RAS order, values as stored.
    zero : float
        Stored value that stands for an intensity of zero.

    Raises
    ------
    VolumeError
        The values lie further apart than float64 can tell.
    """
    values, flat, finite = finite_voxels(stored, zero)
    nonfinite = 0 if finite is None else finite.size - int(np.count_nonzero(finite))
    low, high = float(values.min()), float(values.max())
    if not math.isfinite(high - low):
        raise VolumeError(f"its values reach from {low:g} to {high:g}, too far apart to scale")
    if low == high:
        return _constant_frame(low, nonfinite)
    background = solid_background(values, flat)
    foreground = np.ones(values.shape, bool) if background is None else ~background
    kept = values if background is None else values[foreground]
    origin, extent = bounding_box(foreground)
    offset, scale = robust_range(values, flat)
    description = FrameDescription(
        offset=offset,
        scale=scale,
        minimum=float(kept.min()),
        maximum=float(kept.max()),
        background=None if background is None else flat,
        origin=origin,
        extent=extent,
        step_index=0,
        stages=(1, 1, 1),
        nonfinite=nonfinite,
    )
    inside = np.ascontiguousarray(crop(foreground, origin, extent))
    x = _normalised(crop(values, origin, extent), inside, offset, scale)
    return PreparedFrame(x, inside, background, description)


def _constant_frame(value: float, nonfinite: int) -> PreparedFrame:
    none = (0, 0, 0)
    description = constant_frame(value, nonfinite)
    return PreparedFrame(np.zeros(none, np.float32), np.zeros(none, bool), None, description)


def constant_frame(value: float, nonfinite: int = 0) -> FrameDescription:
    """Description of a frame without codes."""
    none = (0, 0, 0)
    return FrameDescription(
        value, 1.0, value, value, None, none, none, step_index=0, stages=none, nonfinite=nonfinite
    )


def _normalised(
    values: NDArray[Any], foreground: Mask, offset: float, scale: float
) -> NDArray[np.float32]:
    x = np.zeros(values.shape, np.float32)
    for block in _blocks(values.shape):
        part = np.subtract(values[block], offset, dtype=np.float64)
        part /= scale
        np.clip(part, -LARGEST_INTENSITY, LARGEST_INTENSITY, out=part)
        np.copyto(x[block], part, where=foreground[block], casting="same_kind")
    return x


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices of the first axis, few voxels each: bounds what is held in float64."""
    thickness = max(1, BLOCK_VOXELS // math.prod(shape[1:]))
    for start in range(0, shape[0], thickness):
        yield slice(start, start + thickness)


def empty_frame(
    frame: FrameDescription, shape: tuple[int, int, int], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Stored values of a whole RAS frame ``shape`` without anything in its foreground."""
    flat = frame.offset if frame.background is None else frame.background
    return np.full(shape, stored_from_scaled(np.array([flat]), dtype, None, None)[0], dtype)


def restored_frame(
    x_DHW: NDArray[np.float32],
    foreground: Mask,
    frame: FrameDescription,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Stored values of a whole RAS frame ``shape`` from a decoded crop.

    Parameters
    ----------
    x_DHW : ndarray of float32
        Crop, in units of the robust range.
    foreground : ndarray of bool
        Of the crop.
    """
    stored = empty_frame(frame, shape, dtype)
    box = crop(stored, frame.origin, frame.extent)
    for block in _blocks(box.shape):
        with np.errstate(over="ignore"):
            values = np.multiply(x_DHW[block], frame.scale, dtype=np.float64)
            values += frame.offset
        np.clip(values, frame.minimum, frame.maximum, out=values)
        part = stored_from_scaled(values, dtype, None, None)
        np.copyto(box[block], part, where=foreground[block])
    return stored


def whole_background(
    foreground: Mask, frame: FrameDescription, shape: tuple[int, int, int]
) -> Mask | None:
    """Background of the whole RAS frame from the foreground of its crop."""
    if frame.background is None:
        return None
    whole = np.ones(shape, bool)
    crop(whole, frame.origin, frame.extent)[...] = ~foreground
    return whole
