"""NumPy's .npy files (versions 1.0 and 2.0): an array without a place in space."""

from __future__ import annotations

import tokenize
import warnings
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ..errors import VolumeError
from .layout import Layout, VolumeFormat

_MAGIC = b"\x93NUMPY"
_LENGTH_FIELD = {(1, 0): 2, (2, 0): 4}
_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}
# The header is a Python literal: numpy's parser can fail in every way that Python's can.
_PARSER_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    SyntaxError,
    tokenize.TokenError,
    RecursionError,
    MemoryError,
)


def _version(prefix: bytes) -> tuple[int, int]:
    version = (prefix[6], prefix[7]) if len(prefix) >= 8 else (0, 0)
    if version not in _READERS:
        raise VolumeError(f"is a .npy file of version {version[0]}.{version[1]}, not 1.0 or 2.0")
    return version


def _header_length(prefix: bytes) -> int:
    field = _LENGTH_FIELD[_version(prefix)]
    return 8 + field + int.from_bytes(prefix[8 : 8 + field], "little")


def _layout(header_bytes: bytes) -> Layout:
    read: Any = _READERS[_version(header_bytes)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran_order, dtype = read(BytesIO(header_bytes[8:]))
    except _PARSER_ERRORS as error:
        raise VolumeError("NumPy cannot read its header") from error
    if not shape or min(shape) < 1:
        sides = "x".join(map(str, shape)) or "no axes"
        raise VolumeError(f"its header names an impossible shape ({sides})")
    return Layout(
        shape=shape, dtype=dtype, order="F" if fortran_order else "C", offset=len(header_bytes)
    )


def npy_header(array: NDArray[Any], order: Literal["F", "C"] = "C") -> bytes:
    """Header that ``numpy.save`` would write before an array in that order."""
    stream = BytesIO()
    npy_format.write_array_header_1_0(
        stream,
        {
            "descr": npy_format.dtype_to_descr(array.dtype),
            "fortran_order": order == "F",
            "shape": array.shape,
        },
    )
    return stream.getvalue()


def npy_dtype_is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether a voxel of this type is one number, so that the header can describe it."""
    return dtype.fields is None and dtype.subdtype is None and not dtype.hasobject


NPY_FORMATS = (
    VolumeFormat(
        id="npy",
        suffixes=(".npy",),
        packed=".npy.gz",
        paired=False,
        recognises=lambda prefix: prefix.startswith(_MAGIC),
        header_length=_header_length,
        layout=_layout,
    ),
)
