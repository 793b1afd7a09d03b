"""Draws that come while a training runs, and how its learning rate follows the clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

#: Draws to wait for before the first step.
FIRST_DRAWS = 12
REPORT_SECONDS = 20.0
WARM_UP = 0.03
LEAST_RATE = 0.01


def rate_factor(share: float) -> float:
    """Learning rate, as a share of the largest, after a share of the time."""
    if share < WARM_UP:
        return share / WARM_UP
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, (share - WARM_UP) / (1 - WARM_UP))))
    return LEAST_RATE + (1 - LEAST_RATE) * cosine


def new_files(folder: Path, pattern: str, taken: set[str]) -> Iterator[Path]:
    """Files that have come since the last call."""
    for path in sorted(folder.glob(pattern)):
        if path.name not in taken and not path.name.endswith(".part.npz"):
            taken.add(path.name)
            yield path
