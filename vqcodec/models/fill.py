"""Don't-care fill: values for background voxels that make the foreground cheap to code.

The decoder sets background voxels to exact zero, so the encoder may put anything there. A
sharp edge between brain and zero costs about a third of a file; projections onto the sets
"matches the foreground" and "has few coefficients" remove it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as nn_functional
from torch import Tensor

from .wavelet import Pyramid, analyse, synthesise

FILL_GRID_LEVELS = 2


def smooth_extrapolation(x_DHW: Tensor, care_DHW: Tensor) -> Tensor:
    """Background by averages of the nearest foreground, coarse scales first."""
    values = (x_DHW * care_DHW)[None, None]
    weights = care_DHW.to(x_DHW.dtype)[None, None]
    pyramid = [(values, weights)]
    while max(pyramid[-1][0].shape[2:]) > 1:
        odd = [side for n in reversed(pyramid[-1][0].shape[2:]) for side in (0, n % 2)]
        sums, counts = (
            nn_functional.avg_pool3d(nn_functional.pad(part, odd), 2) for part in pyramid[-1]
        )
        pyramid.append((sums, counts))
    sums, counts = pyramid[-1]
    filled = sums / counts.clamp_min(1e-12)
    for sums, counts in reversed(pyramid[:-1]):
        coarse = nn_functional.interpolate(
            filled, size=sums.shape[2:], mode="trilinear", align_corners=False
        )
        confident = counts.clamp(max=1.0)
        mean = sums / counts.clamp_min(1e-12)
        filled = confident * mean + (1.0 - confident) * coarse
    return torch.where(care_DHW, x_DHW, filled[0, 0])


def fill_background(
    x_DHW: Tensor, care_DHW: Tensor, step: float, iterations: int, start: Tensor | None = None
) -> Tensor:
    """Background values that need few coefficients at a quantiser step.

    Parameters
    ----------
    x_DHW : Tensor
        Float volume; sides are multiples of four.
    care_DHW : Tensor of bool
        Foreground; returned unchanged there.
    step : float
        Quantiser step, same units as ``x_DHW``.
    iterations : int
        Projections; twelve reach all but 1 % of the gain.
    start : Tensor, optional
        What was found for another step, to go on from.
    """
    x = smooth_extrapolation(x_DHW, care_DHW) if start is None else start
    for k in range(iterations):
        threshold = step * (0.6 + 1.5 * (1.0 - k / iterations))
        pyramid = analyse(x, FILL_GRID_LEVELS)
        kept = tuple(d.masked_fill_(d.abs() < threshold, 0.0) for d in pyramid.details)
        x = torch.where(care_DHW, x_DHW, synthesise(Pyramid(kept, pyramid.low_pass), x.shape))
    return x
