"""From a scan's own array to the RAS frame the networks see, and back.

Only axis swaps and flips: exactly invertible, and described by a few numbers in the header. So is
the crop (:mod:`vqcodec.boxes`) that follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray


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
    with np.errstate(all="ignore"):
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
