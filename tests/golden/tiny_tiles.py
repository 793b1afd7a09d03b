"""A tiny model for coder ``context-tiles-1``, made by rule like the one in ``tiny_model.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqcodec.registry import write_weights

from .tiny_model import (
    CONFIG,
    HIDDEN,
    MASK_INPUTS,
    ORIGIN,
    Array,
    bucket_table,
    codebooks,
    frequencies,
    network_tensors,
    symbol_tables,
)

MODEL_ID = "vector-tiny-tiles"
CONTEXT_INPUTS = 311
WITHOUT_OFFSETS = 2
RESTORATION = {
    "first.weight": (2, 12, 3, 3, 3),
    "first.bias": (2,),
    "second.weight": (2, 2, 3, 3, 3),
    "second.bias": (2,),
    "middle.0.weight": (2, 2, 3, 3, 3),
    "middle.0.bias": (2,),
    "middle.1.weight": (2, 2, 3, 3, 3),
    "middle.1.bias": (2,),
    "third.weight": (2, 2, 1, 1, 1),
    "third.bias": (2,),
    "last.weight": (8, 2, 1, 1, 1),
    "last.bias": (8,),
    "modulation.weight": (8, 3),
    "modulation.bias": (8,),
}


def wide_table() -> NDArray[np.uint8]:
    """Not zero where nothing adds up, not monotonic, and of all values up to the largest."""
    sums = np.arange(696)
    return np.where(sums % 7 == 3, 120 - sums // 6, 5 + sums // 6).astype(np.uint8)


def escape_tables(group: int) -> NDArray[np.uint32]:
    """Longer steps to zero from class to class."""
    return np.concatenate([bucket_table(1.0 + group / 2 + row / 16) for row in range(48)])


def offsets(rng: np.random.Generator) -> NDArray[np.float16]:
    """Up to a quarter of a step."""
    return (rng.integers(-16, 17, (624, 18)) / 64).astype(np.float16)


def restoration(rng: np.random.Generator) -> dict[str, Array]:
    """Corrections of a tenth of a step or so."""
    return {
        f"restoration/{name}": (rng.integers(-8, 9, shape) / 64).astype(np.float16)
        for name, shape in RESTORATION.items()
    }


def tiny_tiles_tensors() -> dict[str, Array]:
    """All tensors of VQZ.md, section 12.1."""
    rng = np.random.default_rng(20240815)
    magnitudes = np.arange(30)
    tensors: dict[str, Array] = {
        "codebooks": codebooks(rng),
        "maps/magnitude": np.minimum(48, 7 * np.log2(1 + magnitudes)).astype(np.int8),
        "maps/signed": np.minimum(48, 5 * magnitudes).astype(np.int8),
        "maps/wide": wide_table(),
        "low_pass/escapes": bucket_table(2.5),
    }
    for group, (hidden, hidden_2) in enumerate(HIDDEN):
        parts = network_tensors(rng, 56, CONTEXT_INPUTS, hidden, hidden_2, 2, 400_000)
        parts["last_bias"][:, 0] //= 8
        parts["symbols"] = symbol_tables()
        parts["escapes"] = escape_tables(group)
        if group != WITHOUT_OFFSETS:
            parts["offsets"] = offsets(rng)
        tensors |= {f"contexts/{group}/{name}": part for name, part in parts.items()}
    parts = network_tensors(rng, 21, MASK_INPUTS, 3, 3, 1, 200_000)
    parts["last_bias"] += 75_000
    logits = np.append((np.arange(64) + 0.5) / 4 - 8, (-10.0, 10.0))
    inside = np.tile(1 / (1 + np.exp(-logits)), 3)
    parts["tables"] = frequencies(np.stack((1 - inside, inside), axis=-1))
    return tensors | {f"mask/{name}": part for name, part in parts.items()} | restoration(rng)


def write_tiny_tiles(path: Path) -> None:
    write_weights(path, tiny_tiles_tensors(), CONFIG, model_id=MODEL_ID, family="wavelet", **ORIGIN)
