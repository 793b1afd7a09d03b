"""Volumes for tests: smooth shapes with sharp edges, in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor


def blobs(sides: tuple[int, int, int], seed: int = 0, count: int = 16) -> Tensor:
    """``(1, 1, D, H, W)``: overlapping balls of random brightness."""
    generator = torch.Generator().manual_seed(seed)
    axes = [torch.arange(side, dtype=torch.float32) for side in sides]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    volume = torch.zeros(sides)
    for _ in range(count):
        middle = torch.rand(3, generator=generator) * torch.tensor(sides)
        radius = 3.0 + 0.2 * min(sides) * torch.rand((), generator=generator)
        inside = (grid - middle[:, None, None, None]).square().sum(0) < radius**2
        volume = torch.where(inside, torch.rand((), generator=generator), volume)
    return volume[None, None]
