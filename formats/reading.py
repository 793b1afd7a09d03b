"""Files and byte strings to volumes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import VolumeError
from ..limits import DEFAULT_LIMITS, Limits
from .known import PAIR_SUFFIXES, recognise, suffix_for, volume_suffix
from .layout import HEADER_LIMIT, SNIFF_LENGTH, Layout, Volume, VolumeFormat
from .refusals import refuse_size, refuse_voxel_type
from .sources import Source, open_source, source_of_bytes
from .urls import is_url, read_url

_OTHER_PART = {".hdr": ".img", ".img": ".hdr"}


def read_volume(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Volume:
    """Read a volume file: NIfTI-1 or -2, MGH, Analyze or .npy, compressed or not.

    What a file is shows in its content; the name only tells pairs from single files.

    Parameters
    ----------
    path : str or path
        The file; of a ``.hdr``/``.img`` pair either one. A URL that fsspec reads will do for
        other formats.
    limits : Limits
        Most voxels and frames to accept.

    Returns
    -------
    Volume
        Label images are read too: ask `refuse_labels` before compressing one.

    Raises
    ------
    VolumeError
        The file is no volume, is damaged, cut short or followed by other bytes, or holds
        colours or complex numbers. No more memory was used than the file's size justifies.
    LimitExceededError
        More voxels or frames than ``limits`` allows.
    OSError
        The file is missing or cannot be read.
    VqzError
        It is a URL, and what fsspec needs for it is not installed.
    """
    suffix = volume_suffix(path)
    if is_url(path):
        return read_volume_bytes(read_url(os.fspath(path)), suffix, limits=limits)
    if suffix.lower() in PAIR_SUFFIXES:
        header_path, data_path = pair_paths(path)
        with open_source(header_path) as header, open_source(data_path) as data:
            return read_pair(header, data, suffix, limits)
    with open_source(path) as source:
        return _read_single(source, suffix, limits)


def read_volume_bytes(data: bytes, suffix: str = "", *, limits: Limits = DEFAULT_LIMITS) -> Volume:
    """Read a volume from the bytes of a single file, as `read_volume` does.

    Parameters
    ----------
    data : bytes
        The whole content of a file.
    suffix : str
        Ending of the name it would have; if empty, the usual one of its format.
    limits : Limits
        Most voxels and frames to accept.

    Returns
    -------
    Volume

    Raises
    ------
    VolumeError, LimitExceededError
        As for `read_volume`; also for one half of a ``.hdr``/``.img`` pair.
    """
    if suffix.lower() in PAIR_SUFFIXES:
        raise VolumeError("is one half of a .hdr/.img pair, which cannot come from a stream")
    return _read_single(source_of_bytes(data), suffix, limits)


def pair_paths(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Header and voxel file of the pair that one of them belongs to.

    The other part has the same name up to the ending, in the same case, and may be compressed
    or not whatever this one is.

    Raises
    ------
    VolumeError
        The other part is missing.
    FileNotFoundError
        The part named by ``path`` itself is missing.
    """
    here = Path(path)
    suffix = volume_suffix(here)
    stem = here.name[: -len(suffix)]
    part, packing = suffix[:4], suffix[4:]
    here.stat()
    other = _OTHER_PART[part.lower()]
    other = other.upper() if part.isupper() else other
    gz = ".GZ" if part.isupper() else ".gz"
    for ending in (packing, gz, ""):
        there = here.with_name(f"{stem}{other}{ending}")
        if there.is_file():
            return (here, there) if part.lower() == ".hdr" else (there, here)
    kind = "header" if other.lower() == ".hdr" else "voxel file"
    raise VolumeError(f"its {kind} {stem}{other}{packing} is missing")


def read_pair(
    header: Source,
    data: Source,
    suffix: str,
    limits: Limits,
    volume_format: VolumeFormat | None = None,
) -> Volume:
    """Read a volume from the two files of a pair, in a given format or the one recognised.

    Raises
    ------
    VolumeError, LimitExceededError
        As for `read_volume`.
    """
    header_bytes = header.read(HEADER_LIMIT + 1)
    if len(header_bytes) > HEADER_LIMIT:
        raise VolumeError(f"its header is longer than {HEADER_LIMIT} bytes")
    volume_format = volume_format or recognise(header_bytes[:SNIFF_LENGTH], paired=True)
    if volume_format is None:
        raise VolumeError("its header is not that of a NIfTI or Analyze pair")
    layout = volume_format.layout(header_bytes)
    refuse_voxel_type(layout.dtype)
    if layout.offset > min(HEADER_LIMIT, data.capacity):
        raise VolumeError(f"its header puts the voxels at byte {layout.offset}, past their file")
    companion_prefix = data.read(layout.offset)
    volume = _read_voxels(data, volume_format, layout, header_bytes, suffix, limits)
    return replace(volume, companion_prefix=companion_prefix)


def _read_single(source: Source, suffix: str, limits: Limits) -> Volume:
    prefix = source.read(SNIFF_LENGTH)
    volume_format = recognise(prefix, paired=False)
    if volume_format is None:
        raise VolumeError(_why_unknown(prefix, suffix, source.packed))
    length = volume_format.header_length(prefix)
    if length > HEADER_LIMIT:
        raise VolumeError(f"its header is {length} bytes long, more than {HEADER_LIMIT}")
    if length > source.capacity:
        raise VolumeError("is cut short inside its header")
    source.rewind()
    header_bytes = source.read(length)
    if len(header_bytes) < length:
        raise VolumeError("is cut short inside its header")
    layout = volume_format.layout(header_bytes)
    refuse_voxel_type(layout.dtype)
    return _read_voxels(source, volume_format, layout, header_bytes, suffix, limits)


def _read_voxels(
    source: Source,
    volume_format: VolumeFormat,
    layout: Layout,
    header_bytes: bytes,
    suffix: str,
    limits: Limits,
) -> Volume:
    source.require(layout.data_bytes)
    refuse_size(layout, limits)
    values = source.read_values(layout.voxels, layout.dtype)
    footer_bytes = source.read(volume_format.footer_limit + 1)
    if len(footer_bytes) > volume_format.footer_limit:
        raise VolumeError(
            "has more bytes after its voxels than its format allows: it, or its header, is damaged"
        )
    return Volume(
        array=np.ascontiguousarray(values.reshape(layout.shape, order=layout.order)),
        slope=layout.slope,
        inter=layout.inter,
        affine=layout.affine,
        format=volume_format.id,
        suffix=suffix_for(volume_format, suffix, source.packed),
        header_bytes=header_bytes,
        footer_bytes=footer_bytes,
    )


def _why_unknown(prefix: bytes, suffix: str, packed: bool) -> str:
    if recognise(prefix, paired=True) is not None:
        return "holds the header of a .hdr/.img pair, without the voxels"
    plain = ", and is not gzip-compressed" if suffix.lower().endswith("gz") and not packed else ""
    return f"holds no NIfTI, MGH, Analyze or NumPy volume{plain}"
