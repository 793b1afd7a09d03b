"""Tiny models for coders ``context-tiles-2`` and ``-3``.

That with holes, with tables of two quantisers; and the same with states of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqcodec.entropy.trellis import EIGHT_STATES
from vqcodec.registry import write_weights

from .tiny_holes import tiny_holes_tensors
from .tiny_model import CONFIG, ORIGIN, Array, frequencies, symbol_tables
from .tiny_tiles import WITHOUT_OFFSETS

MODEL_ID = "vector-tiny-trellis"
EIGHT_ID = "vector-tiny-eight"


def two_quantisers() -> NDArray[np.uint32]:
    """The tables of one quantiser, and flatter ones for the other."""
    first = symbol_tables()
    second = frequencies(first / first.sum(axis=1, keepdims=True) + 0.02)
    return np.concatenate((first, second))


def tiny_trellis_tensors() -> dict[str, Array]:
    """All tensors of VQZ.md, section 12.1."""
    rng = np.random.default_rng(20261129)
    tensors = tiny_holes_tensors()
    magnitudes = np.arange(61)
    tensors["maps/magnitude"] = np.minimum(48, 6 * np.log2(1 + magnitudes)).astype(np.int8)
    tensors["maps/signed"] = np.minimum(48, 3 * magnitudes).astype(np.int8)
    for group in range(4):
        tensors[f"contexts/{group}/symbols"] = two_quantisers()
        if group != WITHOUT_OFFSETS:
            steps = rng.integers(-32, 33, (1248, 18)) / 64
            tensors[f"contexts/{group}/offsets"] = steps.astype(np.float16)
    return tensors


def write_tiny_trellis(path: Path) -> None:
    tensors = tiny_trellis_tensors()
    write_weights(path, tensors, CONFIG, model_id=MODEL_ID, family="wavelet", **ORIGIN)


def tiny_eight_states_tensors() -> dict[str, Array]:
    """The same with eight states."""
    states = np.array(EIGHT_STATES.next_states, np.uint8)
    return {**tiny_trellis_tensors(), "trellis/next_states": states}


def write_tiny_eight(path: Path) -> None:
    tensors = tiny_eight_states_tensors()
    write_weights(path, tensors, CONFIG, model_id=EIGHT_ID, family="wavelet", **ORIGIN)
