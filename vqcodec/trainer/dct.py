"""Orthonormal discrete cosine transform of volumes, differentiable, through torch.fft."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def dct_last(x: Tensor) -> Tensor:
    """DCT-II of the last axis, scaled to be orthonormal.

    Parameters
    ----------
    x : Tensor
        Real, float32 or float64.

    Notes
    -----
    Makhoul 1980: even samples followed by the odd ones backwards, one Fourier transform of
    the same length, one twist.
    """
    n = x.shape[-1]
    reordered = torch.cat((x[..., ::2], x[..., 1::2].flip(-1)), dim=-1)
    spectrum = torch.fft.fft(reordered, dim=-1)
    angle = torch.arange(n, device=x.device, dtype=x.dtype) * (math.pi / (2 * n))
    cosines: Tensor = spectrum.real * angle.cos() + spectrum.imag * angle.sin()
    scale = torch.full_like(angle, math.sqrt(2.0 / n))
    scale[0] = math.sqrt(1.0 / n)
    return cosines.mul(scale)


def dct_3d(x: Tensor) -> Tensor:
    """DCT-II of the last three axes, ``(..., D, H, W)`` to the same shape.

    Energy is kept: white noise of deviation s has coefficients of deviation s.
    """
    for axis in (-1, -2, -3):
        x = dct_last(x.movedim(axis, -1)).movedim(-1, axis)
    return x
