"""The network family ``paper``: the hierarchical VQ-VAE of Tudosiu et al. 2020."""

from .config import (
    ARITHMETIC_CONFIG,
    AUTHORS_CONFIG,
    COMPACT_CONFIG,
    PaperConfig,
    config_from_json,
    stage_prefix,
)
from .network import FAMILY_ID, CodeStatistics, PaperNetwork, PaperOutput
from .padding import Padding, padding_of

__all__ = [
    "ARITHMETIC_CONFIG",
    "AUTHORS_CONFIG",
    "COMPACT_CONFIG",
    "FAMILY_ID",
    "CodeStatistics",
    "Padding",
    "PaperConfig",
    "PaperNetwork",
    "PaperOutput",
    "config_from_json",
    "padding_of",
    "stage_prefix",
]
