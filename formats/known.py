"""The table of volume formats, and what file names say about them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import UnsupportedError, VolumeError
from .analyze import ANALYZE_FORMATS
from .layout import Layout, Volume, VolumeFormat
from .mgh import MGH_FORMATS
from .nifti import NIFTI_FORMATS
from .npy import NPY_FORMATS

VOLUME_FORMATS = (*NIFTI_FORMATS, *ANALYZE_FORMATS, *MGH_FORMATS, *NPY_FORMATS)
"""Every volume format, in the order in which a file is tried. New ones go at the end."""

_BY_ID = {volume_format.id: volume_format for volume_format in VOLUME_FORMATS}
_SUFFIXES = sorted(
    {
        ending
        for volume_format in VOLUME_FORMATS
        for suffix in volume_format.suffixes
        for ending in (suffix, f"{suffix}.gz", volume_format.packed)
    },
    key=lambda suffix: (-len(suffix), suffix),
)
PAIR_SUFFIXES = (".hdr", ".img", ".hdr.gz", ".img.gz")


def format_of(format_id: str) -> VolumeFormat:
    """Look a volume format up by its id; `UnsupportedError` if there is none."""
    try:
        return _BY_ID[format_id]
    except KeyError:
        raise UnsupportedError(f"volume format {format_id!r} is unknown here") from None


def format_of_class(image_class: Any) -> VolumeFormat:
    """Look a volume format up by the nibabel class of its images; `VolumeError` if none."""
    for volume_format in VOLUME_FORMATS:
        if volume_format.image_class is image_class:
            return volume_format
    raise VolumeError(
        f"images of class {image_class.__name__} are not supported; convert with"
        " nibabel.Nifti1Image(img.dataobj, img.affine)"
    )


def recognise(prefix: bytes, paired: bool) -> VolumeFormat | None:
    """Find the format of a file, or of the header file of a pair, from its first bytes."""
    for volume_format in VOLUME_FORMATS:
        if volume_format.paired == paired and volume_format.recognises(prefix):
            return volume_format
    return None


def volume_suffix(path: str | os.PathLike[str]) -> str:
    """Ending of a volume's file name, as written there.

    Parameters
    ----------
    path : str or path
        File name; nothing is opened.

    Returns
    -------
    str
        Such as ``".nii.gz"``; empty if the name ends like no volume format's.
    """
    name = Path(path).name
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[-len(suffix) :]
    return ""


def is_packed(suffix: str) -> bool:
    """Whether files of this ending are gzip-compressed."""
    return suffix.lower().endswith((".gz", ".mgz"))


def fits(volume_format: VolumeFormat, suffix: str) -> bool:
    """Whether a file of this format may have this ending."""
    lowered = suffix.lower()
    return lowered == volume_format.packed or lowered.removesuffix(".gz") in volume_format.suffixes


def suffix_for(volume_format: VolumeFormat, suffix: str, packed: bool) -> str:
    """Ending under which a volume is restored: the given one, unless it is another format's."""
    if suffix and fits(volume_format, suffix):
        return suffix
    return volume_format.packed if packed else volume_format.suffixes[0]


def layout_of(volume: Volume) -> Layout:
    """Read a volume's header again; `VolumeError` if it does not describe the array."""
    layout = format_of(volume.format).layout(volume.header_bytes)
    if layout.shape != volume.array.shape or layout.dtype != volume.array.dtype:
        raise VolumeError(
            f"its header describes {layout.dtype} voxels of shape {layout.shape}, but the array"
            f" is {volume.array.dtype} of shape {volume.array.shape}"
        )
    return layout
