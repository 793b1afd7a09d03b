"""The restoration network against section 11.12 of the specification, written plainly."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from tests.golden.tiny_tiles import restoration
from vqcodec.models.restoration import restoration_network, restore

SHAPE = (8, 12, 10)


def blocks(x: np.ndarray) -> np.ndarray:
    """Voxels of 2x2x2 blocks as channels."""
    return np.stack([x[z::2, y::2, w::2] for z, y, w in product((0, 1), repeat=3)])


def convolved(tensors: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    weight = tensors[f"restoration/{name}.weight"].astype(np.float64)
    side = weight.shape[2]
    d, h, w = (n - side + 1 for n in x.shape[1:])
    total = np.zeros((len(weight), d, h, w))
    for z, y, k in product(range(side), repeat=3):
        part = x[:, z : z + d, y : y + h, k : k + w]
        total += np.einsum("oi,idhw->odhw", weight[..., z, y, k], part)
    return total + tensors[f"restoration/{name}.bias"].astype(np.float64)[:, None, None, None]


def leaky(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, x / 10)


def restored(
    tensors: dict[str, np.ndarray], x: np.ndarray, foreground: np.ndarray, step: float, depth: int
) -> np.ndarray:
    reach = 4 + depth
    around = blocks(np.pad(x, 2 * reach, mode="edge"))
    mean = around.mean(axis=0)
    nearby = np.zeros(tuple(n - 2 for n in mean.shape))
    for z, y, k in product(range(3), repeat=3):
        nearby += mean[z:, y:, k:][tuple(slice(n) for n in nearby.shape)] / 27
    inner = (slice(1, -1),) * 3
    detail = ((around - mean) / step)[(slice(None), *inner)]
    contrast = (mean[inner] - nearby) / step
    deviation = np.sqrt((detail**2).mean(axis=0))
    share = blocks(np.pad(foreground.astype(float), 2 * reach)).mean(axis=0)[inner]
    limited = np.clip(np.concatenate((detail, contrast[None], deviation[None])), -12, 12)
    inputs = np.concatenate((limited, np.clip(mean[inner], -1, 3)[None], share[None]))
    t = (np.log2(step) + 4) / 2
    weight, bias = (
        tensors[f"restoration/modulation.{part}"].astype(float) for part in ("weight", "bias")
    )
    quarters = (weight @ np.array([t, t**2 - 1 / 2, t**3]) + bias).reshape(4, -1, 1, 1, 1)
    a1, b1, a2, b2 = quarters
    y = leaky(convolved(tensors, "first", inputs) * (1 + a1) + b1)
    y = leaky(convolved(tensors, "second", y) * (1 + a2) + b2)
    for n in range(depth):
        y = y[:, 1:-1, 1:-1, 1:-1] + leaky(convolved(tensors, f"middle.{n}", y))
    output = convolved(tensors, "last", leaky(convolved(tensors, "third", y)))
    out = x.copy()
    for channel, (z, row, k) in enumerate(product((0, 1), repeat=3)):
        cut = tuple((n - s // 2) // 2 for n, s in zip(output.shape[1:], x.shape, strict=True))
        here = tuple(slice(c, c + s // 2) for c, s in zip(cut, x.shape, strict=True))
        out[z::2, row::2, k::2] += step * output[(channel, *here)]
    return out


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("is_whole", [False, True])
def test_it_does_what_the_specification_says(depth: int, is_whole: bool) -> None:
    rng = np.random.default_rng(depth)
    tensors = {
        name: tensor
        for name, tensor in restoration(rng).items()
        if "middle" not in name or int(name.split(".")[1]) < depth
    }
    x = rng.normal(0.5, 0.3, SHAPE)
    foreground = np.ones(SHAPE, bool)
    if not is_whole:
        foreground = rng.random(SHAPE) < 0.02
    network = restoration_network(tensors)
    assert network is not None
    found = restore(network.double(), torch.from_numpy(x), torch.from_numpy(foreground), 0.1)
    expected = restored(tensors, x, foreground, 0.1, depth)
    np.testing.assert_allclose(found.numpy()[foreground], expected[foreground], atol=1e-9)


def test_modulation_within_the_weights_is_modulation_of_outputs() -> None:
    network = restoration_network(restoration(np.random.default_rng(2)))
    assert network is not None
    network = network.double()
    blocks_of_two = torch.randn(2, 12, 16, 13, 14, dtype=torch.float64)
    log2_steps = torch.tensor([-5.0, -2.0], dtype=torch.float64)
    together = network(blocks_of_two, log2_steps)
    for log2_step, one, expected in zip(log2_steps, blocks_of_two, together, strict=True):
        torch.testing.assert_close(network.at_step(log2_step)(one[None])[0], expected)


def test_fine_steps_are_left_alone() -> None:
    network = restoration_network(restoration(np.random.default_rng(1)))
    assert network is not None
    x = torch.randn(4, 4, 4)
    assert torch.equal(restore(network, x, torch.ones(4, 4, 4, dtype=torch.bool), 0.011), x)
