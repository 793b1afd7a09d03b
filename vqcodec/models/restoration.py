"""Restoration after synthesis: a small network that estimates what quantisation took away.

It works on 2x2x2 blocks (space to depth), so that it knows on which phase of the wavelet
lattice a voxel lies, sees a few voxels around each block, and adds its output times the
quantiser step. It is conditioned on the step. Nothing that is entropy-coded depends on it, so
floating point is allowed; reconstructions agree across devices to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nn_functional
from numpy.typing import NDArray
from torch import Tensor, nn

BLOCK = 2
DETAIL_LIMIT = 12.0
#: Blocks around a voxel's own that the inputs and the first two convolutions see.
BASE_HALO = 3
SLAB = 24
INPUT_CHANNELS = BLOCK**3 + 4
STEP_FEATURES = 3
#: Steps the network was trained for: below them nothing is restored, above counts as the last.
TRAINED_STEPS = (0.012, 0.3)


class RestorationNetwork(nn.Module):
    """3x3x3 convolutions and two pointwise ones on blocks, modulated by the step.

    Parameters
    ----------
    width : int
        Hidden channels.
    depth : int
        Residual 3x3x3 convolutions behind the first two; they start as nothing.
    """

    def __init__(self, width: int = 48, depth: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv3d(INPUT_CHANNELS, width, 3)
        self.second = nn.Conv3d(width, width, 3)
        self.middle = nn.ModuleList(nn.Conv3d(width, width, 3) for _ in range(depth))
        for convolution in self.middle.parameters():
            nn.init.zeros_(convolution)
        self.third = nn.Conv3d(width, width, 1)
        self.last = nn.Conv3d(width, BLOCK**3, 1)
        self.modulation = nn.Linear(STEP_FEATURES, 4 * width)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    @property
    def halo(self) -> int:
        """Blocks around a voxel's own that its correction depends on."""
        return BASE_HALO + len(self.middle)

    def forward(self, blocks_BCDHW: Tensor, log2_step_B: Tensor) -> Tensor:
        """Correction in steps of blocks with their halo, one less than :attr:`halo`.

        ``(B, 8, D - 2h, H - 2h, W - 2h)`` with h = ``halo - 1``: the inputs take one away.
        """
        gain_1, bias_1, gain_2, bias_2 = (
            part[:, :, None, None, None] for part in self._modulation(log2_step_B)
        )
        x = _activation(self.first(blocks_BCDHW) * (1 + gain_1) + bias_1)
        return self._corrections(_activation(self.second(x) * (1 + gain_2) + bias_2))

    def at_step(self, log2_step: Tensor) -> Callable[[Tensor], Tensor]:
        """:meth:`forward` for one step: its modulation is part of the weights."""
        gain_1, bias_1, gain_2, bias_2 = (part[0] for part in self._modulation(log2_step[None]))
        first = _modulated(self.first, gain_1, bias_1)
        second = _modulated(self.second, gain_2, bias_2)

        def corrections(blocks_BCDHW: Tensor) -> Tensor:
            x = _activation(nn_functional.conv3d(blocks_BCDHW, *first))
            return self._corrections(_activation(nn_functional.conv3d(x, *second)))

        return corrections

    def _modulation(self, log2_step_B: Tensor) -> tuple[Tensor, ...]:
        """Gains and biases ``(B, width)`` of the first two convolutions."""
        centred = (log2_step_B + 4.0) / 2.0
        features = torch.stack((centred, centred**2 - 0.5, centred**3), dim=1)
        return self.modulation(features).chunk(4, dim=1)  # type: ignore[no-any-return]

    def _corrections(self, x: Tensor) -> Tensor:
        for convolution in self.middle:
            x = x[..., 1:-1, 1:-1, 1:-1] + _activation(convolution(x))
        correction: Tensor = self.last(_activation(self.third(x)))
        return correction


def _activation(x: Tensor) -> Tensor:
    """In place."""
    return nn_functional.leaky_relu_(x, 0.1)


