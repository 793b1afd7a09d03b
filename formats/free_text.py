"""Dropping what people write into headers: names, comments, histories, extensions.

What is needed to place and read the voxels stays, and so does what was measured (echo times,
units, calibration); free text goes, and every byte that no field explains.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from nibabel.freesurfer.mghformat import footer_dtype, header_dtype

from .headers import parsed_header
from .known import format_of
from .layout import Volume
from .npy import npy_header

_FIELDS_KEPT = frozenset({"magic", "regular", "orient", "vox_units", "cal_units"})
_EXTENSION_FLAG = 4  # bytes after a NIfTI header that say whether extensions follow


def without_free_text(volume: Volume) -> tuple[Volume, tuple[str, ...]]:
    """Drop the free text of a volume's header, and what lies around header and voxels.

    NIfTI and Analyze: every text field, extensions and padding. MGH: the tags behind the
    voxels and the unused part of the header. NumPy: comments in the header.

    Parameters
    ----------
    volume : Volume

    Returns
    -------
    stripped : Volume
        With the same voxels, type, scaling and place in space.
    dropped : tuple of str
        What was there and is not any more, such as ``"descrip (18 bytes)"``; never its text.
    """
    if volume.format == "mgh":
        return _mgh(volume)
    if volume.format == "npy":
        return _npy(volume)
    return _analyze_family(volume)


def _analyze_family(volume: Volume) -> tuple[Volume, tuple[str, ...]]:
    volume_format = format_of(volume.format)
    header_class = volume_format.image_class.header_class
    size = header_class.sizeof_hdr
    order = parsed_header(header_class, volume.header_bytes).endianness
    dtype = header_class.template_dtype.newbyteorder(order)
    record: Any = np.frombuffer(volume.header_bytes[:size], dtype).copy()
    dropped: list[str] = []
    for name in dtype.names or ():
        if dtype[name].kind == "S" and name not in _FIELDS_KEPT:
            _report(dropped, name, record[name].tobytes())
            record[name] = b""
    _report(dropped, "extensions", volume.header_bytes[size + _EXTENSION_FLAG :])
    _report(dropped, "bytes before the voxels", volume.companion_prefix)
    is_single = not volume_format.paired
    length = size + _EXTENSION_FLAG if is_single else 0
    record["vox_offset"] = length
    header = record.tobytes() + (bytes(_EXTENSION_FLAG) if is_single else b"")
    return replace(volume, header_bytes=header, companion_prefix=b""), tuple(dropped)


def _mgh(volume: Volume) -> tuple[Volume, tuple[str, ...]]:
    dropped: list[str] = []
    used, fixed = header_dtype.itemsize, footer_dtype.itemsize
    _report(dropped, "unused header bytes", volume.header_bytes[used:])
    _report(dropped, "tags", volume.footer_bytes[fixed:])
    header = volume.header_bytes[:used].ljust(len(volume.header_bytes), b"\0")
    stripped = replace(volume, header_bytes=header, footer_bytes=volume.footer_bytes[:fixed])
    return stripped, tuple(dropped)


def _npy(volume: Volume) -> tuple[Volume, tuple[str, ...]]:
    header = npy_header(volume.array, format_of("npy").layout(volume.header_bytes).order)
    dropped: list[str] = []
    if volume.header_bytes.split() != header.split():
        _report(dropped, "header as it was written", volume.header_bytes)
    return replace(volume, header_bytes=header), tuple(dropped)


def _report(dropped: list[str], name: str, data: bytes) -> None:
    """Note what is dropped, if it is more than zeros."""
    text = data.rstrip(b"\0")
    if text:
        dropped.append(f"{name} ({len(text)} {'byte' if len(text) == 1 else 'bytes'})")
