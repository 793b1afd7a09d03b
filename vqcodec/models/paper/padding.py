"""Edge padding to whole coarse sites, fixed by the volume's shape alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as nn_functional
from torch import Tensor

from ...layout import LEVEL_SIDES, site_padding


@dataclass(frozen=True)
class Padding:
    """Where a volume lies in its padded frame.

    Attributes
    ----------
    shape : tuple of int
        Of the volume, in voxels.
    before : tuple of int
        Voxels padded in front on each axis.
    padded : tuple of int
        Shape of the frame: the next multiples of 64.
    """

    shape: tuple[int, int, int]
    before: tuple[int, int, int]
    padded: tuple[int, int, int]

    def grid(self, level: str) -> tuple[int, int, int]:
        """Shape of a level's code grid, without the stages."""
        d, h, w = (side // LEVEL_SIDES[level] for side in self.padded)
        return d, h, w


def padding_of(shape: Sequence[int]) -> Padding:
    """Centre a volume in the smallest frame that fits.

    Parameters
    ----------
    shape : sequence of int
        Three sides, at least one voxel each.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"a volume has three sides of at least one voxel, not {tuple(shape)}")
    d, h, w = shape
    (d_0, d_1), (h_0, h_1), (w_0, w_1) = site_padding(shape)
    return Padding((d, h, w), (d_0, h_0, w_0), (d_0 + d + d_1, h_0 + h + h_1, w_0 + w + w_1))


def pad(x_B1DHW: Tensor, padding: Padding) -> Tensor:
    """Repeat the outermost voxels outward to fill the frame."""
    if padding.shape == padding.padded:
        return x_B1DHW
    amounts: list[int] = []
    for axis in (2, 1, 0):
        before = padding.before[axis]
        amounts += [before, padding.padded[axis] - padding.shape[axis] - before]
    return nn_functional.pad(x_B1DHW, amounts, mode="replicate")


def crop(x_B1DHW: Tensor, padding: Padding) -> Tensor:
    """Inverse of :func:`pad`."""
    d, h, w = (
        slice(start, start + side)
        for start, side in zip(padding.before, padding.shape, strict=True)
    )
    return x_B1DHW[:, :, d, h, w]