def _modulated(convolution: nn.Conv3d, gain: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution whose outputs are multiplied and shifted."""
    weight = convolution.weight * (1 + gain)[:, None, None, None, None]
    own_bias = bias if convolution.bias is None else convolution.bias * (1 + gain) + bias
    return weight, own_bias


def to_blocks(x_BDHW: Tensor) -> Tensor:
    """``(B, D, H, W)`` with even sides to ``(B, 8, D/2, H/2, W/2)``."""
    b, d, h, w = x_BDHW.shape
    parts = x_BDHW.reshape(b, d // 2, 2, h // 2, 2, w // 2, 2)
    return parts.permute(0, 2, 4, 6, 1, 3, 5).reshape(b, 8, d // 2, h // 2, w // 2)


def from_blocks(blocks_BCDHW: Tensor) -> Tensor:
    """Inverse of :func:`to_blocks`."""
    b, _, d, h, w = blocks_BCDHW.shape
    parts = blocks_BCDHW.reshape(b, 2, 2, 2, d, h, w)
    return parts.permute(0, 4, 1, 5, 2, 6, 3).reshape(b, 2 * d, 2 * h, 2 * w)


def network_inputs(x_BDHW: Tensor, foreground_BDHW: Tensor, step_B: Tensor) -> Tensor:
    """Channels of the network: detail, local contrast and intensity of each block, mask share.

    Parameters
    ----------
    x_BDHW : Tensor
        Synthesised volume, background included, in units of the robust range.
    foreground_BDHW : Tensor
        One in the foreground, zero elsewhere.
    step_B : Tensor
        Quantiser steps, ``(B,)``.

    Returns
    -------
    Tensor
        ``(B, 12, D/2, H/2, W/2)``.
    """
    inverse = 1.0 / step_B[:, None, None, None, None]
    blocks = to_blocks(x_BDHW)
    mean = blocks.mean(dim=1, keepdim=True)
    padded = nn_functional.pad(mean, (1, 1, 1, 1, 1, 1), mode="replicate")
    contrast = (mean - nn_functional.avg_pool3d(padded, 3, stride=1)) * inverse
    detail = (blocks - mean) * inverse
    share = to_blocks(foreground_BDHW).mean(dim=1, keepdim=True)
    deviation = detail.square().mean(dim=1, keepdim=True).sqrt()
    channels = torch.cat((detail, contrast, deviation), dim=1)
    limited = channels.clamp(-DETAIL_LIMIT, DETAIL_LIMIT)
    return torch.cat((limited, mean.clamp(-1.0, 3.0), share), dim=1)


def _parts(seen_DHW: Tensor) -> Iterator[tuple[slice, ...]]:
    """Slabs of a grid of blocks, each cut down to what has foreground."""
    depth = seen_DHW.shape[0]
    for start in range(0, depth, SLAB):
        slab = slice(start, min(start + SLAB, depth))
        found = seen_DHW[slab].nonzero()
        if len(found):
            low, high = found.amin(dim=0).tolist(), found.amax(dim=0).tolist()
            first = start + low[0]
            yield (
                slice(first, start + high[0] + 1),
                *(slice(a, b + 1) for a, b in zip(low[1:], high[1:], strict=True)),
            )


@torch.no_grad()
def restore(
    network: RestorationNetwork, x_DHW: Tensor, foreground_DHW: Tensor, step: float
) -> Tensor:
    """Restored volume, computed part by part; nothing is where there is no foreground.

    Parameters
    ----------
    x_DHW : Tensor
        Synthesised volume with even sides.
    foreground_DHW : Tensor of bool
    step : float
        Quantiser step; finer ones than the network was trained for return ``x_DHW`` itself.
    """
    if step < TRAINED_STEPS[0]:
        return x_DHW
    known_step = min(step, TRAINED_STEPS[1])
    steps = torch.tensor([known_step], dtype=x_DHW.dtype, device=x_DHW.device)
    corrections = network.at_step(steps.log2()[0])
    reach = network.halo
    padded = nn_functional.pad(x_DHW[None, None], [reach * BLOCK] * 6, mode="replicate")[0]
    mask = nn_functional.pad(foreground_DHW[None].to(x_DHW.dtype), [reach * BLOCK] * 6)
    seen = nn_functional.max_pool3d(foreground_DHW[None].to(x_DHW.dtype), BLOCK)[0]
    out = x_DHW.clone()
    for part in _parts(seen):
        window = tuple(slice(p.start * BLOCK, (p.stop + 2 * reach) * BLOCK) for p in part)
        around = (slice(None), *window)
        inputs = network_inputs(padded[around], mask[around], steps)[..., 1:-1, 1:-1, 1:-1]
        # So convolutions on the CPU take three quarters of the time.
        inputs = inputs.contiguous(memory_format=torch.channels_last_3d)
        correction = corrections(inputs)
        voxels = tuple(slice(p.start * BLOCK, p.stop * BLOCK) for p in part)
        out[voxels] += known_step * from_blocks(correction)[0]
    return out


def restoration_tensors(network: RestorationNetwork) -> dict[str, NDArray[np.float16]]:
    """Weights as stored: half precision, names ``restoration/...``."""
    return {
        f"restoration/{name}": value.detach().cpu().numpy().astype(np.float16)
        for name, value in network.state_dict().items()
    }


def restoration_network(tensors: Mapping[str, NDArray[Any]]) -> RestorationNetwork | None:
    """Network of a weights file; None if it holds none."""
    prefix = "restoration/"
    held = {name[len(prefix) :]: tensors[name] for name in tensors if name.startswith(prefix)}
    if not held:
        return None
    depth = sum(name.startswith("middle.") and name.endswith(".weight") for name in held)
    network = RestorationNetwork(held["first.weight"].shape[0], depth)
    network.load_state_dict({name: torch.tensor(a.astype(np.float32)) for name, a in held.items()})
    return network.eval().requires_grad_(False)
