"""A volume's 3D frames, prepared for the codec and put back together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .conform import (
    Orientation,
    background_value,
    bounding_box,
    crop,
    from_ras,
    robust_range,
    solid_background,
    to_ras,
)
from .formats.volumes import Volume
from .header import FrameDescription


WHOLE = (slice(None),) * 3


@dataclass(frozen=True)
class PreparedFrame:
    """One frame on its way into the codec.

    Attributes
    ----------
    x_DHW : ndarray of float32
        Crop in RAS order, in units of the robust range; zero in the background.
    foreground : ndarray of bool
        Of the crop.
    values : ndarray
        The whole RAS frame as stored, non-finite voxels replaced by the background value.
    background : ndarray of bool or None
        Of the whole RAS frame.
    nonfinite : ndarray or None
        The whole RAS frame as stored, where it has non-finite voxels.
    description : FrameDescription
        Everything but the step and the stages, which are not known yet.
    """

    x_DHW: NDArray[np.float32]
    foreground: NDArray[np.bool_]
    values: NDArray[Any]
    background: NDArray[np.bool_] | None
    nonfinite: NDArray[Any] | None
    description: FrameDescription


def frames_of(array: NDArray[Any], orientation: Orientation) -> Iterator[NDArray[Any]]:
    """3D frames of an array of any number of axes, in C order of the trailing axes, RAS."""
    spatial = array.reshape((*array.shape, 1, 1, 1)[: max(array.ndim, 3)])
    for index in np.ndindex(*spatial.shape[3:]):
        yield to_ras(spatial[(Ellipsis, *index)], orientation)


def array_of(
    frames: Iterator[NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    orientation: Orientation,
) -> NDArray[Any]:
    """Inverse of :func:`frames_of`."""
    array = np.empty((*shape, 1, 1, 1)[: max(len(shape), 3)], dtype)
    for index in np.ndindex(*array.shape[3:]):
        array[(Ellipsis, *index)] = from_ras(next(frames), orientation)
    return array.reshape(shape)


def stored_zero(volume: Volume) -> float:
    """The stored value that stands for an intensity of zero."""
    if not volume.slope or not volume.inter:
        return 0.0
    zero = -volume.inter / volume.slope
    return float(round(zero)) if volume.array.dtype.kind in "iu" else zero


def prepare_frame(stored: NDArray[Any], zero: float) -> PreparedFrame:
    """Find background, range and crop of a frame.

    Parameters
    ----------
    stored : ndarray
        ``(D, H, W)`` in RAS order, values as stored.
    zero : float
        Stored value that stands for an intensity of zero.
    """
    finite = np.isfinite(stored) if stored.dtype.kind == "f" else None
    is_finite = finite is None or bool(finite.all())
    if is_finite or finite is None:
        values = stored
    else:
        kept = stored[finite]
        values = np.where(finite, stored, background_value(kept, zero) if kept.size else zero)
    flat = background_value(values, zero)
    background = solid_background(values, flat)
    low, high = float(values.min()), float(values.max())
    nonfinite = 0 if finite is None else int(finite.size - np.count_nonzero(finite))
    if low == high:
        constant = FrameDescription(
            low, 1.0, low, high, None, (0, 0, 0), (0, 0, 0), 0, (0, 0, 0), nonfinite
        )
        empty = np.zeros((0, 0, 0), np.float32)
        return PreparedFrame(
            empty, empty.astype(bool), values, None, None if is_finite else stored, constant
        )
    foreground = np.ones(values.shape, bool) if background is None else ~background
    origin, extent = bounding_box(foreground)
    offset, scale = robust_range(values, flat)
    inside = crop(foreground, origin, extent)
    x = (crop(values, origin, extent).astype(np.float64) - offset) / scale
    kept = values[foreground]
    description = FrameDescription(
        offset=offset,
        scale=scale,
        minimum=float(kept.min()),
        maximum=float(kept.max()),
        background=None if background is None else flat,
        origin=(origin[0], origin[1], origin[2]),
        extent=(extent[0], extent[1], extent[2]),
        step_index=0,
        stages=(1, 1, 1),
        nonfinite=nonfinite,
    )
    return PreparedFrame(
        np.where(inside, x, 0).astype(np.float32),
        np.ascontiguousarray(inside),
        values,
        background,
        None if is_finite else stored,
        description,
    )


def decoded_values(
    x_DHW: NDArray[np.float32],
    foreground: NDArray[np.bool_],
    frame: FrameDescription,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Values of a whole RAS frame from a decoded crop, float32 or float64.

    Parameters
    ----------
    dtype : numpy.dtype
        Stored type; decides the precision needed.
    """
    wide = dtype.itemsize > 4 or (dtype.kind in "iu" and dtype.itemsize == 4)
    kind = np.float64 if wide else np.float32
    values = np.full(shape, frame.offset if frame.background is None else frame.background, kind)
    inside = x_DHW.astype(kind) * kind(frame.scale) + kind(frame.offset)
    np.clip(inside, frame.minimum, frame.maximum, out=inside)
    box = crop(values, frame.origin, frame.extent)
    box[foreground] = inside[foreground]
    return values


def whole_background(
    foreground: NDArray[np.bool_], frame: FrameDescription, shape: tuple[int, int, int]
) -> NDArray[np.bool_] | None:
    """Background of the whole RAS frame from the foreground of its crop."""
    if frame.background is None:
        return None
    whole = np.ones(shape, bool)
    crop(whole, frame.origin, frame.extent)[...] = ~foreground
    return whole
