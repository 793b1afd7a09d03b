"""Volumes the codec does not take, each with the reason and a way on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LimitExceededError, VolumeError
from ..limits import Limits
from .known import format_of
from .layout import MAX_AXES, Layout, Volume

_LABEL_INTENTS = {1002: "label", 1003: "neuroanatomical name"}
_SMALLEST = 512  # voxels below which nothing can be said
_SAMPLE = 1 << 16
_FEW_VALUES = 16
_ATLAS_VALUES = 4096
_HOUNSFIELD_AIR = (-1100.0, -900.0)
_AIR_SHARE = 0.05
_PIECEWISE_CONSTANT = 0.65  # real 8-bit scans stay below 0.3, tissue maps are above 0.8


def refuse_voxel_type(dtype: np.dtype[Any]) -> None:
    """Raise `VolumeError` unless a voxel is one real number of at most 64 bits."""
    if dtype.names in (("R", "G", "B"), ("R", "G", "B", "A")):
        kind = "".join(dtype.names)
        raise VolumeError(
            f"is a colour image ({kind}), not one intensity per voxel; compress its channels as"
            " separate volumes"
        )
    if dtype.kind == "c":
        raise VolumeError(
            "holds complex numbers, not one intensity per voxel; compress magnitude and phase as"
            " separate volumes"
        )
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise VolumeError(f"holds voxels of type {dtype}, which are not supported")


def refuse_size(layout: Layout, limits: Limits) -> None:
    """Raise unless the axes, frames and voxels are within what is allowed."""
    if len(layout.shape) > MAX_AXES:
        raise VolumeError(f"has {len(layout.shape)} axes; at most {MAX_AXES} are supported")
    if layout.voxels > limits.voxels:
        raise LimitExceededError(f"has {layout.voxels} voxels; the limit is {limits.voxels}")
    if layout.frames > limits.frames:
        raise LimitExceededError(f"has {layout.frames} frames; the limit is {limits.frames}")


def refuse_ct(volume: Volume) -> None:
    """Raise `VolumeError` if the volume's intensities are Hounsfield units.

    Air is -1000 in them, and air is around every head: 5 % of the voxels or more lie within
    100 of it, and some above. CT that was windowed to grey levels cannot be told so.
    """
    finite = _finite_sample(volume)
    low, high = _HOUNSFIELD_AIR
    air = np.count_nonzero((finite >= low) & (finite <= high))
    if finite.size >= _SMALLEST and air >= _AIR_SHARE * finite.size and finite.max() > high:
        raise VolumeError(
            "looks like CT (much of it is at the Hounsfield units of air), which the model was"
            " not made for; --force compresses it all the same, --max-error and --lossless bound"
            " what is lost"
        )


def _finite_sample(volume: Volume) -> NDArray[np.float64]:
    """Intensities of some of the voxels."""
    with np.errstate(invalid="ignore", over="ignore"):
        sample = _sample(volume.array).astype(np.float64)
        if volume.slope is not None:
            sample = sample * volume.slope + (volume.inter or 0.0)
    finite: NDArray[np.float64] = sample[np.isfinite(sample)]
    return finite


def refuse_labels(volume: Volume) -> None:
    """Raise `VolumeError` if the volume holds labels, which lossy coding would turn to noise."""
    reason = label_reason(volume)
    if reason is not None:
        raise VolumeError(
            f"looks like a label image ({reason}), and lossy compression would damage labels;"
            " --force compresses it all the same, --lossless keeps every voxel"
        )


def label_reason(volume: Volume) -> str | None:
    """Why a volume looks like a label image, mask or atlas.

    Parameters
    ----------
    volume : Volume
        Any volume; at most a sample and the first frame of it are looked at, except where
        few values were found.

    Returns
    -------
    str or None
        A few words to show; None if it looks like a scan. Labels are announced by the header
        (NIfTI intent), are booleans, are 2 to 16 whole numbers in all, or are whole numbers
        of which most neighbours, background apart, are the same.
    """
    intent = format_of(volume.format).layout(volume.header_bytes).intent
    if intent in _LABEL_INTENTS:
        return f"NIfTI intent {intent}, {_LABEL_INTENTS[intent]}"
    if volume.array.dtype.kind == "b":
        return "boolean voxels"
    if volume.array.size < _SMALLEST:
        return None
    first_frame: tuple[Any, ...] = (..., *(0,) * (volume.array.ndim - 3))
    frame: NDArray[Any] = volume.array[first_frame]
    found, counts = np.unique(_sample(frame), return_counts=True)
    if found.size > _ATLAS_VALUES or not _whole(found):
        return None
    if found.size <= _FEW_VALUES:
        values = np.unique(volume.array)
        if 2 <= values.size <= _FEW_VALUES and _whole(values):
            return f"{values.size} distinct values"
    if found.size >= 2 and _equal_neighbours(frame, found[counts.argmax()]) > _PIECEWISE_CONSTANT:
        return "most neighbouring voxels are equal"
    return None


def _whole(values: NDArray[Any]) -> bool:
    if values.dtype.kind != "f":
        return True
    finite = values[np.isfinite(values)]
    return finite.size > 0 and bool(np.array_equal(finite, np.rint(finite)))


def _sample(frame: NDArray[Any]) -> NDArray[Any]:
    step = max(1, frame.size // _SAMPLE) | 1
    return frame.reshape(-1)[::step]


def _equal_neighbours(frame: NDArray[Any], background: Any) -> float:
    """Share of equal pairs among neighbours that are both not background."""
    inside = frame != background
    equal = pairs = 0
    for axis in range(frame.ndim):
        lower = (slice(None),) * axis + (slice(None, -1),)
        upper = (slice(None),) * axis + (slice(1, None),)
        both = inside[lower] & inside[upper]
        pairs += np.count_nonzero(both)
        equal += np.count_nonzero(both & (frame[lower] == frame[upper]))
    return equal / pairs if pairs >= _SMALLEST else 0.0
