"""Small heads and what became of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqcodec.report import Side

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def head(shape: tuple[int, ...] = (40, 44, 22), seed: int = 3) -> NDArray[np.float32]:
    """A stripped ball with texture in a background of zero."""
    sides = [np.linspace(-1, 1, n) for n in shape[:3]]
    radius = np.sqrt(sum(x**2 for x in np.meshgrid(*sides, indexing="ij")))
    texture = np.random.default_rng(seed).normal(0, 30, shape[:3])
    values = np.where(radius < 0.8, 600 + 300 * np.cos(4 * radius) + texture, 0)
    return values.astype(np.float32)


def side(values: NDArray[Any], affine: NDArray[np.float64] | None = AFFINE) -> Side:
    return Side(values, affine)


def noisy(values: NDArray[Any], size: float = 10) -> NDArray[np.float32]:
    """The same, with errors in the foreground."""
    error = np.random.default_rng(5).normal(0, size, values.shape)
    return np.where(values != 0, values + error, 0).astype(np.float32)
