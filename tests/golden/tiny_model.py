"""A tiny model of the default family, made by rule: it codes badly, and every path of the coder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqcodec.registry import write_weights

Array = NDArray[np.generic]

MODEL_ID = "vector-tiny"
CONFIG = {"grid_levels": 3}
ORIGIN = {"license": "CC0-1.0", "training_data": "none: the weights are made by rule"}
HIDDEN = ((3, 3), (2, 3), (3, 2), (2, 2))
CONTEXT_INPUTS, MASK_INPUTS = 283, 125
PLACES = np.array([0.0, 0.02, 0.045, 0.08, 0.13, 0.2, 0.32, 0.5, 0.72, 1.02, 1.45, 2.1, 0.0])
TOTAL = 1 << 24


def frequencies(mass: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Rows of integers that sum to 2**24, none below 16."""
    share = mass / mass.sum(axis=-1, keepdims=True)
    counts = 16 + np.floor(share * (TOTAL - 16 * mass.shape[-1])).astype(np.int64)
    rows = np.arange(len(counts))
    counts[rows, counts.argmax(axis=-1)] += TOTAL - counts.sum(axis=-1)
    return counts.astype(np.uint32)


def symbol_tables() -> NDArray[np.uint32]:
    """Two-sided geometric tables around each location, wider from class to class."""
    scales = 2.0 ** ((np.arange(48) + 0.5) / 4 - 5.5)
    distance = np.abs(np.arange(-8, 9) - PLACES[:, None]) / scales[:, None, None]
    inside = np.exp2(-np.minimum(distance, 60.0))
    escape = inside[..., :1] + inside[..., 16:] + 1e-4
    return frequencies(np.concatenate((inside, escape), axis=-1).reshape(624, 18))


def bucket_table(halving: float) -> NDArray[np.uint32]:
    return frequencies(np.exp2(-np.arange(24) / halving)[None])


def network_tensors(
    rng: np.random.Generator,
    networks: int,
    inputs: int,
    hidden: int,
    hidden_2: int,
    outputs: int,
    bias: int,
) -> dict[str, Array]:
    """Small random weights, most of them zero; the last output grows with what the inputs hold."""
    first = rng.integers(-15, 16, (networks, inputs, hidden), dtype=np.int8)
    first[:, :, 0] = np.abs(first[:, :, 0])
    first[rng.random(first.shape) < 0.75] = 0
    second = rng.integers(-500, 1200, (networks, hidden, hidden_2), dtype=np.int32)
    last = rng.integers(-700, 701, (networks, hidden_2, outputs), dtype=np.int32)
    last[..., -1] = np.abs(last[..., -1])
    return {
        "first": first,
        "first_shift": rng.integers(2, 5, networks, dtype=np.int16),
        "second": second,
        "second_bias": rng.integers(-20000, 20000, (networks, hidden_2), dtype=np.int32),
        "last": last,
        "last_bias": rng.integers(-bias, bias // 4, (networks, outputs), dtype=np.int32),
    }


def codebooks(rng: np.random.Generator) -> NDArray[np.float32]:
    """Multiples of the step, a little towards zero."""
    entries = np.arange(-128, 128)
    shrink = rng.integers(0, 20, (6, 256)) / 100 * np.sign(entries)
    return (entries - shrink).astype(np.float32)


def tiny_tensors() -> dict[str, Array]:
    """All tensors of VQZ.md, section 12.1."""
    rng = np.random.default_rng(20240501)
    magnitudes = np.arange(40)
    tensors: dict[str, Array] = {
        "codebooks": codebooks(rng),
        "maps/magnitude": np.minimum(48, 9 * np.log2(1 + magnitudes)).astype(np.int8),
        "maps/signed": np.minimum(48, 7 * magnitudes).astype(np.int8),
        "low_pass/escapes": bucket_table(3.0),
    }
    for group, (hidden, hidden_2) in enumerate(HIDDEN):
        parts = network_tensors(rng, 56, CONTEXT_INPUTS, hidden, hidden_2, 2, 360_000)
        parts["last_bias"][:, 0] //= 8
        parts["symbols"] = symbol_tables()
        parts["escapes"] = bucket_table(1.0 + group)
        tensors |= {f"contexts/{group}/{name}": part for name, part in parts.items()}
    parts = network_tensors(rng, 21, MASK_INPUTS, 3, 3, 1, 200_000)
    parts["last_bias"] += 75_000
    logits = np.append((np.arange(64) + 0.5) / 4 - 8, (-11.0, 11.0))
    inside = np.tile(1 / (1 + np.exp(-logits)), 3)
    parts["tables"] = frequencies(np.stack((1 - inside, inside), axis=-1))
    return tensors | {f"mask/{name}": part for name, part in parts.items()}


def write_tiny_model(path: Path) -> None:
    write_weights(path, tiny_tensors(), CONFIG, model_id=MODEL_ID, family="wavelet", **ORIGIN)
