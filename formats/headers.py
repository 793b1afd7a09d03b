"""Talking to nibabel's header classes: no log output, no warnings, one kind of error."""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from nibabel.arraywriters import WriterError
from nibabel.filebasedimages import ImageFileError
from nibabel.freesurfer.mghformat import MGHError
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from ..errors import VolumeError
from .layout import Layout

READING = "nibabel cannot read its header"

_ERROR_LEVEL = 40  # what nibabel itself refuses; anything milder it repairs in its own copy
_SILENT = logging.Logger("vqcodec.formats.headers", level=logging.CRITICAL + 1)
_NIBABEL_ERRORS = (
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    EOFError,
    struct.error,
    HeaderDataError,
    HeaderTypeError,
    ImageFileError,
    MGHError,
    WrapStructError,
    WriterError,
)


@contextmanager
def nibabel_errors(doing: str) -> Iterator[None]:
    """Turn whatever nibabel raises into a `VolumeError`, and silence its warnings.

    Parameters
    ----------
    doing : str
        Start of the sentence, such as ``"nibabel cannot read the header"``.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            yield
        except _NIBABEL_ERRORS as error:
            detail = " ".join(str(error).split())
            raise VolumeError(f"{doing} ({detail or type(error).__name__})") from error


def check_header(header: Any) -> None:
    """Let nibabel check a header and repair what it usually repairs, without a word."""
    header.check_fix(logger=_SILENT, error_level=_ERROR_LEVEL)


def check_axes(header: Any) -> None:
    """Raise `VolumeError` unless the number of axes is one that the Analyze family allows."""
    if not 1 <= int(header["dim"][0]) <= 7:
        raise VolumeError("its header names an impossible number of axes")


def parsed_header(header_class: Any, header_bytes: bytes) -> Any:
    """Header object, extensions included, of the Analyze family (NIfTI is one of it)."""
    if len(header_bytes) < header_class.sizeof_hdr:
        raise VolumeError("is cut short inside its header")
    with nibabel_errors(READING):
        header = header_class.from_fileobj(BytesIO(header_bytes), check=False)
        check_axes(header)
        check_header(header)
        return header


def unplaced_header(header_class: Any, header_bytes: bytes) -> Any:
    """Header as an image in memory has it: the voxels' place is chosen anew on saving."""
    header = parsed_header(header_class, header_bytes)
    header.set_data_offset(0)
    return header


def described(header: Any, offset: int, intent: int = 0) -> Layout:
    """Layout that a header of the Analyze family announces."""
    with nibabel_errors(READING):
        slope, inter = checked_scaling(*header.get_slope_inter())
        return Layout(
            shape=checked_shape(header.get_data_shape()),
            dtype=header.get_data_dtype(),
            order="F",
            offset=offset,
            slope=slope,
            inter=inter,
            affine=checked_affine(header.get_best_affine()),
            intent=intent,
        )


def checked_offset(value: Any) -> int:
    """Place of the first voxel: a whole number of bytes, not negative."""
    offset = float(value)
    if not np.isfinite(offset) or offset < 0 or offset != int(offset):
        raise VolumeError(f"its header puts the voxels at byte {offset:g}")
    return int(offset)


def checked_shape(dims: Any) -> tuple[int, ...]:
    """Shape from the extents in a header, each at least 1."""
    shape = tuple(int(extent) for extent in dims)
    if not shape or min(shape) < 1:
        sides = "x".join(map(str, shape)) or "none"
        raise VolumeError(f"its header names an impossible shape ({sides})")
    return shape


def checked_affine(affine: Any) -> NDArray[np.float64]:
    """Affine as float64, shape (4, 4), every entry finite."""
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4):
        raise VolumeError(f"its affine has shape {matrix.shape}, not (4, 4)")
    if not np.isfinite(matrix).all():
        raise VolumeError("its affine holds NaN or infinite entries")
    return matrix


def checked_scaling(slope: Any, inter: Any) -> tuple[float | None, float | None]:
    """Slope and intercept as floats, or (None, None) where they change nothing."""
    if slope is None:
        return None, None
    scale, shift = float(slope), 0.0 if inter is None else float(inter)
    if not (np.isfinite(scale) and np.isfinite(shift)) or scale == 0:
        raise VolumeError(f"its header scales voxels by {scale} and {shift}")
    if scale == 1 and shift == 0:
        return None, None
    return scale, shift
