from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from vqcodec.models.paper.fixup import (
    FixupBlock,
    NeighbourAverage,
    SubPixelConvolution,
    depth_to_space,
    space_to_depth,
)


def centroid(x_B1DHW: Tensor) -> float:
    weights = x_B1DHW[0, 0].sum(dim=(1, 2))
    return float((weights.detach() * torch.arange(len(weights))).sum() / weights.detach().sum())


def interpolating(block: FixupBlock) -> FixupBlock:
    """Let the skip sample (down) or interpolate linearly (up), and do nothing else."""
    taps = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        weight = block.skip.weight
        if isinstance(block.skip, nn.ConvTranspose3d):
            weight.copy_(torch.einsum("i,j,k->ijk", taps, taps, taps)[None, None])
        else:
            weight.zero_()
            weight[:, :, 1, 1, 1] = 1.0
    return block


@pytest.mark.parametrize(("averaging", "shift"), [("everywhere", 6.0), ("upsampling", 0.0)])
def test_half_voxel_shift(averaging: str, shift: float) -> None:
    at = torch.arange(128.0)
    blob = torch.exp(-0.5 * ((at - 60.0) / 8.0) ** 2)
    x = torch.einsum("i,j,k->ijk", blob, blob[40:88], blob[40:88])[None, None]
    for direction in ("down", "down", "up", "up"):
        x = interpolating(FixupBlock(1, 1, direction, averaging))(x)
    assert centroid(x) - 60.0 == pytest.approx(shift, abs=0.01)


def test_averages() -> None:
    x = torch.arange(8.0).reshape(1, 1, 8, 1, 1).expand(1, 1, 8, 3, 3)
    late = NeighbourAverage(leading=True)(x)[0, 0, :, 1, 1]
    early = NeighbourAverage(leading=False)(x)[0, 0, :, 1, 1]
    assert late.tolist() == [0.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    assert early.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.0]


@pytest.mark.parametrize(
    ("direction", "side"), [("level", 8), ("down", 4), ("up", 16)], ids=["level", "down", "up"]
)
def test_block_shapes_parameters_and_start(direction: str, side: int) -> None:
    torch.manual_seed(0)
    block = FixupBlock(64, 32, direction, depth=23)
    assert block(torch.rand(2, 64, 8, 8, 8)).shape == (2, 32, side, side, side)
    scalars = [name for name, value in block.named_parameters() if value.numel() == 1]
    assert scalars == ["bias_1a", "bias_1b", "bias_2a", "bias_2b", "scale"]
    assert not block.convolution_2.weight.any()
    assert [block.scale.item(), block.bias_1a.item()] == [1.0, 0.0]
    kernel = 4 if direction == "up" else 3
    std = math.sqrt(2 / (32 * kernel**3))
    assert block.skip.weight.std().item() == pytest.approx(std, rel=0.03)
    assert block.convolution_1.weight.std().item() == pytest.approx(std * 23**-0.5, rel=0.03)


def test_transposed_convolution_starts_without_checkerboard() -> None:
    torch.manual_seed(0)
    block = FixupBlock(3, 5, "up")
    out = block.skip(torch.rand(1, 3, 6, 6, 6))
    # Voxels 2j-1 and 2j are equal on every axis: nearest-neighbour upsampling, half a cell off.
    inner = out[:, :, 1:-1, 1:-1, 1:-1]
    for axis in (2, 3, 4):
        even, odd = inner.unfold(axis, 2, 2).unbind(-1)
        torch.testing.assert_close(even, odd)


@pytest.mark.parametrize("side", [2, 4])
def test_sub_pixel_convolution_starts_as_nearest_neighbour(side: int) -> None:
    torch.manual_seed(0)
    layer = SubPixelConvolution(4, 2, side)
    assert layer.convolution.weight.shape[0] == 2 * side**3
    out = depth_to_space(layer.convolution(torch.rand(1, 4, 3, 5, 4)), side)
    phases = space_to_depth(out, side).reshape(2, side**3, -1)
    torch.testing.assert_close(phases, phases[:, :1].expand_as(phases))
    assert phases.std() > 0.01


def test_depth_and_space() -> None:
    x = torch.arange(2 * 4 * 8 * 4.0).reshape(1, 2, 4, 8, 4)
    deep = space_to_depth(x, 4)
    assert deep.shape == (1, 128, 1, 2, 1)
    assert deep[0, 64 + 16 * 1 + 4 * 2 + 3, 0, 1, 0] == x[0, 1, 1, 4 + 2, 3]
    assert torch.equal(depth_to_space(deep, 4), x)
