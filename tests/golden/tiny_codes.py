"""Integers of an entropy model of codes, small and random: VQZ.md, sections 14.5 and 14.8."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .tiny_model import tiny_tensors

Array = NDArray[np.generic]


class Widths(NamedTuple):
    """Elements of a vector (R), of what later stages read (P), and of the hidden layers."""

    vector: int
    own: int
    hidden: int
    hidden_2: int


def code_tensors(
    level: str, entries: list[Array], widths: Widths, rng: np.random.Generator
) -> dict[str, Array]:
    """Small random integers ``codes/<level>/...`` for any codebooks."""
    size, dimension = entries[0].shape
    inputs = 27 * (level != "coarse") + 26 * widths.vector + widths.own + 27 + 9
    parents = 0 if level == "fine" else dimension + 1
    tensors: dict[str, Array] = {
        "offset": np.rint(64 * sum(each.mean(axis=0) for each in entries)).astype(np.int16),
        "vector": rng.integers(-60, 61, (dimension, widths.vector), dtype=np.int8),
        "own": rng.integers(-60, 61, (dimension, widths.own), dtype=np.int8),
        "children": rng.integers(-40, 41, (parents, 64), dtype=np.int8),
        "shifts": rng.integers(3, 7, 2, dtype=np.uint8),
    }
    for stage in range(len(entries)):
        first = rng.integers(-15, 16, (inputs, widths.hidden), dtype=np.int8)
        first[rng.random(first.shape) < 0.6] = 0
        parts: dict[str, Array] = {
            "first": first,
            "first_shift": rng.integers(2, 5, (1,) * (stage % 2), dtype=np.int16),
            "second": rng.integers(-500, 1200, (widths.hidden, widths.hidden_2), dtype=np.int16),
            "second_bias": rng.integers(-9000, 20000, widths.hidden_2, dtype=np.int16),
            "last": rng.integers(-400, 401, (widths.hidden_2, size), dtype=np.int16),
            "last_bias": rng.integers(-200_000, 200_000, size, dtype=np.int32),
        }
        tensors |= {f"{stage}/{part}": array for part, array in parts.items()}
    return {f"codes/{level}/{name}": np.asarray(array) for name, array in tensors.items()}


def powers() -> NDArray[np.uint32]:
    return np.rint(2.0 ** (30 - np.arange(256) / 256)).astype(np.uint32)


def mask_tensors() -> dict[str, Array]:
    return {name: part for name, part in tiny_tensors().items() if name.startswith("mask/")}
