"""Stored voxels of any type as ordered whole numbers, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_SIGN = np.uint64(1 << 63)


def keys_of(values: NDArray[Any]) -> Keys:
    """One unsigned number for each voxel, in the order of their values.

    An integer is itself, and a floating-point number the integer of its bits, folded so that it
    grows with the value; to signed ones 2**63 is added.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind in "bu":
        return values.astype(np.uint64)
    native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
    signed = _folded(native.view(f"i{size}")) if kind == "f" else native
    keys: Keys = signed.astype(np.int64).view(np.uint64) ^ _SIGN
    return keys


def values_of(keys: Keys, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Inverse of :func:`keys_of`; what the type does not hold comes back as anything."""
    if dtype.kind in "bu":
        unsigned: NDArray[Any] = keys.astype(f"u{dtype.itemsize}").astype(dtype)
        return unsigned
    signed = (keys ^ _SIGN).view(np.int64).astype(f"i{dtype.itemsize}")
    if dtype.kind == "f":
        signed = _folded(signed).view(f"f{dtype.itemsize}")
    values: NDArray[Any] = signed.astype(dtype)
    return values


def _folded(bits: NDArray[Any]) -> NDArray[Any]:
    """Flip all bits but the sign of negative numbers; its own inverse."""
    most = np.array(np.iinfo(bits.dtype).max, bits.dtype)
    return np.where(bits < 0, bits ^ most, bits)
