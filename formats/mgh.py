"""FreeSurfer's MGH, plain (.mgh) or compressed (.mgz): big-endian, with tags after the voxels."""

from __future__ import annotations

from typing import Any

import nibabel as nib
from nibabel.freesurfer.mghformat import MGHHeader, footer_dtype, header_dtype

from .headers import check_header, checked_affine, checked_shape, nibabel_errors
from .layout import HEADER_LIMIT, Layout, VolumeFormat

_DATA_OFFSET = 284
_TYPE_CODES = range(11)


def _recognises(prefix: bytes) -> bool:
    return (
        len(prefix) >= _DATA_OFFSET
        and int.from_bytes(prefix[:4], "big") == 1
        and int.from_bytes(prefix[20:24], "big") in _TYPE_CODES
    )


def _parsed(header_bytes: bytes, footer_bytes: bytes) -> Any:
    # The tags after the fixed footer are kept as bytes; nibabel knows only the fixed part.
    fixed = header_bytes[: header_dtype.itemsize] + footer_bytes[: footer_dtype.itemsize]
    make: Any = MGHHeader
    with nibabel_errors("nibabel cannot read its header"):
        header = make(fixed, check=False)
        check_header(header)
        return header


def _layout(header_bytes: bytes) -> Layout:
    header = _parsed(header_bytes, b"")
    with nibabel_errors("nibabel cannot read its header"):
        checked_shape(header["dims"])
        return Layout(
            shape=checked_shape(header.get_data_shape()),
            dtype=header.get_data_dtype(),
            order="F",
            offset=_DATA_OFFSET,
            affine=checked_affine(header.get_best_affine()),
        )


MGH_FORMATS = (
    VolumeFormat(
        id="mgh",
        suffixes=(".mgh",),
        packed=".mgz",
        paired=False,
        recognises=_recognises,
        header_length=lambda _: _DATA_OFFSET,
        layout=_layout,
        footer_limit=HEADER_LIMIT,
        image_class=nib.MGHImage,
        image_header=_parsed,
    ),
)
