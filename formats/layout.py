"""What every volume format is described by: the voxels, their place in the file, the format."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

HEADER_LIMIT = 1 << 24
"""Most bytes that a header with its extensions, or a footer, may have."""

SNIFF_LENGTH = 544
"""Bytes from the start of a file that are enough to recognise every format."""

MAX_AXES = 7
"""Axes an array may have: as many as NIfTI can name."""


@dataclass(frozen=True)
class Layout:
    """Where and how the voxels lie in the file, as its header says.

    Attributes
    ----------
    shape : tuple of int
        Extent of every axis, in voxels, first axis first.
    dtype : numpy.dtype
        Type of one stored voxel, with its byte order.
    order : {"F", "C"}
        Which axis runs fastest in the file: the first ("F") or the last ("C").
    offset : int
        Bytes before the first voxel in the file that holds the voxels.
    slope, inter : float or None
        Scaled value = stored value x ``slope`` + ``inter``; None where nothing is scaled.
    affine : ndarray of float64, shape (4, 4), or None
        Voxel indices to millimetres (RAS), as nibabel derives it from the header.
    intent : int
        NIfTI intent code; 0 where the format has none.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Literal["F", "C"]
    offset: int
    slope: float | None = None
    inter: float | None = None
    affine: NDArray[np.float64] | None = None
    intent: int = 0

    @property
    def voxels(self) -> int:
        """Voxels of all frames together."""
        return math.prod(self.shape)

    @property
    def frames(self) -> int:
        """Number of 3D frames: the product of all axes after the third."""
        return math.prod(self.shape[3:])

    @property
    def data_bytes(self) -> int:
        """Length of the voxels in the file."""
        return self.voxels * self.dtype.itemsize


@dataclass(frozen=True)
class VolumeFormat:
    """One volume format: everything the readers and writers need to know about it.

    Attributes
    ----------
    id : str
        Name on disk; its meaning never changes.
    suffixes : tuple of str
        File name endings, lower case, without any ``.gz``; the first is the usual one.
    packed : str
        Usual ending of a gzip-compressed file.
    paired : bool
        Whether header (``.hdr``) and voxels (``.img``) are two files.
    recognises : callable
        Tells from the first bytes of the (header) file whether this format reads it.
    header_length : callable
        From the first bytes, the length of everything before the voxels. Not used for pairs.
    layout : callable
        From the complete header, where and how the voxels lie.
    footer_limit : int
        Most bytes that may follow the voxels.
    image_class : type or None
        The nibabel class that such a file loads as.
    image_header : callable or None
        From header and footer, the header object of ``image_class``.
    """

    id: str
    suffixes: tuple[str, ...]
    packed: str
    paired: bool
    recognises: Callable[[bytes], bool]
    header_length: Callable[[bytes], int]
    layout: Callable[[bytes], Layout]
    footer_limit: int = 0
    image_class: Any = None
    image_header: Callable[[bytes, bytes], Any] | None = None


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume with all that is needed to write its file again, byte for byte.

    Attributes
    ----------
    array : ndarray, C order
        Stored (unscaled) values in the type and byte order of the file; shape as in the file.
    slope, inter : float or None
        Scaled value = stored value x ``slope`` + ``inter``; None where nothing is scaled.
    affine : ndarray of float64, shape (4, 4), or None
        Voxel indices to millimetres (RAS); None where the format has none.
    format : str
        Id of the volume format.
    suffix : str
        Ending of the file name, such as ``".nii.gz"``: says whether the file is compressed.
    header_bytes : bytes
        Everything before the voxels, extensions included; for a pair the whole header file.
    footer_bytes : bytes
        Everything after the voxels (MGH only).
    companion_prefix : bytes
        What stands before the voxels in the ``.img`` file of a pair.
    """

    array: NDArray[Any]
    slope: float | None
    inter: float | None
    affine: NDArray[np.float64] | None
    format: str
    suffix: str
    header_bytes: bytes
    footer_bytes: bytes = b""
    companion_prefix: bytes = b""
