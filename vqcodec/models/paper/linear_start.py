"""A start as an exact linear codec: block means and cosine transform, each level coding the rest.

At random weights a VQ-VAE spends thousands of steps on finding out that neighbouring voxels
are alike. Started here, the same layers compute, before any training,

- fine: the 4x4x4 discrete cosine transform of every block, its mean less the mean that the
  coarser levels decode to, and as many of the lowest other frequencies as the widths hold;
- middle: the means of the 64 blocks of a site, less the mean of all of them;
- coarse: the means of its 64 middle sites;

and the decoder undoes it. All skips are linear at the start (shifted by the blocks' scalar
biases to where the activation is the identity), and every block's branch is zero, as FixUp
says; training bends them from there. An error of the latents is the same error of the
voxels, up to one factor, so that k-means on such latents is k-means on the picture.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from ...layout import LEVEL_NAMES
from .config import PaperConfig
from .fixup import FixupBlock, SubPixelConvolution
from .network import PaperNetwork
from .paths import Decoder, Encoder

SIDE = 4
BLOCK = SIDE**3
OFFSET = 0.75
IDLE_GAIN = 0.05
OCTANT = 8
CORNERS = tuple(itertools.product((0, 1), repeat=3))


def block_cosines() -> Tensor:
    """Rows of the 4x4x4 DCT by rising frequency, ``(64, 64)``, scaled so that row 0 is a mean.

    Returns
    -------
    Tensor
        ``rows @ rows.T`` is the identity over 64.
    """
    places = torch.arange(SIDE, dtype=torch.float64)
    along = torch.stack([torch.cos(math.pi * k * (2 * places + 1) / (2 * SIDE)) for k in range(4)])
    along = along / along.square().mean(1, keepdim=True).sqrt()
    order = sorted(
        itertools.product(range(SIDE), repeat=3), key=lambda k: (sum(f * f for f in k), k)
    )
    rows = [torch.einsum("i,j,k->ijk", *(along[f] for f in k)).flatten() for k in order]
    return (torch.stack(rows) / BLOCK).float()


def can_start_linearly(config: PaperConfig) -> str | None:
    """Why a network cannot take this start; None if it can."""
    if config.stem != "space-to-depth" or config.averaging != "none" or not config.cascade:
        return "needs stem='space-to-depth', averaging='none' and cascade=true"
    wide = (config.encoder_channels[4], *config.embeddings[1:])
    if min(wide) < BLOCK or min(config.encoder_channels[3], *config.decoder_channels[:3]) < OCTANT:
        return f"needs {BLOCK} channels at ÷16 and ÷64, and {OCTANT} at ÷8 and ÷32"
    return None


@torch.no_grad()
def start_linearly(network: PaperNetwork) -> None:
    """Give a network these weights; codebooks are left alone.

    Raises
    ------
    ValueError
        Its layers are too narrow, or of another kind.
    """
    config = network.config
    if reason := can_start_linearly(config):
        raise ValueError(f"the linear start {reason}")
    kept = min(config.embeddings[0], config.encoder_channels[2], config.stem_channels)
    _start_encoder(network.encoder, kept)
    fine, middle, coarse = (network.condition_of(name) for name in LEVEL_NAMES)
    for condition, own in ((fine, kept), (middle, BLOCK), (coarse, BLOCK)):
        _pass(condition.bottleneck, range(own))
        _centre(condition.bottleneck)[:own, :own] = torch.eye(own)
    _centre(fine.bottleneck)[0, config.encoder_channels[2]] = -1.0
    _centre(middle.bottleneck)[:BLOCK, config.encoder_channels[4]] = -1.0
    _scatter(middle.upward, 0)
    _scatter(fine.upward, 0, mean=config.embeddings[1])
    _start_decoder(network.decoder, config, kept)


def _start_encoder(encoder: Encoder, kept: int) -> None:
    first, *others = encoder.to_fine
    _pass(first, range(kept), offset=0.0)
    _centre(first)[:kept] = block_cosines()[:kept]
    for block in others:
        _pass(block, range(kept))
        _centre(block)[:kept, :kept] = torch.eye(kept)
    _gather(encoder.to_middle, 1)
    _gather(encoder.to_coarse, BLOCK)


def _start_decoder(decoder: Decoder, config: PaperConfig, kept: int) -> None:
    _scatter(decoder.from_coarse, 0)
    _scatter(decoder.from_middle, config.decoder_channels[1], mean=0)
    *blocks, last = decoder.from_fine
    if not isinstance(last, SubPixelConvolution):
        raise TypeError("a decoder ends in a sub-pixel convolution")
    for number, block in enumerate(blocks):
        _pass(block, range(kept))
        first = 0 if number else config.decoder_channels[3]
        _centre(block)[:kept, first : first + kept] = torch.eye(kept)
    _centre(blocks[0])[0, 0] = 1.0
    nn.init.zeros_(last.convolution.weight)
    _centre_of(last.convolution.weight)[:, :kept] = BLOCK * block_cosines()[:kept].T
    nn.init.constant_(last.shift, -OFFSET)


def _skip(block: nn.Module) -> Tensor:
    if not isinstance(block, FixupBlock) or not isinstance(block.skip.weight, Tensor):
        raise TypeError("the linear start is for FixUp blocks")
    return block.skip.weight


def _centre(block: nn.Module) -> Tensor:
    """Middle taps of the skip of a block at one resolution, ``(O, I)``, to write to."""
    return _centre_of(_skip(block))


def _centre_of(weight_OIKKK: Tensor) -> Tensor:
    return weight_OIKKK[:, :, 1, 1, 1]


def _pass(block: nn.Module, rows: range, offset: float = OFFSET, transposed: bool = False) -> None:
    """Take the offset off, put it on again, and clear the skips of some output channels.

    The others keep a little of their random start: channels that training may put to use.
    """
    weight = _skip(block)
    weight *= IDLE_GAIN
    (weight.transpose(0, 1) if transposed else weight)[rows.start : rows.stop] = 0.0
    nn.init.constant_(block.get_parameter("bias_1a"), -offset)
    nn.init.constant_(block.get_parameter("bias_2b"), OFFSET)


def _gather(blocks: nn.ModuleList, inputs: int) -> None:
    """Means of the first channels of each 4x4x4 sites to 64 channels of one site."""
    once, twice = blocks
    _pass(once, range(OCTANT))
    _pass(twice, range(BLOCK))
    for corner, (z, y, x) in enumerate(CORNERS):
        # Of a stride-2 kernel of 3, taps 1 and 2 read the two voxels of the cell.
        _skip(once)[corner, :inputs, z + 1, y + 1, x + 1] = 1.0 / inputs
        for inner in range(OCTANT):
            _skip(twice)[OCTANT * corner + inner, inner, z + 1, y + 1, x + 1] = 1.0


def _scatter(blocks: nn.ModuleList, first: int, mean: int | None = None) -> None:
    """Undo :func:`_gather`: 64 channels, from ``first`` on, to channel 0 of 4x4x4 sites.

    Channel ``mean`` is added to all of them.
    """
    once, twice = blocks
    _pass(once, range(OCTANT), transposed=True)
    _pass(twice, range(1), transposed=True)
    for corner, (z, y, x) in enumerate(CORNERS):
        # Of a transposed kernel of 4, taps 1 and 2 write the two voxels of the cell.
        for inner in range(OCTANT):
            _skip(once)[first + OCTANT * corner + inner, inner, z + 1, y + 1, x + 1] = 1.0
        if mean is not None:
            _skip(once)[mean, :OCTANT, z + 1, y + 1, x + 1] = 1.0
        _skip(twice)[corner, 0, z + 1, y + 1, x + 1] = 1.0
