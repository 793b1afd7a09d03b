"""Analyze 7.5 and its SPM dialects: always a .hdr/.img pair.

On disk the three dialects cannot be told apart; like nibabel, a file is read as the SPM2
dialect, which understands the fields of the other two. The older dialects are known for images
that come from memory. An affine in a MATLAB file beside the pair (``.mat``) is not read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nibabel as nib

from .headers import checked_offset, described, parsed_header, unplaced_header
from .layout import Layout, VolumeFormat

_SIZE = 348
_NIFTI_MAGICS = (b"n+1\0", b"ni1\0")


def _recognises(prefix: bytes) -> bool:
    sizes = (int.from_bytes(prefix[:4], "little"), int.from_bytes(prefix[:4], "big"))
    return len(prefix) >= _SIZE and _SIZE in sizes and prefix[344:348] not in _NIFTI_MAGICS


def _never(_: bytes) -> bool:
    return False


def _dialect(format_id: str, image_class: Any, recognises: Callable[[bytes], bool]) -> VolumeFormat:
    header_class = image_class.header_class

    def layout(header_bytes: bytes) -> Layout:
        header = parsed_header(header_class, header_bytes)
        return described(header, checked_offset(header["vox_offset"]))

    return VolumeFormat(
        id=format_id,
        suffixes=(".hdr", ".img"),
        packed=".hdr.gz",
        paired=True,
        recognises=recognises,
        header_length=len,
        layout=layout,
        image_class=image_class,
        image_header=lambda header, _: unplaced_header(header_class, header),
    )


ANALYZE_FORMATS = (
    _dialect("analyze-spm2", nib.Spm2AnalyzeImage, _recognises),
    _dialect("analyze-spm99", nib.Spm99AnalyzeImage, _never),
    _dialect("analyze", nib.AnalyzeImage, _never),
)
