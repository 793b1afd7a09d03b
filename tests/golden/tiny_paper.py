"""A tiny model of family ``paper``, made by rule: block means, slopes, a little of all else."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from vqcodec.models.paper import PaperConfig, PaperNetwork
from vqcodec.registry import write_weights

from .tiny_codes import Widths, code_tensors, mask_tensors, powers
from .tiny_model import ORIGIN

Array = NDArray[np.generic]

MODEL_ID = "vector-tiny-paper"
CONFIG = PaperConfig(
    stages=(2, 2, 3),
    embeddings=(2, 4, 4),
    encoder_channels=(1, 2, 2, 2, 2, 2, 2),
    decoder_channels=(1, 1, 1, 2, 2),
    codebook_size=16,
    averaging="none",
    cascade=True,
)
FIRST, BEHIND = slice(1, 2), slice(1, 3)


WIDTHS = {"fine": Widths(2, 2, 5, 4), "middle": Widths(2, 1, 4, 3), "coarse": Widths(1, 3, 2, 3)}


def generator(name: str) -> np.random.Generator:
    return np.random.default_rng([20261122, crc32(name.encode())])


def noise(name: str, shape: tuple[int, ...]) -> NDArray[np.float16]:
    """Multiples of 1/1024, exact in half precision."""
    numbers = generator(name).integers(-8, 9, shape) if len(shape) > 1 else np.zeros(shape)
    return (numbers / 1024).astype(np.float16)


def network_tensors() -> dict[str, Array]:
    """Every block keeps what it gets; some add or take off 1 to stay where they are linear."""
    tensors = {
        name: noise(name, tuple(parameter.shape))
        for name, parameter in PaperNetwork(CONFIG).named_parameters()
    }
    for name, tensor in tensors.items():
        if name.endswith("scale"):
            tensor += 1
    keep(tensors["encoder.to_fine.0.skip.weight"], (FIRST,) * 3, 1.0)
    for name, skip in tensors.items():
        if name.startswith("encoder") and name.endswith("skip.weight") and ".to_fine.0" not in name:
            keep(skip, (BEHIND,) * 3, 0.125)
    slope = tensors["encoder.to_fine.2.skip.weight"]
    slope[1, 0, BEHIND, BEHIND, 1], slope[1, 0, BEHIND, BEHIND, 2] = -0.125, 0.125
    slope[1, 1] = 0
    tensors["encoder.to_fine.2.bias_2b"][:] = 1
    for level in ("fine", "middle", "coarse"):
        keep(tensors[f"conditioning.{level}.bottleneck.skip.weight"], (FIRST,) * 3, 1.0)
    up = tensors["decoder.from_fine.0.skip.weight"]
    up[2, 0, BEHIND, BEHIND, BEHIND] = 1
    up[3, 0, BEHIND, BEHIND, 1], up[3, 0, BEHIND, BEHIND, 2] = -0.5, 0.5
    tensors["decoder.from_fine.0.bias_1a"][:] = -1
    tensors["decoder.from_fine.0.bias_2b"][:] = 1
    tensors["decoder.from_fine.1.shift"][:] = -1
    tensors["decoder.from_fine.1.convolution.weight"][:, 0, 1, 1, 1] = 1
    return dict(tensors)


def keep(skip: Array, taps: tuple[slice, ...], weight: float) -> None:
    """Pass the first channels on, each to its own."""
    for channel in range(min(skip.shape[:2])):
        place = (channel, channel, *taps)
        skip[place] = weight


def codebooks(level: str, stages: int, dimension: int) -> list[NDArray[np.float16]]:
    """Around 1 in the first stage, around 0 and finer in the others."""
    if level == "fine":
        means, slopes = np.arange(16) / 14, np.repeat(np.arange(4) - 1.5, 4) / 8
        first = np.stack((1 + means, np.ones(16)), axis=1)
        second = np.stack((np.tile(np.arange(4) - 1.5, 4) / 56, slopes), axis=1)
        return [first.astype(np.float16), second.astype(np.float16)]
    rng = generator(level)
    found = [rng.integers(-20, 50, (16, dimension)) / 50 / 4**stage for stage in range(stages)]
    found[0] += 1
    return [entries.astype(np.float16) for entries in found]


def tiny_paper_tensors() -> dict[str, Array]:
    """All tensors of VQZ.md, section 14.8, and those of the network."""
    tensors = network_tensors() | mask_tensors() | {"codes/powers": powers()}
    levels = zip(("fine", "middle", "coarse"), CONFIG.stages, CONFIG.embeddings, strict=True)
    for level, stages, dimension in levels:
        entries: list[Array] = [*codebooks(level, stages, dimension)]
        for stage, each in enumerate(entries):
            tensors[f"quantisers.{level}.codebooks.{stage}.entries"] = each
        rng = generator(f"codes {level}")
        tensors |= code_tensors(level, entries, WIDTHS[level], rng)
    return tensors


def write_tiny_paper(path: Path) -> None:
    tensors = tiny_paper_tensors()
    write_weights(path, tensors, CONFIG.to_json(), model_id=MODEL_ID, family="paper", **ORIGIN)
