"""Section 11.10 of the specification: integer networks."""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType

import numpy as np

Tensors = dict[str, np.ndarray]


def outputs(
    tensors: Tensors, prefix: str, network: int | EllipsisType, inputs: np.ndarray
) -> np.ndarray:
    """Outputs ``(positions, outputs)`` for inputs ``(positions, columns)``, all int64.

    ``network`` is ``...`` where the tensors hold one network only, without a first axis.
    """
    first, shift, second, second_bias, last, last_bias = (
        tensors[f"{prefix}/{part}"][network]
        for part in ("first", "first_shift", "second", "second_bias", "last", "last_bias")
    )
    hidden = np.clip((inputs @ first) >> shift, 0, 4095)
    hidden = np.clip((hidden @ second + second_bias) >> 10, 0, 4095)
    return hidden @ last + last_bias


def around(padded: np.ndarray, border: int, positions: np.ndarray, offset: tuple) -> np.ndarray:
    """Values at ``positions + offset`` of an array that has been given a border."""
    z, y, x = (positions + np.array(offset) + border).T
    return padded[z, y, x]


def all_around(
    padded: np.ndarray, border: int, positions: np.ndarray, offsets: Sequence[tuple]
) -> np.ndarray:
    """The same for several offsets, ``(positions, offsets)``."""
    z, y, x = (positions[:, None] + np.array(offsets) + border).transpose(2, 0, 1)
    return padded[z, y, x]
