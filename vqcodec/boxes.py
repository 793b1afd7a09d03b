"""Boxes of voxels: the smallest that holds a mask, and what lies in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Triple = tuple[int, int, int]


def bounding_box(mask: NDArray[np.bool_]) -> tuple[Triple, Triple]:
    """Origin and extent of the smallest box that holds every true voxel of ``(D, H, W)``.

    An empty mask gives one voxel at the origin.
    """
    firsts, sides = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        first, last = (int(hits[0]), int(hits[-1])) if hits.size else (0, 0)
        firsts.append(first)
        sides.append(last - first + 1)
    return (firsts[0], firsts[1], firsts[2]), (sides[0], sides[1], sides[2])


def crop(array: NDArray[Any], origin: Sequence[int], extent: Sequence[int]) -> NDArray[Any]:
    """View of a box."""
    return array[tuple(slice(o, o + n) for o, n in zip(origin, extent, strict=True))]
