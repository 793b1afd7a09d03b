"""Voxels of a compressed volume that are decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from nibabel.fileslice import canonical_slicers, fill_slicer, predict_shape
from nibabel.volumeutils import apply_read_scaling
from numpy.typing import NDArray

from .vqz import VQZ


class LazyArray:
    """What nibabel calls an array proxy: scaled values by slicing, or all of them as an array.

    A slice decodes the region it lies in. Nothing is kept: for many slices take the array.

    Parameters
    ----------
    vqz : VQZ
    slope, inter : float
        Scaled value = stored value x ``slope`` + ``inter``.
    """

    is_proxy = True

    def __init__(self, vqz: VQZ, slope: float = 1.0, inter: float = 0.0) -> None:
        self.vqz = vqz
        self.slope = slope
        self.inter = inter

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return tuple(self.vqz.parsed.volume.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return np.dtype(self.vqz.parsed.volume.dtype)

    def get_unscaled(self) -> NDArray[Any]:
        """All stored values.

        Raises
        ------
        FormatError, ModelUnavailableError
        """
        from .codec import decode_volume

        return decode_volume(self.vqz).array

    def get_scaled(self, dtype: Any = None) -> NDArray[Any]:
        """All scaled values, in a type that is at least ``dtype``.

        Raises
        ------
        FormatError, ModelUnavailableError
        """
        scaled = self._scaled(self.get_unscaled())
        if dtype is None:
            return scaled
        return scaled.astype(np.promote_types(scaled.dtype, dtype), copy=False)

    def stored_proxy(self) -> Any:
        """All values as nibabel's own kind of proxy, which knows the stored ones."""
        from .codec import decode_volume
        from .formats.volumes import image_from_volume

        volume = decode_volume(self.vqz)
        return volume.array if volume.format == "npy" else image_from_volume(volume).dataobj

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("voxels are decoded into a new array: it is always a copy")
        scaled = self._scaled(self.get_unscaled())
        return scaled if dtype is None else scaled.astype(dtype, copy=False)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        slicers = canonical_slicers(index, self.shape)
        if 0 in predict_shape(slicers, self.shape):
            return self._scaled(np.zeros(predict_shape(slicers, self.shape), self.dtype))
        region, rest = _region_and_rest(slicers, self.shape)
        return self._scaled(self.vqz.read_region(region)[rest])

    def _scaled(self, stored: NDArray[Any]) -> NDArray[Any]:
        slope, inter = np.float64(self.slope), np.float64(self.inter)
        scaled: NDArray[Any] = apply_read_scaling(stored, slope, inter)
        return scaled


def _region_and_rest(
    slicers: Sequence[Any], shape: Sequence[int]
) -> tuple[list[slice], tuple[Any, ...]]:
    """The smallest region that holds what is asked for, and how to take that out of it."""
    region: list[slice] = []
    rest: list[Any] = []
    axis = 0
    for slicer in slicers:
        if slicer is None:
            rest.append(None)
            continue
        if axis >= 3:
            rest.append(slicer)
        elif isinstance(slicer, slice):
            filled = fill_slicer(slicer, shape[axis])
            places = range(shape[axis])[slicer]
            low, high = min(places), max(places)
            region.append(slice(low, high + 1))
            rest.append(slice(None, None, filled.step))
        else:
            region.append(slice(slicer, slicer + 1))
            rest.append(0)
        axis += 1
    return region, tuple(rest)
