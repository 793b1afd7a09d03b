"""Volumes and nibabel images, both ways."""

from __future__ import annotations

import os
from dataclasses import replace
from io import BytesIO
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy

from ..errors import VolumeError
from ..limits import DEFAULT_LIMITS, Limits
from .headers import checked_affine, nibabel_errors
from .known import fits, format_of, format_of_class, layout_of, volume_suffix
from .layout import Volume, VolumeFormat
from .reading import read_pair, read_volume, read_volume_bytes
from .refusals import refuse_voxel_type
from .sources import source_of_bytes

_SAVING = "nibabel cannot save the image"
_MGH_DATA_OFFSET = 284


def image_from_volume(volume: Volume) -> Any:
    """Nibabel image of a volume, as if it had been loaded from the volume's file.

    Parameters
    ----------
    volume : Volume

    Returns
    -------
    nibabel image
        Of the class that the format loads as, with the header, affine and type on disk of
        the file; ``get_fdata()`` gives scaled values, ``dataobj.get_unscaled()`` stored ones.

    Raises
    ------
    VolumeError
        The format is ``npy``, which no nibabel class stands for, or header and array do not
        match.
    """
    volume_format = format_of(volume.format)
    if volume_format.image_header is None:
        raise VolumeError(f"no nibabel image class stands for format {volume.format}")
    layout = layout_of(volume)
    header = volume_format.image_header(volume.header_bytes, volume.footer_bytes)
    slope = 1.0 if volume.slope is None else volume.slope
    inter = 0.0 if volume.inter is None else volume.inter
    make_proxy: Any = ArrayProxy
    proxy = make_proxy(
        BytesIO(volume.array.tobytes(order=layout.order)),
        (layout.shape, layout.dtype, 0, slope, inter),
    )
    return _image(volume_format, proxy, volume.affine, header)


def volume_from_image(image: Any, *, limits: Limits = DEFAULT_LIMITS) -> Volume:
    """Volume of a nibabel image.

    An image that is as it was loaded gives its file, byte for byte. An image whose header was
    changed keeps its stored voxels. An image made from an array is what nibabel would save.

    Parameters
    ----------
    image : nibabel image
        NIfTI-1 or -2 (single or pair), MGH or Analyze.
    limits : Limits
        Most voxels and frames to accept.

    Returns
    -------
    Volume

    Raises
    ------
    VolumeError
        The class is another, nibabel cannot save the image, or it holds colours or complex
        numbers.
    LimitExceededError
        More voxels or frames than ``limits`` allows.
    """
    volume_format = format_of_class(type(image))
    dtype = image.get_data_dtype()  # or a name such as "smallest", settled on saving
    if isinstance(dtype, np.dtype):
        refuse_voxel_type(dtype)
    suffix = volume_suffix(image.get_filename() or "")
    if not fits(volume_format, suffix):
        suffix = volume_format.packed
    if isinstance(image.dataobj, ArrayProxy):
        unchanged = _unchanged_file(image, limits)
        if unchanged is not None:
            return unchanged
        if image.dataobj.dtype == dtype:
            return _placed(_from_stored(image, volume_format, suffix, limits), image.affine)
    return _placed(_from_saved(image, volume_format, suffix, limits), image.affine)


def _image(volume_format: VolumeFormat, dataobj: Any, affine: Any, header: Any) -> Any:
    with nibabel_errors("nibabel cannot make an image of it"):
        return volume_format.image_class(dataobj, affine, header)


def _unchanged_file(image: Any, limits: Limits) -> Volume | None:
    """Volume in the image's file, if the image in memory still has its header."""
    path = image.get_filename()
    if path is None or not os.path.exists(path):
        return None
    try:
        volume = read_volume(path, limits=limits)
        volume_format = format_of(volume.format)
        if volume_format.image_header is None or volume_format.image_class is not type(image):
            return None
        header = volume_format.image_header(volume.header_bytes, volume.footer_bytes)
        fresh = _image(volume_format, image.dataobj, volume.affine, header)
    except VolumeError:
        return None
    same = (
        volume.array.shape == image.shape
        and header_as_written(fresh.header) == header_as_written(image.header)
        and np.array_equal(fresh.affine, image.affine)
    )
    return volume if same else None


def header_as_written(header: Any) -> bytes:
    """Header and extensions as nibabel writes them now; `VolumeError` if it cannot."""
    stream = BytesIO()
    with nibabel_errors(_SAVING):
        copy = header.copy()
        if hasattr(copy, "writehdr_to"):
            return bytes(copy.binaryblock)
        copy.write_to(stream)
    return stream.getvalue()


def _from_stored(image: Any, volume_format: VolumeFormat, suffix: str, limits: Limits) -> Volume:
    """Serialise header and stored voxels; nothing is scaled and rounded anew."""
    proxy = image.dataobj
    header = _image(volume_format, proxy, image.affine, image.header).header.copy()
    voxels = np.asarray(proxy.get_unscaled()).tobytes(order="F")
    if isinstance(image, nib.MGHImage):
        block = bytes(header.binaryblock)
        fixed = len(block) - 20
        head = block[:fixed].ljust(_MGH_DATA_OFFSET, b"\0")
        return read_volume_bytes(head + voxels + block[fixed:], suffix, limits=limits)
    with nibabel_errors(_SAVING):
        header.set_slope_inter(proxy.slope, proxy.inter)
    head = header_as_written(header)
    if volume_format.paired:
        return _reread_pair(volume_format, head, voxels, suffix, limits)
    return read_volume_bytes(head + voxels, suffix, limits=limits)


def _from_saved(image: Any, volume_format: VolumeFormat, suffix: str, limits: Limits) -> Volume:
    """Let nibabel save a copy of the image to memory, and read that."""
    image_class = volume_format.image_class
    streams = {part: BytesIO() for part, _ in image_class.files_types}
    with nibabel_errors(_SAVING):
        copy = image_class(np.asanyarray(image.dataobj), image.affine, image.header)
        copy.set_data_dtype(image.get_data_dtype())
        copy.to_file_map(image_class.make_file_map(streams))
    saved = {part: stream.getvalue() for part, stream in streams.items()}
    if volume_format.paired:
        return _reread_pair(volume_format, saved["header"], saved["image"], suffix, limits)
    return read_volume_bytes(saved["image"], suffix, limits=limits)


def _reread_pair(
    volume_format: VolumeFormat, header: bytes, data: bytes, suffix: str, limits: Limits
) -> Volume:
    sources = source_of_bytes(header), source_of_bytes(data)
    return read_pair(*sources, suffix, limits, volume_format)


def _placed(volume: Volume, affine: Any) -> Volume:
    """Volume with the image's own affine: Analyze headers hold only a part of one."""
    if affine is None or volume.affine is None or np.allclose(affine, volume.affine):
        return volume
    return replace(volume, affine=checked_affine(affine))
