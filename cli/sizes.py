"""How small a file is: the figures that every report gives, with what they are relative to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

FLOAT32_BYTES = 4


def size_figures(size: int, shape: Sequence[int], dtype: str) -> dict[str, Any]:
    """Relate a file's size to the volume in it.

    Parameters
    ----------
    size : int
        Bytes of the VQZ file.
    shape : sequence of int
        Shape of the whole array.
    dtype : str
        NumPy type string of the array as its source stores it.
    """
    import numpy as np

    voxels = math.prod(shape)
    stored = np.dtype(dtype)
    return {
        "bytes": size,
        "shape": list(shape),
        "dtype": stored.name,
        "bits_per_voxel": 8 * size / voxels,
        "percent_of_float32": 100 * size / (FLOAT32_BYTES * voxels),
        "percent_of_stored": 100 * size / (stored.itemsize * voxels),
    }


def significant(value: float, digits: int = 3) -> str:
    """Write a number with so many digits, without an exponent: ``0.82``, ``1.6``, ``123``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def decibels(value: float | None) -> str:
    """Write a PSNR; None is one that is not finite, as where nothing was lost."""
    return "- dB" if value is None else f"{value:.2f} dB"


def promised(promise: Mapping[str, Any]) -> str:
    """Write what a file promises of its voxels."""
    error = promise["max_error"]
    return f"every voxel within {significant(error, 6)}" if error else "lossless"
