"""Encoder, conditioning between levels, and decoder of the paper's network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...layout import LEVEL_NAMES
from .config import PaperConfig
from .fixup import Direction, FixupBlock, SubPixelConvolution, space_to_depth

FINE_SIDE = 4
SMALL_GRID = 2


def run_blocks(blocks: Iterable[nn.Module], x: Tensor, recompute: bool) -> Tensor:
    """Apply blocks in a row.

    Parameters
    ----------
    recompute : bool
        Keep only what lies between blocks and compute the rest again in the backward pass.
        Quantisers must not be among the blocks: they would learn twice.
    """
    for block in blocks:
        with _sound_precision(x):
            if recompute and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)
            else:
                x = block(x)
    return x


def _sound_precision(x_BCDHW: Tensor) -> AbstractContextManager[object]:
    """Leave autocast on small grids: on a CPU, bfloat16 gradients of 2x2x2 voxels are garbage.

    Measured with torch 2.13: one in six weight gradients of such a convolution holds values
    of 1e36 or NaN; from 4x4x4 voxels on they are sound. A block may halve its grid.
    """
    if x_BCDHW.device.type == "cpu" and min(x_BCDHW.shape[2:]) <= 2 * SMALL_GRID:
        return torch.autocast("cpu", enabled=False)
    return nullcontext()


def _block(config: PaperConfig, inputs: int, outputs: int, direction: Direction) -> FixupBlock:
    return FixupBlock(inputs, outputs, direction, config.averaging, config.fixup_depth)


def _at_quarter(config: PaperConfig, inputs: int, outputs: int) -> list[FixupBlock]:
    widths = [inputs, *[config.stem_channels] * (config.stem_blocks - 1), outputs]
    return [_block(config, before, after, "level") for before, after in pairwise(widths)]


class Encoder(nn.Module):
    """Volume to features at ÷4, ÷16 and ÷64."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        widths = config.encoder_channels
        self.blocks = config.stem == "space-to-depth"
        first: list[FixupBlock]
        if self.blocks:
            first = _at_quarter(config, FINE_SIDE**3, widths[2])
        else:
            first = [
                _block(config, 1, widths[0], "level"),
                _block(config, widths[0], widths[1], "down"),
                _block(config, widths[1], widths[2], "down"),
            ]
        self.to_fine = nn.ModuleList(first)
        self.to_middle = nn.ModuleList(_down(config, widths[2:5]))
        self.to_coarse = nn.ModuleList(_down(config, widths[4:7]))

    def forward(self, x_B1DHW: Tensor, recompute: bool = False) -> dict[str, Tensor]:
        """Features of each level of a volume whose sides are multiples of 64."""
        x = space_to_depth(x_B1DHW, FINE_SIDE) if self.blocks else x_B1DHW
        fine = run_blocks(self.to_fine, x, recompute)
        middle = run_blocks(self.to_middle, fine, recompute)
        coarse = run_blocks(self.to_coarse, middle, recompute)
        return dict(zip(LEVEL_NAMES, (fine, middle, coarse), strict=True))


def _down(config: PaperConfig, widths: tuple[int, ...]) -> list[FixupBlock]:
    return [_block(config, before, after, "down") for before, after in pairwise(widths)]


class Conditioning(nn.Module):
    """Features and the decoded coarser level to the latents of a level.

    Parameters
    ----------
    config : PaperConfig
    level : int
        0 fine, 1 middle, 2 coarse.
    """

    def __init__(self, config: PaperConfig, level: int) -> None:
        super().__init__()
        self.cascade = config.cascade
        features = config.encoder_channels[2 * (level + 1)]
        upward: list[FixupBlock] = []
        if level + 1 < len(LEVEL_NAMES):
            length = config.embeddings[level + 1]
            inputs = length + (_seen_by(config, level + 1) if config.cascade else 0)
            upward = [
                _block(config, inputs, length // 2, "up"),
                _block(config, length // 2, length // 4, "up"),
            ]
            features += _seen_by(config, level)
        self.upward = nn.ModuleList(upward)
        self.bottleneck = _block(config, features, config.embeddings[level], "level")

    def forward(self, features: Tensor, seen: Tensor | None, recompute: bool = False) -> Tensor:
        """Latents ``(B, embedding, D, H, W)``, not yet quantised.

        Parameters
        ----------
        features : Tensor
            Of the encoder.
        seen : Tensor, optional
            What :meth:`look_up` makes of the coarser levels.
        """
        if seen is not None:
            features = torch.cat((features, seen), dim=1)
        return run_blocks([self.bottleneck], features, recompute)

    def look_up(
        self, quantised: Tensor | None, seen_there: Tensor | None, recompute: bool = False
    ) -> Tensor | None:
        """Bring the decoded coarser level to this level's grid; None at the coarse level.

        Parameters
        ----------
        quantised : Tensor, optional
            Quantised latents of the next coarser level.
        seen_there : Tensor, optional
            What that level itself saw of the still coarser one.
        """
        if quantised is None:
            return None
        if self.cascade and seen_there is not None:
            quantised = torch.cat((quantised, seen_there), dim=1)
        return run_blocks(self.upward, quantised, recompute)


def _seen_by(config: PaperConfig, level: int) -> int:
    """Channels in which a level sees the coarser ones."""
    return config.embeddings[level + 1] // 4 if level + 1 < len(LEVEL_NAMES) else 0


class Decoder(nn.Module):
    """Quantised latents of the three levels to a volume; no activation at the end."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        fine, middle, coarse = config.embeddings
        widths = config.decoder_channels
        self.from_coarse = nn.ModuleList(
            (_block(config, coarse, widths[0], "up"), _block(config, widths[0], widths[1], "up"))
        )
        self.from_middle = nn.ModuleList(
            (
                _block(config, widths[1] + middle, widths[2], "up"),
                _block(config, widths[2], widths[3], "up"),
            )
        )
        last: list[nn.Module]
        if config.stem == "space-to-depth":
            last = [
                *_at_quarter(config, widths[3] + fine, config.stem_channels),
                SubPixelConvolution(config.stem_channels, 1, FINE_SIDE, config.averaging),
            ]
        else:
            last = [
                _block(config, widths[3] + fine, widths[4], "up"),
                SubPixelConvolution(widths[4], 1, 2, config.averaging),
            ]
        self.from_fine = nn.ModuleList(last)

    def forward(self, quantised: Mapping[str, Tensor], recompute: bool = False) -> Tensor:
        """Volume ``(B, 1, D, H, W)``."""
        x = run_blocks(self.from_coarse, quantised["coarse"], recompute)
        x = torch.cat((x, quantised["middle"]), dim=1)
        x = run_blocks(self.from_middle, x, recompute)
        x = torch.cat((x, quantised["fine"]), dim=1)
        return run_blocks(self.from_fine, x, recompute)
