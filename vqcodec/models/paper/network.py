"""The hierarchical VQ-VAE of Tudosiu et al. 2020: volumes to three grids of codes and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import FormatError
from ...layout import LEVEL_NAMES
from ..quantiser import Codebook, EmaCodebook
from ..quantiser_variants import FsqCodebook, GradientCodebook
from ..residual_quantiser import QuantiserOutput, ResidualQuantiser, draw_stages
from .config import PaperConfig
from .padding import crop, pad, padding_of
from .paths import Conditioning, Decoder, Encoder

FAMILY_ID = "paper"
COARSE_TO_FINE = LEVEL_NAMES[::-1]


@dataclass(frozen=True)
class CodeStatistics:
    """How well a batch uses the codebooks of a level; one value per stage in use.

    Attributes
    ----------
    perplexity_S : Tensor
        Exponential of the entropy of the codes.
    usage_S : Tensor
        Share of the entries in use.
    """

    perplexity_S: Tensor
    usage_S: Tensor


@dataclass(frozen=True)
class PaperOutput:
    """What a forward pass returns; dictionaries are keyed by level, coarse first.

    Attributes
    ----------
    reconstruction_B1DHW : Tensor
        Of the shape of the input.
    codes : dict of Tensor
        ``(B, S, D, H, W)``, uint8, on the padded frame.
    commitment, codebook_loss : dict of Tensor
        Scalars: the terms of equation 4 (see
        :class:`~vqcodec.models.residual_quantiser.QuantiserOutput`).
    statistics : dict of CodeStatistics
    """

    reconstruction_B1DHW: Tensor
    codes: dict[str, Tensor]
    commitment: dict[str, Tensor]
    codebook_loss: dict[str, Tensor]
    statistics: dict[str, CodeStatistics]

    def latent_loss(self, commitment_weight: float) -> Tensor:
        """Equation 4, summed over the levels."""
        terms = [
            self.codebook_loss[level] + commitment_weight * self.commitment[level]
            for level in self.commitment
        ]
        return torch.stack(terms).sum()


class PaperNetwork(nn.Module):
    """Encoder, three residual quantisers, each conditioned on the coarser one, and decoder.

    Parameters
    ----------
    config : PaperConfig
    recompute : bool
        Gradient checkpointing: activations inside blocks are computed again in the backward
        pass, which makes room for full-resolution volumes.

    Notes
    -----
    Seed torch before construction for the same weights again. Under autocast the networks
    run in half precision and the quantisers in float32.
    """

    def __init__(self, config: PaperConfig, recompute: bool = False) -> None:
        super().__init__()
        self.config = config
        self.recompute = recompute
        self.encoder = Encoder(config)
        self.conditioning = nn.ModuleDict(
            {name: Conditioning(config, level) for level, name in enumerate(LEVEL_NAMES)}
        )
        self.quantisers = nn.ModuleDict(
            {name: _quantiser(config, level) for level, name in enumerate(LEVEL_NAMES)}
        )
        self.decoder = Decoder(config)

    def forward(self, x_B1DHW: Tensor, stages: Sequence[int] | None = None) -> PaperOutput:
        """Compress and restore; in training mode codebooks learn and stages drop out.

        Parameters
        ----------
        x_B1DHW : Tensor
            Volumes scaled to about [0, 1], of any shape.
        stages : sequence of int, optional
            Stages to use of fine, middle, coarse, instead of all (or a draw, in training).
        """
        padding = padding_of(x_B1DHW.shape[2:])
        if stages is None and self.training and self.config.stage_dropout > 0:
            stages = draw_stages(self.config.stages, self.config.stage_dropout)
        features = self.encoder(pad(x_B1DHW, padding), self.recompute)
        outputs: dict[str, QuantiserOutput] = {}
        coarser = seen = None
        for name, count in self._counts(stages):
            condition = self.condition_of(name)
            seen = condition.look_up(coarser, seen, self.recompute)
            latents = condition(features[name], seen, self.recompute)
            outputs[name] = self.quantisers[name](latents, count)
            coarser = outputs[name].quantised_BCDHW
        quantised = {name: output.quantised_BCDHW for name, output in outputs.items()}
        volume = self.decoder(quantised, self.recompute)
        return PaperOutput(
            crop(volume, padding),
            {name: output.codes_BSDHW for name, output in outputs.items()},
            {name: output.commitment for name, output in outputs.items()},
            {name: output.codebook_loss for name, output in outputs.items()},
            {
                name: CodeStatistics(output.perplexity_S, output.usage_S)
                for name, output in outputs.items()
            },
        )

    @torch.no_grad()
    def encode(self, x_B1DHW: Tensor, stages: Sequence[int] | None = None) -> dict[str, Tensor]:
        """Codes ``(B, S, D, H, W)``, uint8, of each level, coarse first; nothing is learned.

        Parameters
        ----------
        x_B1DHW : Tensor
            Volumes scaled to about [0, 1], of any shape; edges are repeated to fill whole
            coarse sites, see :func:`~vqcodec.models.paper.padding.padding_of`.
        stages : sequence of int, optional
            Stages to use of fine, middle, coarse. Finer levels take the coarser ones' prefix
            into account, so fewer stages are not the same as cutting codes off afterwards.
        """
        padding = padding_of(x_B1DHW.shape[2:])
        features = self.encoder(pad(x_B1DHW, padding))
        codes: dict[str, Tensor] = {}
        coarser = seen = None
        for name, count in self._counts(stages):
            quantiser, condition = self.quantiser_of(name), self.condition_of(name)
            seen = condition.look_up(coarser, seen)
            latents = condition(features[name], seen)
            codes[name] = quantiser.encode(latents, count)
            coarser = quantiser.decode(codes[name])
        return codes

    @torch.no_grad()
    def decode(self, codes: Mapping[str, Tensor], shape: Sequence[int] | None = None) -> Tensor:
        """Volume ``(B, 1, D, H, W)`` of codes; any prefix of the stages will do.

        Parameters
        ----------
        codes : mapping of Tensor
            ``(B, S, D, H, W)``, uint8, of each level.
        shape : sequence of int, optional
            Shape of the volume that was encoded; without it the padded frame is returned.

        Raises
        ------
        FormatError
            Codes that are not uint8, lack a level, do not fit the shape or each other, or
            are beyond their codebook.
        """
        if shape is None:
            coarse = codes.get("coarse")
            shape = [] if coarse is None else [64 * side for side in coarse.shape[2:]]
        self._check(codes, shape)
        quantised = {name: self.quantiser_of(name).decode(codes[name]) for name in COARSE_TO_FINE}
        volume: Tensor = self.decoder(quantised)
        return crop(volume, padding_of(shape))

    def _check(self, codes: Mapping[str, Tensor], shape: Sequence[int]) -> None:
        for name in COARSE_TO_FINE:
            if name not in codes:
                raise FormatError(f"there are no codes of level {name!r}")
            if codes[name].dtype != torch.uint8 or codes[name].dim() != 5:
                raise FormatError(f"codes of level {name!r} are not uint8 of five axes")
        padding = padding_of(shape)
        for name in COARSE_TO_FINE:
            found = (codes[name].shape[0], *codes[name].shape[2:])
            if found != (codes["coarse"].shape[0], *padding.grid(name)):
                raise FormatError(f"codes of level {name!r} have the wrong shape: {found}")

    def _counts(self, stages: Sequence[int] | None) -> list[tuple[str, int | None]]:
        counts = [None] * len(LEVEL_NAMES) if stages is None else list(stages)
        return list(zip(COARSE_TO_FINE, counts[::-1], strict=True))

    def condition_of(self, name: str) -> Conditioning:
        """The layers that condition a level, by its name."""
        condition = self.conditioning[name]
        if not isinstance(condition, Conditioning):
            raise TypeError(f"no conditioning of level {name!r}")
        return condition

    def quantiser_of(self, name: str) -> ResidualQuantiser:
        """The quantiser of a level, by its name."""
        quantiser = self.quantisers[name]
        if not isinstance(quantiser, ResidualQuantiser):
            raise TypeError(f"no quantiser of level {name!r}")
        return quantiser


def _quantiser(config: PaperConfig, level: int) -> ResidualQuantiser:
    return ResidualQuantiser(
        [_codebook(config, config.embeddings[level]) for _ in range(config.stages[level])]
    )


def _codebook(config: PaperConfig, dimension: int) -> Codebook:
    if config.quantiser == "gradient":
        return GradientCodebook(config.codebook_size, dimension)
    if config.quantiser == "fsq":
        return FsqCodebook(dimension)
    return EmaCodebook(config.codebook_size, dimension, config.decay, config.epsilon)
