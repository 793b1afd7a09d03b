"""Which slices of a volume a report shows, and in what frame."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..boxes import bounding_box
from ..conform import orientation_of, to_ras

PLANES = ("sagittal", "coronal", "axial")
DIRECTIONS = ("left to right", "back to front", "foot to head")


@dataclass(frozen=True)
class Cut:
    """One slice: the RAS axis across it, and its place along that axis."""

    axis: int
    place: int


def first_frame(values: NDArray[Any], affine: NDArray[np.float64] | None) -> NDArray[Any]:
    """First 3D frame of an array of any number of axes, its axes turned to RAS (a view)."""
    spatial = values.reshape((*values.shape, 1, 1)[: max(3, values.ndim)])
    first: tuple[Any, ...] = (..., *(0,) * (spatial.ndim - 3))
    return to_ras(spatial[first], orientation_of(affine))


def voxel_sides(affine: NDArray[np.float64] | None) -> tuple[float, float, float]:
    """Length of a voxel along the RAS axes; ones where it is not known."""
    if affine is None:
        return 1.0, 1.0, 1.0
    lengths = np.sqrt(np.square(affine[:3, :3]).sum(axis=0))
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        return 1.0, 1.0, 1.0
    x, y, z = (float(lengths[axis]) for axis in orientation_of(affine).axes)
    return x, y, z


def cuts(inside: NDArray[np.bool_], count: int) -> list[list[Cut]]:
    """So many slices across each RAS axis, spread over what is inside.

    Parameters
    ----------
    inside : ndarray of bool
        ``(X, Y, Z)``. Where nothing is, slices are spread over the volume.
    count : int
        One has as much of it on either side; several leave out the outermost tenths.
    """
    shares = np.array([0.5]) if count == 1 else np.linspace(0.1, 0.9, count)
    planes = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        below = np.cumsum(inside.sum(axis=others))
        if not below[-1]:
            below = np.arange(1, len(below) + 1)
        places = np.searchsorted(below, shares * below[-1], side="right")
        planes.append([Cut(axis, int(place)) for place in dict.fromkeys(places)])
    return planes


def slice_of(frame: NDArray[Any], cut: Cut, box: Sequence[slice]) -> NDArray[Any]:
    """A slice as rows and columns of a picture: front or right to the right, head upwards."""
    kept = [part for axis, part in enumerate(box) if axis != cut.axis]
    plane: NDArray[Any] = np.moveaxis(frame, cut.axis, 0)[cut.place][tuple(kept)].T
    return plane[::-1]


def box_around(inside: NDArray[np.bool_], margin: int = 3) -> tuple[slice, slice, slice]:
    """The box that holds what is inside, with a margin; everything where nothing is."""
    if not inside.any():
        return slice(None), slice(None), slice(None)
    parts = [
        slice(max(0, first - margin), first + side + margin)
        for first, side in zip(*bounding_box(inside), strict=True)
    ]
    return parts[0], parts[1], parts[2]


def flat(planes: Sequence[Sequence[Cut]]) -> list[Cut]:
    """All slices of all planes in a row."""
    return list(itertools.chain.from_iterable(planes))
