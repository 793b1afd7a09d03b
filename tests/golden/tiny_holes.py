"""A tiny model that knows holes: that of coder ``context-tiles-1`` with networks by rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vqcodec.registry import write_weights

from .tiny_model import CONFIG, ORIGIN, Array, frequencies, network_tensors
from .tiny_tiles import tiny_tiles_tensors

MODEL_ID = "vector-tiny-holes"
HOLE_INPUTS = 83


def tiny_holes_tensors() -> dict[str, Array]:
    """All tensors of VQZ.md, section 12.1, the optional ones included."""
    rng = np.random.default_rng(20261128)
    parts = network_tensors(rng, 8, HOLE_INPUTS, 3, 3, 1, 400_000)
    logits = np.append((np.arange(64) + 0.5) / 4 - 8, -9.0)
    holes = 1 / (1 + np.exp(-logits))
    parts["tables"] = frequencies(np.stack((1 - holes, holes), axis=-1))
    return tiny_tiles_tensors() | {f"holes/{name}": part for name, part in parts.items()}


def write_tiny_holes(path: Path) -> None:
    write_weights(path, tiny_holes_tensors(), CONFIG, model_id=MODEL_ID, family="wavelet", **ORIGIN)
