"""Part of a volume as a volume of its own: header and affine to match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from nibabel.arrayproxy import ArrayProxy
from numpy.typing import NDArray

from .header_section import described_volume
from .headers import checked_affine, nibabel_errors
from .images import volume_from_image
from .known import format_of
from .layout import Volume
from .writing import volume_from_array


def part_volume(
    section: bytes, description: Mapping[str, Any], starts: Sequence[int], array: NDArray[Any]
) -> Volume:
    """Volume of a region.

    Parameters
    ----------
    section : bytes
        Header section of the whole volume.
    description : mapping
        The ``volume`` object of a VQZ header.
    starts : sequence of int
        First voxel of the region along each spatial axis.
    array : ndarray
        Stored values of the region.

    Returns
    -------
    Volume
        Of the same format, type and scaling; its affine places the voxels where they were.

    Raises
    ------
    FormatError
        The section is damaged, or says something else than the description.
    """
    whole = described_volume(section, description)
    affine = whole.affine
    if affine is not None:
        shift = np.eye(4)
        shift[: len(starts), 3] = starts
        affine = checked_affine(affine @ shift)
    volume_format = format_of(whole.format)
    if volume_format.image_header is None:
        return replace(volume_from_array(array, affine), suffix=whole.suffix)
    header = volume_format.image_header(whole.header_bytes, whole.footer_bytes)
    slope = 1.0 if whole.slope is None else whole.slope
    inter = 0.0 if whole.inter is None else whole.inter
    make_proxy: Any = ArrayProxy
    proxy = make_proxy(
        BytesIO(array.tobytes(order="F")), (array.shape, array.dtype, 0, slope, inter)
    )
    with nibabel_errors("nibabel cannot make an image of it"):
        header.set_data_shape(array.shape)
        image = volume_format.image_class(proxy, affine, header)
    return replace(volume_from_image(image), suffix=whole.suffix)
