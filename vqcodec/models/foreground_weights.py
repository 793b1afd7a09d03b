"""How much of every coefficient is seen: the share of its energy that falls on foreground.

The background is thrown away, so an error there costs nothing. To first order the squared error
in the foreground is the squared error of a coefficient times that share.
"""

from __future__ import annotations

import torch
import torch.nn.functional as nn_functional
from torch import Tensor

from ..layout import BANDS, GRID_LEVELS
from .wavelet import merge_axis, pad_to_four

FILTER_REACH = 4


def _squared_filters() -> tuple[Tensor, Tensor]:
    """Squared synthesis filters of low and high pass, around the even sample of their pair."""
    sides = 2 * FILTER_REACH + 1
    impulse, nothing = torch.zeros(sides), torch.zeros(sides)
    impulse[FILTER_REACH] = 1.0
    centre = 2 * FILTER_REACH
    reach = slice(centre - FILTER_REACH + 1, centre + FILTER_REACH + 2)
    low = merge_axis(impulse, nothing, 0)[reach].square()
    high = merge_axis(nothing, impulse, 0)[reach].square()
    return low / low.sum(), high / high.sum()


def _shares(x: Tensor, axis: int, taps: Tensor) -> Tensor:
    """Weighted sums around every even sample along an axis; edges are repeated."""
    moved = x.movedim(axis, -1)
    before, after = FILTER_REACH - 1, FILTER_REACH + 1
    flat = moved.reshape(1, -1, moved.shape[-1])
    padded = nn_functional.pad(flat, (before, after), mode="replicate")[0]
    n = moved.shape[-1] // 2
    total = torch.zeros(padded.shape[0], n, device=x.device)
    for k, tap in enumerate(taps.tolist()):
        if tap > 1e-9:
            total.add_(padded[:, k : k + 2 * n : 2], alpha=tap)
    return total.reshape(*moved.shape[:-1], n).movedim(-1, axis)


def foreground_weights(foreground_DHW: Tensor) -> tuple[Tensor, ...]:
    """Share of the energy of every detail coefficient that is foreground.

    Parameters
    ----------
    foreground_DHW : Tensor
        What an error in each voxel counts, 0 to 1; sides are multiples of four.

    Returns
    -------
    tuple of Tensor
        Six tensors ``(7, D, H, W)`` of values from 0 to 1, finest split first.
    """
    low_taps, high_taps = _squared_filters()
    weights = []
    low = foreground_DHW.float()
    for _ in range(GRID_LEVELS):
        low = pad_to_four(low)
        for _ in range(2):
            parts: dict[tuple[int, ...], Tensor] = {(): low}
            for axis in (2, 1, 0):
                parts = {
                    (flag, *key): _shares(part, axis, taps)
                    for key, part in parts.items()
                    for flag, taps in enumerate((low_taps, high_taps))
                }
            weights.append(torch.stack([parts[band] for band in BANDS]))
            low = parts[(0, 0, 0)]
    return tuple(weights)
