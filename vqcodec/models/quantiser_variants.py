"""Other ways to learn a codebook: by gradient, and finite scalar quantisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from .quantiser import Codebook, VectorCodebook

FSQ_LEVELS = (8, 8, 4)
BOUND_MARGIN = 1e-3


class GradientCodebook(VectorCodebook):
    """Entries are parameters, pulled to the latents by the first term of equation 4.

    Parameters
    ----------
    size, dimension : int
        Entries K, and their length D.
    start : bool
        Start by k-means.
    """

    def __init__(self, size: int, dimension: int, start: bool = True) -> None:
        super().__init__(size, dimension, start)
        self.entries = nn.Parameter(torch.randn(size, dimension))

    def codebook_loss(self, z_ND: Tensor, quantised_ND: Tensor) -> Tensor:
        """Mean squared distance of the chosen entries from the (fixed) latents."""
        return (quantised_ND - z_ND.detach()).square().mean()


class FsqCodebook(Codebook):
    """Finite scalar quantisation (Mentzer et al. 2023): a grid of bounded, rounded numbers.

    Parameters
    ----------
    dimension : int
        Length of a latent; learned projections lead to one number per axis of the grid and
        back.
    levels : sequence of int
        Values per axis; (8, 8, 4) makes 256 codes.
    project : bool
        False leaves the projections out; ``dimension`` must then be the number of axes.
    """

    carries_gradient: ClassVar[bool] = True
    levels: Tensor
    strides: Tensor

    def __init__(
        self, dimension: int, levels: Sequence[int] = FSQ_LEVELS, project: bool = True
    ) -> None:
        super().__init__(math.prod(levels), dimension)
        axes = len(levels)
        if not project and axes != dimension:
            raise ValueError(f"{axes} axes do not fit latents of length {dimension}")
        strides = [math.prod(levels[:axis]) for axis in range(axes)]
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("strides", torch.tensor(strides), persistent=False)
        self.inward = nn.Linear(dimension, axes) if project else nn.Identity()
        self.outward = nn.Linear(axes, dimension) if project else nn.Identity()

    def _bounded(self, z_ND: Tensor) -> Tensor:
        half = (self.levels - 1) * (1 + BOUND_MARGIN) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        shift = torch.atanh(offset / half)
        bounded: Tensor = torch.tanh(self.inward(z_ND) + shift) * half - offset
        return bounded

    def _digits(self, z_ND: Tensor) -> Tensor:
        return (self._bounded(z_ND).round() + self.levels // 2).long()

    def choose(self, z_ND: Tensor) -> Tensor:
        """Index of the grid point, the first axis fastest."""
        return (self._digits(z_ND) * self.strides).sum(1)

    def look_up(self, codes_N: Tensor) -> Tensor:
        """Grid points, scaled to [-1, 1] and projected outward."""
        digits = codes_N[:, None] // self.strides % self.levels
        half = self.levels // 2
        quantised: Tensor = self.outward((digits - half) / half)
        return quantised

    def quantise(self, z_ND: Tensor) -> tuple[Tensor, Tensor]:
        """Entries, differentiable straight through the rounding, and codes."""
        bounded = self._bounded(z_ND)
        rounded = bounded.detach().round() + (bounded - bounded.detach())
        digits = (rounded.detach() + self.levels // 2).long()
        quantised: Tensor = self.outward(rounded / (self.levels // 2))
        return quantised, (digits * self.strides).sum(1)

    def commitment(self, z_ND: Tensor, quantised_ND: Tensor) -> Tensor:
        """Zero: the bound keeps the latents near the grid."""
        return z_ND.new_zeros(())
