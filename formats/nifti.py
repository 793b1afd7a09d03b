"""NIfTI-1 and NIfTI-2, as one file or as a .hdr/.img pair."""

from __future__ import annotations

from typing import Any

import nibabel as nib

from ..errors import VolumeError
from .headers import (
    READING,
    check_axes,
    checked_offset,
    described,
    nibabel_errors,
    parsed_header,
    unplaced_header,
)
from .layout import Layout, VolumeFormat

_CIFTI_INTENTS = range(3000, 3100)


def _magic(prefix: bytes) -> bytes:
    """Magic of a NIfTI header; empty if the bytes are none."""
    if prefix[344:348] in (b"n+1\0", b"ni1\0"):
        return prefix[344:348]
    if 540 in (int.from_bytes(prefix[:4], "little"), int.from_bytes(prefix[:4], "big")):
        return prefix[4:8] if prefix[4:8] in (b"n+2\0", b"ni2\0") else b""
    return b""


def _layout(header: Any, offset: int) -> Layout:
    intent = int(header["intent_code"])
    if intent in _CIFTI_INTENTS:
        raise VolumeError("is a CIFTI-2 file of surface points, not a volume")
    return described(header, offset, intent)


def _single(number: int, image_class: Any) -> VolumeFormat:
    header_class = image_class.header_class
    size = header_class.sizeof_hdr

    def header_length(prefix: bytes) -> int:
        if len(prefix) < size:
            raise VolumeError("is cut short inside its header")
        with nibabel_errors(READING):
            header = header_class(prefix[:size], check=False)
            check_axes(header)
            offset = checked_offset(header["vox_offset"])
        if offset < size:
            raise VolumeError(f"its header puts the voxels at byte {offset}, inside the header")
        return offset

    return VolumeFormat(
        id=f"nifti{number}",
        suffixes=(".nii",),
        packed=".nii.gz",
        paired=False,
        recognises=lambda prefix: _magic(prefix) == b"n+%d\0" % number,
        header_length=header_length,
        layout=lambda header: _layout(parsed_header(header_class, header), len(header)),
        image_class=image_class,
        image_header=lambda header, _: unplaced_header(header_class, header),
    )


def _pair(number: int, image_class: Any) -> VolumeFormat:
    header_class = image_class.header_class

    def layout(header_bytes: bytes) -> Layout:
        header = parsed_header(header_class, header_bytes)
        return _layout(header, checked_offset(header["vox_offset"]))

    return VolumeFormat(
        id=f"nifti{number}-pair",
        suffixes=(".hdr", ".img"),
        packed=".hdr.gz",
        paired=True,
        recognises=lambda prefix: _magic(prefix) == b"ni%d\0" % number,
        header_length=len,
        layout=layout,
        image_class=image_class,
        image_header=lambda header, _: unplaced_header(header_class, header),
    )


NIFTI_FORMATS = (
    _single(1, nib.Nifti1Image),
    _single(2, nib.Nifti2Image),
    _pair(1, nib.Nifti1Pair),
    _pair(2, nib.Nifti2Pair),
)
