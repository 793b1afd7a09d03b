"""NaN and infinite voxels: which they are, and where (section ``nonfinite``).

One part for each of NaN, +Inf and -Inf, in this order: an unsigned 32-bit little-endian length,
then that many bytes of mask stream over the whole RAS frame. A length of zero means that there
are none; ``0xFFFFFFFF`` means exactly the background voxels, and is followed by nothing.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .entropy.mask import MaskModel, decode_mask, encode_mask
from .errors import FormatError

KINDS = (np.nan, np.inf, -np.inf)
SAME_AS_BACKGROUND = 0xFFFFFFFF
_LENGTH = struct.Struct("<I")

Mask = NDArray[np.bool_]


def encode_nonfinite(values: NDArray[Any], background: Mask | None, model: MaskModel) -> bytes:
    """Write the places of non-finite voxels of a RAS frame ``(D, H, W)``."""
    parts = []
    for kind in (np.isnan(values), values == np.inf, values == -np.inf):
        if not kind.any():
            parts.append(_LENGTH.pack(0))
        elif background is not None and np.array_equal(kind, background):
            parts.append(_LENGTH.pack(SAME_AS_BACKGROUND))
        else:
            stream = encode_mask(kind, model)
            parts.append(_LENGTH.pack(len(stream)) + stream)
    return b"".join(parts)


def restore_nonfinite(
    values: NDArray[Any], data: bytes, background: Mask | None, model: MaskModel, count: int
) -> None:
    """Put non-finite voxels back into a RAS frame, in place.

    Parameters
    ----------
    count : int
        How many there must be.

    Raises
    ------
    FormatError
        If the section is cut short or holds another number of voxels.
    """
    start = found = 0
    for kind in KINDS:
        if start + _LENGTH.size > len(data):
            raise FormatError("section 'nonfinite' is cut short")
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        if length == 0:
            continue
        if length == SAME_AS_BACKGROUND:
            if background is None:
                raise FormatError("section 'nonfinite' refers to a background that is not there")
            places = background
        else:
            if start + length > len(data):
                raise FormatError("section 'nonfinite' is cut short")
            places = decode_mask(data[start : start + length], values.shape, model)
            start += length
        values[places] = kind
        found += int(np.count_nonzero(places))
    if start != len(data) or found != count:
        raise FormatError("section 'nonfinite' does not hold what the header counts")
