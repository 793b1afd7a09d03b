"""CDF 9/7 wavelet by lifting: the analysis and synthesis transform of the default family.

Every grid level (fine, middle, coarse) takes a volume, pads it at the far edges to a
multiple of four, and splits it twice; the low-pass that remains (one value per 4x4x4
voxels) is the next level's volume. Boundaries are extended by whole-point symmetry, the
scaling is orthonormal to within the small non-orthogonality of the filters, and a constant
volume gives details of exactly zero.

Source: Cohen, Daubechies and Feauveau 1992; lifting steps of Daubechies and Sweldens 1998.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..layout import BANDS, GRID_LEVELS, padded_to_four

PREDICT_1 = -1.586134342059924
UPDATE_1 = -0.052980118572961
PREDICT_2 = 0.882911075530934
UPDATE_2 = 0.443506852043971
LOW_GAIN = 1.1496043988602418


@dataclass(frozen=True)
class Pyramid:
    """Coefficients of a volume, finest split first.

    Attributes
    ----------
    details : tuple of Tensor
        Six tensors ``(7, D, H, W)``, one a split; bands in the order of ``layout.BANDS``.
    low_pass : Tensor
        ``(D, H, W)``, one value per 64x64x64 voxels.
    """

    details: tuple[Tensor, ...]
    low_pass: Tensor


def _split_axis(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    pairs = x.unflatten(axis, (-1, 2))
    even = pairs.select(axis + 1, 0).contiguous()
    odd = pairs.select(axis + 1, 1).contiguous()
    _predict(odd, even, PREDICT_1, axis)
    _update(even, odd, UPDATE_1, axis)
    _predict(odd, even, PREDICT_2, axis)
    _update(even, odd, UPDATE_2, axis)
    return even.mul_(LOW_GAIN), odd.mul_(1.0 / LOW_GAIN)


def merge_axis(low: Tensor, high: Tensor, axis: int) -> Tensor:
    """One axis of :func:`merge`."""
    even = low * (1.0 / LOW_GAIN)
    odd = high * LOW_GAIN
    _update(even, odd, -UPDATE_2, axis)
    _predict(odd, even, -PREDICT_2, axis)
    _update(even, odd, -UPDATE_1, axis)
    _predict(odd, even, -PREDICT_1, axis)
    return torch.stack((even, odd), dim=axis + 1).flatten(axis, axis + 1)


def _predict(odd: Tensor, even: Tensor, weight: float, axis: int) -> None:
    n = even.shape[axis]
    odd.add_(even, alpha=weight)
    odd.narrow(axis, 0, n - 1).add_(even.narrow(axis, 1, n - 1), alpha=weight)
    odd.narrow(axis, n - 1, 1).add_(even.narrow(axis, n - 1, 1), alpha=weight)


def _update(even: Tensor, odd: Tensor, weight: float, axis: int) -> None:
    n = even.shape[axis]
    even.add_(odd, alpha=weight)
    even.narrow(axis, 1, n - 1).add_(odd.narrow(axis, 0, n - 1), alpha=weight)
    even.narrow(axis, 0, 1).add_(odd.narrow(axis, 0, 1), alpha=weight)


def split(x_DHW: Tensor) -> tuple[Tensor, Tensor]:
    """One split of a volume with even sides.

    Returns
    -------
    low : Tensor
        ``(D/2, H/2, W/2)``.
    details : Tensor
        ``(7, D/2, H/2, W/2)``.
    """
    parts: dict[tuple[int, ...], Tensor] = {(): x_DHW}
    for axis in (2, 1, 0):
        parts = {
            (flag, *key): part
            for key, whole in parts.items()
            for flag, part in enumerate(_split_axis(whole, axis))
        }
    return parts[(0, 0, 0)], torch.stack([parts[band] for band in BANDS])


def merge(low_DHW: Tensor, details_BDHW: Tensor) -> Tensor:
    """Inverse of :func:`split`."""
    parts: dict[tuple[int, ...], Tensor] = {(0, 0, 0): low_DHW}
    parts.update(zip(BANDS, details_BDHW, strict=True))
    for axis in (0, 1, 2):
        halves = [{key[1:]: parts[key] for key in parts if key[0] == flag} for flag in (0, 1)]
        parts = {key: merge_axis(low, halves[1][key], axis) for key, low in halves[0].items()}
    return parts[()]


def pad_to_four(x_DHW: Tensor) -> Tensor:
    """Repeat the far edges until every side is a multiple of four."""
    for axis, size in enumerate(x_DHW.shape):
        missing = padded_to_four((size,))[0] - size
        if missing:
            edge = x_DHW.narrow(axis, size - 1, 1)
            repeats = [missing if a == axis else -1 for a in range(3)]
            x_DHW = torch.cat((x_DHW, edge.expand(repeats)), dim=axis)
    return x_DHW


def analyse(x_DHW: Tensor, grid_levels: int = GRID_LEVELS) -> Pyramid:
    """Split a volume down to one low-pass value per 64x64x64 voxels.

    Parameters
    ----------
    x_DHW : Tensor
        Float volume of any shape, in units of the robust intensity range.
    grid_levels : int
        Grid levels (two splits each) to go down.
    """
    details = []
    low = x_DHW
    for _ in range(grid_levels):
        low = pad_to_four(low)
        for _ in range(2):
            low, bands = split(low)
            details.append(bands)
    return Pyramid(tuple(details), low)


def synthesise(pyramid: Pyramid, shape: tuple[int, ...]) -> Tensor:
    """Inverse of :func:`analyse` for a volume of ``shape``."""
    sizes = [tuple(shape)]
    for _ in range(len(pyramid.details) // 2 - 1):
        sizes.append(tuple(n // 4 for n in padded_to_four(sizes[-1])))
    low = pyramid.low_pass
    for level in range(len(pyramid.details) - 1, -1, -1):
        low = merge(low, pyramid.details[level])
        if level % 2 == 0:
            d, h, w = sizes[level // 2]
            low = low[:d, :h, :w]
    return low
