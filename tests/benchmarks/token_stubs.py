"""A token model without a network: its codes are drawn, its error is that of rounding."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

from benchmarks.curves import Figures
from benchmarks.peers import Array
from benchmarks.tokens import TokenCodec, TokenResult, Tokens

from .stubs import rounded

STAGES = (2, 3, 4)
LEVELS = ("fine", "middle", "coarse")


def stub_token_codec(name: str = "stub", nbytes: int = 60) -> TokenCodec:
    """A model whose file has ``nbytes`` a stage of the fine level, on a box of 64^3."""
    kept: dict[bytes, tuple[Array, float]] = {}

    def stages_at(quality: float) -> tuple[int, int, int]:
        return STAGES if quality == 9 else (1, 1, 1)

    def encode(values: Array, quality: float) -> bytes:
        size = nbytes * stages_at(quality)[0]
        data = struct.pack("<I", len(kept)) + bytes(size - 4)
        kept[data] = values, quality
        return data

    def decode(data: bytes) -> Array:
        values, quality = kept[data]
        return rounded(values, 16 if quality == 9 else 4)

    def tokens(data: bytes) -> Tokens:
        stages = stages_at(kept[data][1])
        random = np.random.default_rng(len(kept))
        foreground = np.zeros((64, 64, 64), bool)
        foreground[:32] = True
        grids = {
            level: random.integers(0, 256, (count, side, side, side)).astype(np.uint8)
            for level, count, side in zip(LEVELS, stages, (16, 4, 1), strict=True)
        }
        return Tokens(stages, {"fine": 40, "middle": 8, "coarse": 2}, foreground, grids)

    return TokenCodec(name, "0" * 64, STAGES, 256, encode, decode, tokens)


def evenly(used: int, stages: int = 2) -> Mapping[str, np.ndarray]:
    """Histograms with so many of the fine entries in use, equally often."""
    fine = np.zeros((stages, 256), np.int64)
    fine[:, :used] = 10
    others = np.full((1, 256), 2, np.int64)
    return {"fine": fine, "middle": others, "coarse": others}


def token_result(
    scan: str = "oasis_1",
    split: str = "test",
    quality: float = 9.0,
    nbytes: int = 50_000,
    decibel: float = 28.0,
    similarity: float = 0.992,
    histograms: Mapping[str, np.ndarray] | None = None,
) -> TokenResult:
    """A result that meets every requirement, unless told otherwise."""
    counts = {"fine": 200_000, "middle": 9_000, "coarse": 800}
    return TokenResult(
        scan=scan,
        group=scan.partition("_")[0],
        split=split,
        model="stub",
        quality=quality,
        voxels=5_000_000,
        stages=STAGES,
        nbytes=nbytes,
        codes=counts,
        written={level: count // 2 for level, count in counts.items()},
        coded={level: count // 4 for level, count in counts.items()},
        figures=Figures(decibel, decibel + 6, similarity, similarity + 0.004, 0.5),
        log_mmd=7.0,
        encode_seconds=2.0,
        decode_seconds=1.0,
        histograms=evenly(256) if histograms is None else histograms,
    )
