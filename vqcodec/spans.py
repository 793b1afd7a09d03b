"""Regions of a volume: slices of its spatial axes, checked. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

Region = Sequence[slice]


def spans_of(region: Region, shape: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """First voxel and the first one beyond, for each spatial axis of a volume.

    Parameters
    ----------
    region : sequence of slice
        At most one for each of the first three axes, of step one; what is left out is whole.
    shape : sequence of int
        Of the volume.

    Raises
    ------
    TypeError
        The region is no sequence of slices.
    ValueError
        The region is empty, has too many axes, or steps.
    """
    if not all(isinstance(each, slice) for each in region):
        raise TypeError(f"a region is a sequence of slices, one for each axis, not {region!r}")
    spatial = tuple(shape[:3])
    if len(region) > len(spatial):
        raise ValueError(f"a region has at most {len(spatial)} axes here, not {len(region)}")
    spans = []
    for axis, side in enumerate(spatial):
        wanted = region[axis] if axis < len(region) else slice(None)
        start, stop, step = wanted.indices(side)
        if step != 1:
            raise ValueError("a region is of neighbouring voxels: its slices have no step")
        if start >= stop:
            raise ValueError(f"the region holds no voxel along axis {axis}, of {side}")
        spans.append((start, stop))
    return tuple(spans)
