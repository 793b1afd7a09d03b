"""Layers of the paper's network: FixUp residual blocks, sub-pixel convolution, ICNR.

The half-voxel shift
--------------------
Averaging each value with one neighbour removes checkerboards after a transposed convolution
(Sugawara et al. 2019), but the average lies half a sample away from where it is stored. A
convolution of stride 2 reads around sample ``2 i``, a quarter of the new sampling distance
before the middle of cell ``i``. The authors' code averages with the *previous* neighbour in
every block, so that all shifts add up: what the code of one ÷64 site says ends up 158 voxels,
two and a half sites, away, and every kernel has to bend to make up for it.

``averaging="everywhere"`` does as the authors' code does. ``averaging="upsampling"`` follows
the paper's text, which averages after transposed and sub-pixel convolutions only, and takes
the *next* neighbour: the half samples of the decoder then cancel the quarters of the encoder
exactly, at every level and at every concatenation. ``averaging="none"`` leaves it out: with
the linear start (:mod:`vqcodec.models.paper.linear_start`) the upsampling layers begin as exact
inverses of the downsampling ones, there are no checkerboards to remove, and an average would
blur what the start gets right.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as nn_functional
from torch import Tensor, nn

Averaging = Literal["everywhere", "upsampling", "none"]
Direction = Literal["level", "down", "up"]

LEAKY_SLOPE = 0.01
AUTHORS_DEPTH = 23


def space_to_depth(x_BCDHW: Tensor, side: int) -> Tensor:
    """``(B, C, D, H, W)`` to ``(B, C side^3, D/side, H/side, W/side)``."""
    b, c, d, h, w = x_BCDHW.shape
    blocks = x_BCDHW.reshape(b, c, d // side, side, h // side, side, w // side, side)
    channels = blocks.permute(0, 1, 3, 5, 7, 2, 4, 6)
    return channels.reshape(b, c * side**3, d // side, h // side, w // side)


def depth_to_space(x_BCDHW: Tensor, side: int) -> Tensor:
    """Inverse of :func:`space_to_depth` (a 3D pixel shuffle)."""
    b, c, d, h, w = x_BCDHW.shape
    blocks = x_BCDHW.reshape(b, c // side**3, side, side, side, d, h, w)
    voxels = blocks.permute(0, 1, 5, 2, 6, 3, 7, 4)
    return voxels.reshape(b, c // side**3, d * side, h * side, w * side)


@torch.no_grad()
def initialise_icnr(weight: Tensor, side: int, sub_kernel: Tensor) -> None:
    """Give the ``side^3`` sub-pixel phases of a convolution one and the same kernel.

    Parameters
    ----------
    weight : Tensor
        ``(C side^3, I, k, k, k)``, filled in place.
    side : int
        Upsampling factor r; in three dimensions there are r^3 phases.
    sub_kernel : Tensor
        ``(C, I, k, k, k)``.

    Notes
    -----
    Aitken et al. 2017: the layer starts as nearest-neighbour upsampling of one convolution.
    """
    weight.copy_(sub_kernel.repeat_interleave(side**3, dim=0))


@torch.no_grad()
def initialise_transposed_icnr(weight: Tensor, side: int, sub_kernel: Tensor) -> None:
    """The same for a transposed convolution with kernel ``side k`` and stride ``side``.

    Parameters
    ----------
    weight : Tensor
        ``(I, O, side k, side k, side k)``, filled in place.
    side : int
        Stride.
    sub_kernel : Tensor
        ``(I, O, k, k, k)``; every value is repeated ``side^3`` times.
    """
    kernel = sub_kernel
    for axis in (2, 3, 4):
        kernel = kernel.repeat_interleave(side, dim=axis)
    weight.copy_(kernel)


def fan_out_std(outputs: int, kernel: int) -> float:
    """Standard deviation ``sqrt(2 / (outputs kernel^3))`` (He et al. 2015, by fan-out)."""
    return math.sqrt(2.0 / (outputs * kernel**3))


class NeighbourAverage(nn.Module):
    """Mean of every 2x2x2 neighbourhood, of unchanged shape.

    Parameters
    ----------
    leading : bool
        Average with the previous neighbour, zero before the first (as the authors do); else
        with the next one, the last repeated.
    """

    def __init__(self, leading: bool) -> None:
        super().__init__()
        self.leading = leading

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        """Average a ``(B, C, D, H, W)`` tensor."""
        if self.leading:
            padded = nn_functional.pad(x_BCDHW, (1, 0) * 3)
        else:
            padded = nn_functional.pad(x_BCDHW, (0, 1) * 3, mode="replicate")
        return nn_functional.avg_pool3d(padded, 2, 1)


def _average(averaging: Averaging, upsamples: bool) -> nn.Module:
    if averaging == "everywhere":
        return NeighbourAverage(leading=True)
    blurs = averaging == "upsampling" and upsamples
    return NeighbourAverage(leading=False) if blurs else nn.Identity()


def _resampling_convolution(inputs: int, outputs: int, direction: Direction) -> nn.Module:
    if direction == "up":
        return nn.ConvTranspose3d(inputs, outputs, 4, stride=2, padding=1, bias=False)
    stride = 2 if direction == "down" else 1
    return nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


@torch.no_grad()
def _initialise(convolution: nn.Module, gain: float) -> None:
    weight = convolution.weight
    if not isinstance(weight, Tensor):
        raise TypeError("a convolution has a weight")
    if isinstance(convolution, nn.ConvTranspose3d):
        std = gain * fan_out_std(convolution.out_channels, weight.shape[2])
        half = (*weight.shape[:2], *(side // 2 for side in weight.shape[2:]))
        initialise_transposed_icnr(weight, 2, torch.randn(half) * std)
    else:
        weight.normal_(std=gain * fan_out_std(weight.shape[0], weight.shape[2]))


class FixupBlock(nn.Module):
    """A residual block that trains without normalisation (Zhang et al. 2019).

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    direction : {"level", "down", "up"}
        Same resolution (k3), half (k3, stride 2) or double (transposed k4, stride 2).
    averaging : {"everywhere", "upsampling", "none"}
        See the head of this module.
    depth : int
        Number of layers m of the whole network in ``m^-0.5``, the factor on the first
        convolution; the second one starts at zero.

    Notes
    -----
    Every block has four scalar biases and a scalar scale. The skip is a convolution in every
    block, also where the shape does not change; it shares the first bias.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        direction: Direction,
        averaging: Averaging = "everywhere",
        depth: int = AUTHORS_DEPTH,
    ) -> None:
        super().__init__()
        self.bias_1a = nn.Parameter(torch.zeros(1))
        self.bias_1b = nn.Parameter(torch.zeros(1))
        self.bias_2a = nn.Parameter(torch.zeros(1))
        self.bias_2b = nn.Parameter(torch.zeros(1))
        self.scale = nn.Parameter(torch.ones(1))
        self.convolution_1 = _resampling_convolution(inputs, outputs, direction)
        self.convolution_2 = nn.Conv3d(outputs, outputs, 3, padding=1, bias=False)
        self.skip = _resampling_convolution(inputs, outputs, direction)
        self.activation = nn.LeakyReLU(LEAKY_SLOPE)
        self.average = _average(averaging, upsamples=direction == "up")
        _initialise(self.convolution_1, depth**-0.5)
        _initialise(self.skip, 1.0)
        nn.init.zeros_(self.convolution_2.weight)

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        """Map ``(B, inputs, D, H, W)`` to ``outputs`` channels at the block's resolution."""
        shifted = x_BCDHW + self.bias_1a
        branch = self.activation(self.convolution_1(shifted) + self.bias_1b)
        branch = self.convolution_2(self.average(branch) + self.bias_2a)
        branch = branch * self.scale + self.bias_2b
        out: Tensor = self.activation(branch + self.average(self.skip(shifted)))
        return out


class SubPixelConvolution(nn.Module):
    """Convolution to ``side^3`` channels a voxel, moved into space (Shi et al. 2016), ICNR.

    A scalar bias goes before it, as before every convolution of a FixUp block.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    side : int
        Upsampling factor.
    averaging : {"everywhere", "upsampling", "none"}
        Which neighbour to average with.
    """

    def __init__(
        self, inputs: int, outputs: int, side: int, averaging: Averaging = "everywhere"
    ) -> None:
        super().__init__()
        self.side = side
        self.shift = nn.Parameter(torch.zeros(1))
        self.convolution = nn.Conv3d(inputs, outputs * side**3, 3, padding=1)
        self.average = _average(averaging, upsamples=True)
        sub_kernel = nn.init.xavier_normal_(torch.empty(outputs, inputs, 3, 3, 3))
        initialise_icnr(self.convolution.weight, side, sub_kernel)
        if self.convolution.bias is not None:
            nn.init.zeros_(self.convolution.bias)

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        """Map ``(B, inputs, D, H, W)`` to ``(B, outputs, side D, side H, side W)``."""
        phases = self.convolution(x_BCDHW + self.shift)
        out: Tensor = self.average(depth_to_space(phases, self.side))
        return out
