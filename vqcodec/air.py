"""The air around a whole head: noise that is not worth its bytes, set to zero when asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .background import FOREGROUND_THRESHOLD, finite_voxels, robust_range, solid_background
from .formats.volumes import Volume, stored_zero

SMOOTHING = 3
CLOSING = 4
MARGIN = 3
#: Shares of a frame that a head may take; else nothing is taken for air.
HEAD_SHARE = (0.02, 0.98)

Mask = NDArray[np.bool_]


def air(values: NDArray[Any], zero: float = 0.0) -> Mask | None:
    """Voxels outside of the head.

    The head is the largest connected region whose smoothed intensity is above 8 % of the robust
    range, its gaps closed and its holes filled, with a margin of three voxels.

    Parameters
    ----------
    values : ndarray
        ``(D, H, W)``, stored or scaled.
    zero : float
        The value that stands for an intensity of zero.

    Returns
    -------
    ndarray of bool or None
        None where the background is one value already, or there is nothing like a head.
    """
    filled, flat, _ = finite_voxels(values, zero)
    if filled.ndim != 3 or solid_background(filled, flat) is not None:
        return None
    offset, scale = robust_range(filled, flat)
    smooth = ndimage.uniform_filter(filled.astype(np.float32), SMOOTHING)
    labels, count = ndimage.label(smooth > offset + FOREGROUND_THRESHOLD * scale)
    if count == 0:
        return None
    sizes = np.bincount(labels.reshape(-1))
    head: Mask = labels == 1 + int(np.argmax(sizes[1:]))
    padded = np.pad(head, CLOSING)
    closed = ndimage.binary_closing(padded, iterations=CLOSING)
    inner = tuple(slice(CLOSING, -CLOSING) for _ in range(3))
    head = ndimage.binary_fill_holes(closed[inner])
    head = ndimage.binary_dilation(head, iterations=MARGIN)
    low, high = HEAD_SHARE
    return ~head if low <= head.mean() <= high else None


def without_air(volume: Volume) -> Volume:
    """The volume with the air of every frame at zero; see :func:`air`."""
    zero = stored_zero(volume)
    spatial = volume.array.reshape((*volume.array.shape, 1, 1)[: max(volume.array.ndim, 3)])
    cleaned = spatial.copy()
    for index in np.ndindex(spatial.shape[3:]):
        place = (Ellipsis, *index)
        outside = air(spatial[place], zero)
        if outside is not None:
            cleaned[place] = np.where(outside, np.asarray(zero, cleaned.dtype), spatial[place])
    return replace(volume, array=cleaned.reshape(volume.array.shape))
