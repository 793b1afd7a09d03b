"""Finding the quantiser step that fills a byte budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .errors import LimitExceededError
from .formats.container import Container
from .header import STEP_INDEX_RANGE

STEPS_PER_OCTAVE = 64
FIRST_QUALITY_OCTAVE = 1.5
OCTAVES_PER_QUALITY = 0.7
FALLBACK_QUALITY = 5.0
LEAST_DEFAULT_BYTES = 4096
FIGURES_RESERVE = 240
BITS_PER_SIGNIFICANT = 6.0
TOLERANCE = 0.008
MOST_ATTEMPTS = 8


@dataclass(frozen=True)
class Budget:
    """What the encoder aims at: a fixed quality, or a number of bytes.

    ``is_default`` marks a budget nobody asked for, which may be missed where it is absurd.
    """

    quality: float | None = None
    nbytes: int | None = None
    is_default: bool = False


@dataclass(frozen=True)
class Attempt:
    """A whole file at one step, without figures; ``nbytes`` is its size."""

    container: Container
    nbytes: int


def budget_of(
    quality: float | None,
    ratio: float | None,
    target_bytes: int | None,
    default_ratio: float,
    voxels: int,
) -> Budget:
    """Budget of one ``encode`` call.

    Raises
    ------
    ValueError
        More than one aim, or one out of range.
    """
    if sum(aim is not None for aim in (quality, ratio, target_bytes)) > 1:
        raise ValueError("quality, ratio and target_bytes exclude each other")
    if quality is not None:
        step_index_of_quality(quality)
        return Budget(quality=quality)
    if target_bytes is not None:
        if target_bytes < 1:
            raise ValueError(f"target_bytes {target_bytes} is not a positive number")
        return Budget(nbytes=int(target_bytes))
    if ratio is not None:
        if not 0 < ratio <= 100:
            raise ValueError(f"ratio {ratio} is not a percentage above 0")
        return Budget(nbytes=int(4 * voxels * ratio / 100))
    least = int(4 * voxels * default_ratio / 100)
    return Budget(nbytes=max(least, LEAST_DEFAULT_BYTES), is_default=True)


def step_index_of_quality(quality: float) -> int:
    """Step index of a quality: 0.7 octaves a level, ``2**-1.5`` of the range at 1.

    Raises
    ------
    ValueError
        If the quality is out of range.
    """
    low, high = STEP_INDEX_RANGE
    if not math.isfinite(quality) or not -5 <= quality <= 20:
        raise ValueError(f"quality {quality} is not a number from 1 to 9 or a little beyond")
    octaves = FIRST_QUALITY_OCTAVE + OCTAVES_PER_QUALITY * (quality - 1)
    return min(max(round(STEPS_PER_OCTAVE * octaves), low), high)


def search_step(
    attempt: Callable[[int], Attempt], significant: Callable[[float], int], budget: Budget
) -> Attempt:
    """The finest step whose file fits a budget, within 1.5 % of it.

    Parameters
    ----------
    attempt : callable
        Codes the volume at a step index.
    significant : callable
        Number of coefficients above 0.6 of a step: the rate is nearly proportional to it.

    Raises
    ------
    LimitExceededError
        If no file is that small.
    """
    if budget.quality is not None or budget.nbytes is None:
        return attempt(step_index_of_quality(budget.quality or FALLBACK_QUALITY))
    limit = budget.nbytes - FIGURES_RESERVE
    low, high = STEP_INDEX_RANGE
    low, high = low - 1, high + 1
    best: Attempt | None = None
    smallest = math.inf
    index = _index_for(significant, 8 * max(limit, 1) / BITS_PER_SIGNIFICANT)
    for _ in range(MOST_ATTEMPTS):
        tried = attempt(index)
        size = tried.nbytes
        smallest = min(smallest, size)
        if size <= limit:
            best, low = tried, index
            if size >= (1 - TOLERANCE) * limit:
                break
        else:
            high = index
        count = significant(_step(index))
        wanted = count * (limit * (1 - TOLERANCE / 3)) / size
        index = min(max(_index_for(significant, wanted, near=index), low + 1), high - 1)
        if index <= low or high - low <= 1:
            break
    if best is not None:
        return best
    if budget.is_default:
        return attempt(step_index_of_quality(FALLBACK_QUALITY))
    coarsest = attempt(STEP_INDEX_RANGE[0])
    if coarsest.nbytes <= limit:
        return coarsest
    smallest = int(min(smallest, coarsest.nbytes)) + FIGURES_RESERVE
    raise LimitExceededError(
        f"cannot be compressed to {budget.nbytes} bytes: the smallest file is {smallest} bytes"
    )


def _step(index: int) -> float:
    return float(2.0 ** (-index / STEPS_PER_OCTAVE))


def _index_for(significant: Callable[[float], int], wanted: float, near: int | None = None) -> int:
    """Largest step index with at most ``wanted`` significant coefficients.

    Where the count says nothing (nothing is significant on either side), a quarter octave.
    """
    low, high = STEP_INDEX_RANGE
    if near is not None and significant(_step(near)) == 0:
        return near + STEPS_PER_OCTAVE // 4
    while high - low > 1:
        middle = (low + high) // 2
        if significant(_step(middle)) <= wanted:
            low = middle
        else:
            high = middle
    return low
