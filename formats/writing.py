"""Volumes to files and byte strings, and arrays to volumes."""

from __future__ import annotations

import errno
import os
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import VolumeError
from ..limits import DEFAULT_LIMITS, Limits
from .atomic import write_atomically
from .headers import checked_affine
from .known import fits, format_of, is_packed, layout_of, volume_suffix
from .layout import Layout, Volume
from .npy import npy_dtype_is_plain, npy_header
from .refusals import refuse_size, refuse_voxel_type

_GZIP_LEVEL = 6
_GZIP_WINDOW = 31  # 32 KiB window, gzip wrapper: no name and no time in it


def write_volume(volume: Volume, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Write a volume in its own format, whole or not at all.

    Parameters
    ----------
    volume : Volume
        The header is written byte for byte, the array in the type and order it announces.
    path : str or path
        Its ending decides about compression; a name without a known ending gets the
        volume's own. For a pair, either file: both are written.
    overwrite : bool
        Replace existing files.

    Raises
    ------
    VolumeError
        The ending belongs to another format, or header and array do not match.
    FileExistsError, OSError
        A file exists and ``overwrite`` is false, or cannot be written.
    """
    volume_format = format_of(volume.format)
    suffix = volume_suffix(path)
    if suffix and not fits(volume_format, suffix):
        raise VolumeError(
            f"a volume in format {volume.format} cannot be written as {suffix};"
            f" its own ending is {volume.suffix}"
        )
    if not volume_format.paired:
        write_atomically(path, volume_to_bytes(volume, suffix), overwrite)
        return
    name = os.fspath(path)
    stem, ending = (name[: -len(suffix)], suffix) if suffix else (name, volume.suffix)
    _write_pair(volume, stem, ending, overwrite)


def volume_to_bytes(volume: Volume, suffix: str = "") -> bytes:
    """Content of the single file that holds a volume.

    Parameters
    ----------
    volume : Volume
    suffix : str
        Ending that decides about compression; if empty, the volume's own.

    Returns
    -------
    bytes

    Raises
    ------
    VolumeError
        The format is a pair of files, or header and array do not match.
    """
    if format_of(volume.format).paired:
        raise VolumeError("a .hdr/.img pair is two files and cannot be written to a stream")
    layout = layout_of(volume)
    parts = (volume.header_bytes, _voxels(volume, layout), volume.footer_bytes)
    return _packed(*parts) if is_packed(suffix or volume.suffix) else b"".join(parts)


def volume_from_array(
    array: NDArray[Any],
    affine: NDArray[Any] | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> Volume:
    """Volume of a NumPy array, in the format that ``numpy.save`` writes.

    Parameters
    ----------
    array : ndarray of bool, int or float, 1 to 7 axes
        Axes after the third are frames. Type and byte order are kept.
    affine : ndarray, shape (4, 4), optional
        Voxel indices to millimetres (RAS).
    limits : Limits
        Most voxels and frames to accept.

    Returns
    -------
    Volume

    Raises
    ------
    VolumeError
        The array is empty or of another type, or the affine is not finite.
    LimitExceededError
        More voxels or frames than ``limits`` allows.
    """
    values = np.asarray(array)
    if values.ndim == 0 or values.size == 0:
        raise VolumeError(f"an array of shape {values.shape} holds no volume")
    if not npy_dtype_is_plain(values.dtype):
        raise VolumeError(f"holds voxels of type {values.dtype}, which are not supported")
    refuse_voxel_type(values.dtype)
    refuse_size(Layout(values.shape, values.dtype, "C", 0), limits)
    values = np.ascontiguousarray(values)
    return Volume(
        array=values,
        slope=None,
        inter=None,
        affine=None if affine is None else checked_affine(affine),
        format="npy",
        suffix=".npy",
        header_bytes=npy_header(values),
    )


def _write_pair(volume: Volume, stem: str, suffix: str, overwrite: bool) -> None:
    layout = layout_of(volume)
    upper = suffix[:4].isupper()
    ending = suffix[4:]
    header_path = f"{stem}{'.HDR' if upper else '.hdr'}{ending}"
    data_path = f"{stem}{'.IMG' if upper else '.img'}{ending}"
    if not overwrite:
        for path in (header_path, data_path):
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    pack = _packed if is_packed(suffix) else lambda *parts: b"".join(parts)
    header = pack(volume.header_bytes)
    data = pack(volume.companion_prefix, _voxels(volume, layout))
    existed = os.path.lexists(data_path)
    write_atomically(data_path, data, overwrite)
    try:
        write_atomically(header_path, header, overwrite)
    except BaseException:
        if not existed:
            with suppress(OSError):
                os.unlink(data_path)
        raise


def _voxels(volume: Volume, layout: Layout) -> bytes:
    return volume.array.tobytes(order=layout.order)


def _packed(*parts: bytes) -> bytes:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return b"".join([*(compressor.compress(part) for part in parts), compressor.flush()])
