"""What fixes a network of the ``paper`` family, as plain numbers that go into a model file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from ...layout import LEVEL_NAMES
from ..quantiser_variants import FSQ_LEVELS
from .fixup import AUTHORS_DEPTH, Averaging

Stem = Literal["paper", "space-to-depth"]
QuantiserKind = Literal["ema", "gradient", "fsq"]

CHOICES = {
    "averaging": ("everywhere", "upsampling", "none"),
    "quantiser": ("ema", "gradient", "fsq"),
    "stem": ("paper", "space-to-depth"),
}
ENCODER_RESOLUTIONS = 7
DECODER_RESOLUTIONS = 5
LARGEST_CODEBOOK = 256


@dataclass(frozen=True)
class PaperConfig:
    """Configuration of a network; triples run fine (÷4), middle (÷16), coarse (÷64).

    Attributes
    ----------
    stages : tuple of int
        Codes per site: stages of the residual quantiser of each level.
    embeddings : tuple of int
        Length of a codebook entry of each level. Finer levels see a coarser one through two
        blocks that halve this length each, so those of middle and coarse are multiples of 4.
    encoder_channels : tuple of int
        Output channels at ÷1, ÷2, ..., ÷64.
    decoder_channels : tuple of int
        Output channels of the upsampling blocks to ÷32, ÷16, ÷8, ÷4, ÷2.
    codebook_size : int
        Entries K of every codebook, at most 256.
    quantiser : {"ema", "gradient", "fsq"}
        How codebooks are learned.
    decay, epsilon : float
        Of the moving averages of equation 5, and of their Laplace smoothing.
    stage_dropout : float
        Probability that a training step uses a random prefix of the stages.
    averaging : {"everywhere", "upsampling", "none"}
        See :mod:`vqcodec.models.paper.fixup`.
    cascade : bool
        A level is conditioned on what all coarser ones decode to, not on the next one alone:
        then a coarser level need not repeat what the ones above it have said.
    stem : {"paper", "space-to-depth"}
        ``"space-to-depth"`` replaces all blocks above ÷4 by blocks at ÷4 on 4x4x4 voxels
        moved into channels: the same taps and codes, several times faster on a CPU.
    stem_channels, stem_blocks : int
        Width and number of these blocks, on either side.
    fixup_depth : int
        Layers counted in the initialisation; the authors say 23.
    """

    stages: tuple[int, int, int] = (1, 1, 1)
    embeddings: tuple[int, int, int] = (2, 8, 32)
    encoder_channels: tuple[int, ...] = (4, 8, 16, 32, 64, 128, 256)
    decoder_channels: tuple[int, ...] = (128, 64, 32, 16, 8)
    codebook_size: int = LARGEST_CODEBOOK
    quantiser: QuantiserKind = "ema"
    decay: float = 0.99
    epsilon: float = 1e-5
    stage_dropout: float = 0.0
    averaging: Averaging = "everywhere"
    cascade: bool = False
    stem: Stem = "paper"
    stem_channels: int = 64
    stem_blocks: int = 2
    fixup_depth: int = AUTHORS_DEPTH

    def __post_init__(self) -> None:
        if len(self.stages) != len(LEVEL_NAMES) or len(self.embeddings) != len(LEVEL_NAMES):
            raise ValueError("stages and embeddings need three values: fine, middle, coarse")
        if len(self.encoder_channels) != ENCODER_RESOLUTIONS:
            raise ValueError(f"encoder_channels needs {ENCODER_RESOLUTIONS} values")
        if len(self.decoder_channels) != DECODER_RESOLUTIONS:
            raise ValueError(f"decoder_channels needs {DECODER_RESOLUTIONS} values")
        counts = (*self.stages, *self.embeddings, *self.encoder_channels, *self.decoder_channels)
        if min(*counts, self.stem_channels, self.stem_blocks, self.fixup_depth) < 1:
            raise ValueError("stages, embeddings, channels, blocks and depth are at least 1")
        if any(length % 4 for length in self.embeddings[1:]):
            raise ValueError("the embeddings of middle and coarse must be multiples of 4")
        if not 2 <= self.codebook_size <= LARGEST_CODEBOOK:
            raise ValueError(f"codebook_size must be from 2 to {LARGEST_CODEBOOK}")
        if not 0.0 <= self.stage_dropout <= 1.0:
            raise ValueError("stage_dropout is a probability")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}")
        if self.quantiser == "fsq" and self.codebook_size != math.prod(FSQ_LEVELS):
            raise ValueError(f"fsq codebooks have {math.prod(FSQ_LEVELS)} entries")

    def to_json(self) -> dict[str, Any]:
        """Return a dictionary of JSON values (tuples become lists)."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def config_from_json(values: Mapping[str, Any]) -> PaperConfig:
    """Inverse of :meth:`PaperConfig.to_json`; what is missing takes its default.

    Raises
    ------
    ValueError
        An unknown name, or a value that makes no network.
    """
    known = {field.name for field in fields(PaperConfig)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown settings of the paper family: {', '.join(unknown)}")
    arguments: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    try:
        return PaperConfig(**arguments)
    except TypeError as error:
        raise ValueError(f"settings of the paper family: {error}") from error


def stage_prefix(config: PaperConfig, fraction: float) -> tuple[int, int, int]:
    """Stages of the lower-rate codec that uses a fraction of every level's stages.

    Parameters
    ----------
    fraction : float
        Above 0, at most 1; every level keeps at least one stage.
    """
    fine, middle, coarse = (max(1, min(s, round(s * fraction))) for s in config.stages)
    return fine, middle, coarse


AUTHORS_CONFIG = PaperConfig()
"""One code a site, as in the authors' code: 149 796 codes at 192x256x192."""

ARITHMETIC_CONFIG = PaperConfig(
    stages=(2, 8, 32), embeddings=(32, 64, 128), stage_dropout=0.5, averaging="upsampling"
)
"""The paper's arithmetic on the paper's widths: 314 496 codes at 192x256x192.

An entry is as long as what flows into its bottleneck allows: the fine level sees 16 channels
of the encoder and 64 / 4 of the middle level, so 32 lose nothing and the codes are the only
bottleneck; middle sees 64 + 32, coarse 256. 13.6 M parameters.
"""

COMPACT_CONFIG = PaperConfig(
    stages=(2, 8, 32),
    embeddings=(32, 64, 64),
    encoder_channels=(4, 8, 32, 32, 64, 64, 64),
    decoder_channels=(48, 48, 32, 32, 8),
    stage_dropout=0.25,
    averaging="none",
    cascade=True,
    stem="space-to-depth",
    stem_channels=48,
)
"""The paper's arithmetic within 12 MB of half-precision weights, and quick on a CPU.

Three quarters of the paper's weights serve ÷32 and ÷64, that is 36 of 147 456 sites; here the
width goes to ÷4, where the bytes are.
"""
