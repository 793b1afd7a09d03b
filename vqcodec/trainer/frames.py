"""From a scan as it lies on disk to the voxels that networks train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from ..background import foreground, robust_range, solid_background
from ..boxes import bounding_box
from ..conform import orientation_of, to_ras
from ..errors import VolumeError
from ..formats.volumes import Volume, refuse_labels, scaled_values
from .pack import FloatVolume, Triple
from .scans import resample

LEAST_SIDE = 16
SAME_SIZE = 1e-3

FrameName = Literal["own", "paper", "low"]


@dataclass(frozen=True)
class Frame:
    """A box of isotropic voxels, RAS axes.

    Attributes
    ----------
    shape : tuple of int
    voxel_mm : float
    """

    shape: Triple
    voxel_mm: float


FRAMES = {"paper": Frame((192, 256, 192), 1.0), "low": Frame((64, 64, 64), 3.0)}
"""Full resolution of the paper, and the one that its baseline and low variants see."""


def scaled_volume(volume: Volume) -> FloatVolume:
    """One 3D scan in RAS axes, robust range scaled to [0, 1], zeros kept.

    Raises
    ------
    VolumeError
        It is not one 3D scan, is a label image, or has no contrast.
    """
    refuse_labels(volume)
    values = scaled_values(volume)
    if values.ndim > 3 and int(np.prod(values.shape[3:])) == 1:
        values = values.reshape(values.shape[:3])
    if values.ndim != 3:
        raise VolumeError(f"is not one 3D scan but has shape {volume.array.shape}")
    if min(values.shape) < LEAST_SIDE:
        raise VolumeError(f"is too small to train on: {values.shape}")
    if not np.isfinite(values).all():
        raise VolumeError("holds NaN or infinite voxels")
    values = to_ras(values, orientation_of(volume.affine))
    offset, scale = robust_range(values)
    x_DHW = ((values - offset) / scale).astype(np.float32)
    if float(np.ptp(x_DHW)) == 0.0:
        raise VolumeError("has the same value everywhere")
    return np.where(values == 0, np.float32(0), x_DHW)


def voxel_size_mm(volume: Volume) -> tuple[float, float, float]:
    """Lengths of the voxel's sides along the RAS axes; 1 mm where nothing is known."""
    if volume.affine is None:
        return (1.0, 1.0, 1.0)
    axes = list(orientation_of(volume.affine).axes)
    lengths = np.linalg.norm(np.asarray(volume.affine)[:3, :3], axis=0)[axes]
    sound = np.where(np.isfinite(lengths) & (lengths > 0), lengths, 1.0)
    return (float(sound[0]), float(sound[1]), float(sound[2]))


def conform(x_DHW: FloatVolume, voxel_mm: Sequence[float], frame: Frame) -> FloatVolume:
    """Resample to a frame's voxel size, and centre the anatomy in the frame.

    Parameters
    ----------
    x_DHW : ndarray
        Float32, RAS axes.
    voxel_mm : sequence of float
        Its voxel size.
    frame : Frame

    Returns
    -------
    ndarray
        Of the frame's shape; what lies outside the scan is zero if its background is, and
        repeats its faces otherwise.
    """
    masked = solid_background(x_DHW) is not None
    zooms = [side / frame.voxel_mm for side in voxel_mm]
    if any(abs(zoom - 1) > SAME_SIZE for zoom in zooms):
        x_DHW = resample(_smoothed(x_DHW, zooms, masked), (zooms[0], zooms[1], zooms[2]))
    origin, extent = bounding_box(foreground(x_DHW))
    for axis, side in enumerate(frame.shape):
        first = origin[axis] + extent[axis] // 2 - side // 2
        margin = [(0, 0)] * 3
        margin[axis] = (max(0, -first), max(0, first + side - x_DHW.shape[axis]))
        start = first + margin[axis][0]
        x_DHW = np.pad(x_DHW, margin, mode="constant" if masked else "edge")
        x_DHW = np.take(x_DHW, range(start, start + side), axis=axis)
    return x_DHW


def _smoothed(x_DHW: FloatVolume, zooms: Sequence[float], masked: bool) -> FloatVolume:
    """Blur before large reductions, which would alias otherwise; zeros of a mask stay."""
    deviations = [0.5 / zoom if zoom < 0.75 else 0.0 for zoom in zooms]
    if not any(deviations):
        return x_DHW
    blurred: FloatVolume = ndimage.gaussian_filter(x_DHW, deviations, mode="nearest")
    return np.where(x_DHW == 0, np.float32(0), blurred) if masked else blurred
