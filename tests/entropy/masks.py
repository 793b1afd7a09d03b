"""Masks of many kinds."""

from __future__ import annotations

import numpy as np


def mask_of(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """Noise, boxes, a ball, one voxel, or all the same, as the seed says."""
    rng = np.random.default_rng(seed)
    kind = seed % 6
    if kind == 0:
        return rng.random(shape) < rng.random()
    mask = np.zeros(shape, bool)
    if kind == 1:
        for _ in range(4):
            corners = [sorted(rng.integers(0, n + 1, 2)) for n in shape]
            mask[tuple(slice(*corner) for corner in corners)] ^= True
    elif kind == 2:
        z, y, x = (
            np.linspace(-1, 1, n).reshape(np.roll([n, 1, 1], a)) for a, n in enumerate(shape)
        )
        mask |= z**2 + y**2 + x**2 < rng.random() * 2
    elif kind == 3:
        mask[tuple(rng.integers(n) for n in shape)] = True
    elif kind == 4:
        mask[:] = True
    return mask
