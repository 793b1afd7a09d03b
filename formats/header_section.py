"""The volume-header section of a VQZ file: the bytes around the voxels.

One byte says how the rest is packed: 0 stored, 1 a zlib stream. The rest holds four byte
strings: header, footer, companion prefix, affine. Their lengths come first, as four unsigned
32-bit little-endian numbers. The affine is 16 little-endian float64 in row order, and empty
where the volume has none or the header itself gives the same.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, VolumeError
from .headers import checked_affine
from .known import fits, format_of
from .layout import HEADER_LIMIT, Layout, Volume, VolumeFormat

_LENGTHS = struct.Struct("<4I")
_STORED, _DEFLATED = 0, 1
_MOST = _LENGTHS.size + 3 * HEADER_LIMIT + 128


def header_section(volume: Volume) -> bytes:
    """Serialise all of a volume's file except the voxels.

    Parameters
    ----------
    volume : Volume

    Returns
    -------
    bytes
        What `volume_from_header_section` reads; the shorter of stored and deflated.
    """
    affine = b""
    placed = format_of(volume.format).layout(volume.header_bytes).affine
    if volume.affine is not None and (placed is None or (placed != volume.affine).any()):
        affine = volume.affine.astype("<f8").tobytes()
    parts = (volume.header_bytes, volume.footer_bytes, volume.companion_prefix, affine)
    plain = _LENGTHS.pack(*map(len, parts)) + b"".join(parts)
    deflated = zlib.compress(plain, 9)
    if len(deflated) < len(plain):
        return bytes([_DEFLATED]) + deflated
    return bytes([_STORED]) + plain


def volume_from_header_section(
    section: bytes, description: Mapping[str, Any], array: NDArray[Any]
) -> Volume:
    """Put decoded voxels back between the bytes of their file.

    Parameters
    ----------
    section : bytes
        What `header_section` returned.
    description : mapping
        The ``volume`` object of a VQZ header: ``format``, ``suffix``, ``shape`` and ``dtype``
        are used and held against the section.
    array : ndarray
        Stored values, in the shape and type that ``description`` names.

    Returns
    -------
    Volume

    Raises
    ------
    FormatError
        The section is damaged, or says something else than the description or the array.
    UnsupportedError
        The volume format is unknown.
    """
    volume = described_volume(section, description)
    named = (tuple(description["shape"]), str(description["dtype"]))
    if (array.shape, array.dtype.str) != named:
        raise FormatError("what was decoded contradicts the description of the volume")
    return replace(volume, array=np.ascontiguousarray(array))


def described_volume(section: bytes, description: Mapping[str, Any]) -> Volume:
    """Like :func:`volume_from_header_section`, for a volume whose array is not there (empty).

    Raises
    ------
    FormatError, UnsupportedError
    """
    volume_format = format_of(str(description["format"]))
    header, footer, companion_prefix, affine = _unpacked(section)
    try:
        layout = volume_format.layout(header)
        _check(volume_format, layout, header, footer, companion_prefix)
        placed = layout.affine
        if affine:
            placed = checked_affine(np.frombuffer(affine, "<f8").reshape(4, 4))
    except VolumeError as error:
        raise FormatError(f"the volume header in the file is unsound: {error}") from error
    named = (tuple(description["shape"]), str(description["dtype"]))
    if (layout.shape, layout.dtype.str) != named or not fits(
        volume_format, str(description["suffix"])
    ):
        raise FormatError("the volume header in the file contradicts the description of the volume")
    return Volume(
        array=np.zeros(0, layout.dtype),
        slope=layout.slope,
        inter=layout.inter,
        affine=placed,
        format=volume_format.id,
        suffix=str(description["suffix"]),
        header_bytes=header,
        footer_bytes=footer,
        companion_prefix=companion_prefix,
    )


def _unpacked(section: bytes) -> list[bytes]:
    plain = _inflated(section)
    if len(plain) < _LENGTHS.size:
        raise FormatError("the volume header section is cut short")
    lengths = _LENGTHS.unpack_from(plain)
    if sum(lengths) != len(plain) - _LENGTHS.size or max(lengths) > HEADER_LIMIT:
        raise FormatError("the lengths in the volume header section do not add up")
    if lengths[3] not in (0, 128):
        raise FormatError("the affine in the volume header section is not 16 numbers")
    parts, start = [], _LENGTHS.size
    for length in lengths:
        parts.append(plain[start : start + length])
        start += length
    return parts


def _inflated(section: bytes) -> bytes:
    if section[:1] == bytes([_STORED]):
        return section[1:]
    if section[:1] != bytes([_DEFLATED]):
        raise FormatError("the volume header section is packed in an unknown way")
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(section[1:], _MOST)
    except zlib.error as error:
        raise FormatError("the volume header section is damaged") from error
    if not inflater.eof or inflater.unused_data:
        raise FormatError("the volume header section does not end where it should")
    return plain


def _check(
    volume_format: VolumeFormat, layout: Layout, header: bytes, footer: bytes, prefix: bytes
) -> None:
    if volume_format.paired:
        sound = layout.offset == len(prefix) and not footer
    else:
        sound = (
            volume_format.recognises(header)
            and volume_format.header_length(header) == len(header)
            and len(footer) <= volume_format.footer_limit
            and not prefix
        )
    if not sound:
        raise VolumeError("its parts do not fit together")
