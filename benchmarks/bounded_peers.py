"""Codecs with a bound on every voxel's error, or without any error, on the array as stored."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from .peers import imagecodecs

Array = NDArray[Any]
#: What an axis's slices, coded one by one or one below the other, come to.
AXES = (0, 1, 2)


def bounded_peers() -> dict[str, Callable[[Array, float], tuple[int, Array]]]:
    """Bytes and decoded values of each codec, for values as float32 and an error."""
    return {"SZ3": _sz3, "SPERR": _sperr}


def lossless_peers() -> dict[str, Callable[[Array], int]]:
    """Bytes of each codec for integers as stored; slices are along their best axis."""
    return {
        "gzip -9": lambda stored: len(gzip.compress(stored.tobytes("F"), 9)),
        "zstd -19": lambda stored: len(
            zstandard.ZstdCompressor(level=19).compress(stored.tobytes("F"))
        ),
        "JPEG-LS": _jpeg_ls,
        "JPEG XL": _jpeg_xl,
    }


def _sz3(values: Array, error: float) -> tuple[int, Array]:
    data = imagecodecs().sz3_encode(values, "abs", error)
    return len(data), imagecodecs().sz3_decode(data, shape=values.shape, dtype="float32")


def _sperr(values: Array, error: float) -> tuple[int, Array]:
    data = imagecodecs().sperr_encode(values, error, "pwe", numthreads=1)
    return len(data), imagecodecs().sperr_decode(data, numthreads=1).reshape(values.shape)


def _jpeg_ls(stored: Array) -> int:
    return min(
        len(imagecodecs().jpegls_encode(below.reshape(-1, below.shape[2])))
        for below in map(np.ascontiguousarray, _planes(stored))
    )


def _jpeg_xl(stored: Array) -> int:
    """Slice by slice, effort 7: larger efforts gain less than a percent of their time."""
    encode = imagecodecs().jpegxl_encode
    return min(
        sum(len(encode(np.ascontiguousarray(plane), lossless=True, effort=7)) for plane in planes)
        for planes in _planes(stored)
    )


def _planes(stored: Array) -> list[Array]:
    """The volume along each axis, as unsigned integers of the same order."""
    lowest = min(int(stored.min()), 0)
    unsigned = (stored.astype(np.int64) - lowest).astype(
        np.uint8 if stored.max() - lowest < 256 else np.uint16
    )
    return [np.moveaxis(unsigned, axis, 0) for axis in AXES]
