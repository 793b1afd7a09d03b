"""Finding the quantiser step that fills a byte budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .errors import LimitExceededError
from .formats.container import Container
from .header import STEP_INDEX_RANGE
from .layout import STEPS_PER_OCTAVE, step_of

QUALITY_RANGE = (-5.0, 20.0)
FIRST_QUALITY_OCTAVE = 1.5
OCTAVES_PER_QUALITY = 0.7
FALLBACK_QUALITY = 5.0
LEAST_DEFAULT_BYTES = 4096
FIGURES_RESERVE = 256
BITS_PER_SIGNIFICANT = 4.6
MOST_SIGNIFICANT = 0.7
TOLERANCE = 0.01
MOST_ATTEMPTS = 10
ATTEMPTS_BY_COUNT = 6
LONGEST_STRIDE = 3 * STEPS_PER_OCTAVE
STRIDE_FROM_NOTHING = STEPS_PER_OCTAVE // 4
SLOPES = (0.002, 0.1)


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
    """A whole file at one step, without figures.

    ``nbytes`` is its size; ``is_finest`` says that a finer step would change nothing.
    """

    container: Container
    nbytes: int
    is_finest: bool = False


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
            raise ValueError(f"ratio {ratio} is not a percentage above 0, of at most 100")
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
    worst, best = QUALITY_RANGE
    if not worst <= quality <= best:
        raise ValueError(
            f"quality {quality} is not a number from {worst:g} to {best:g} (1 to 9 are usual)"
        )
    low, high = STEP_INDEX_RANGE
    octaves = FIRST_QUALITY_OCTAVE + OCTAVES_PER_QUALITY * (quality - 1)
    return min(max(round(STEPS_PER_OCTAVE * octaves), low), high)


def search_step(
    attempt: Callable[[int], Attempt],
    significant: Callable[[float], int],
    budget: Budget,
    overhead: int = 0,
) -> Attempt:
    """The finest step whose file fits a budget, within about a percent of it.

    Parameters
    ----------
    attempt : callable
        Codes the volume at a step index.
    significant : callable
        Number of coefficients above 0.6 of a step: the rate is nearly proportional to it.
    overhead : int
        Bytes of the file that do not depend on the step, as far as they are known.

    Raises
    ------
    LimitExceededError
        If no file is that small.
    """
    if budget.nbytes is None:
        quality = FALLBACK_QUALITY if budget.quality is None else budget.quality
        return attempt(step_index_of_quality(quality))
    limit = budget.nbytes - FIGURES_RESERVE
    search = _Search(limit, significant, overhead)
    best = None
    index = search.first()
    for number in range(MOST_ATTEMPTS):
        tried = attempt(index)
        search.record(index, tried.nbytes)
        if tried.nbytes <= limit:
            best = tried
            if tried.is_finest or tried.nbytes >= (1 - TOLERANCE) * limit:
                break
        wanted = search.next(by_halves=number >= ATTEMPTS_BY_COUNT)
        if wanted is None:
            break
        index = wanted
    if best is not None:
        return best
    if budget.is_default:
        return attempt(step_index_of_quality(FALLBACK_QUALITY))
    coarsest = attempt(STEP_INDEX_RANGE[0])
    if coarsest.nbytes <= limit:
        return coarsest
    smallest = min(coarsest.nbytes, *search.sizes.values()) + FIGURES_RESERVE
    raise LimitExceededError(
        f"cannot be compressed to {budget.nbytes} bytes: the smallest file is {smallest} bytes"
    )


class _Search:
    """Sizes of the files tried, and where to look next.

    The second step is chosen as if the size went with the number of significant coefficients,
    the others as if its logarithm were a linear function of the step index.
    """

    def __init__(self, limit: int, significant: Callable[[float], int], overhead: int) -> None:
        self.limit = limit
        self.sizes: dict[int, int] = {}
        self._significant = significant
        self._overhead = overhead
        self._low, self._high = STEP_INDEX_RANGE[0] - 1, STEP_INDEX_RANGE[1] + 1

    def first(self) -> int:
        """Step index to try first."""
        room = max(self.limit - self._overhead, 1)
        index = self._index_for(8 * room / BITS_PER_SIGNIFICANT)
        most = MOST_SIGNIFICANT * self._count(STEP_INDEX_RANGE[1])
        return index if self._count(index) <= most else self._index_for(most)

    def record(self, index: int, size: int) -> None:
        """Take note of a file's size."""
        self.sizes[index] = size
        if size <= self.limit:
            self._low = max(self._low, index)
        else:
            self._high = min(self._high, index)

    def next(self, by_halves: bool) -> int | None:
        """Step index to try; None where the best is known."""
        if self._high - self._low <= 1:
            return None
        last = next(reversed(self.sizes))
        is_bracketed = self._low in self.sizes and self._high in self.sizes
        if by_halves and is_bracketed:
            return (self._low + self._high) // 2
        growth = self.limit * (1 - TOLERANCE / 4) / self.sizes[last]
        if len(self.sizes) == 1:
            count = self._count(last)
            index = self._index_for(count * growth) if count else last + STRIDE_FROM_NOTHING
        else:
            *_, before, _ = self.sizes
            same_side = (self.sizes[before] <= self.limit) == (self.sizes[last] <= self.limit)
            ends = (self._low, self._high) if is_bracketed and not same_side else (before, last)
            index = last + math.floor(math.log(growth) / self._slope(*ends))
            if index <= self._low in self.sizes:
                return None
        index = min(max(index, last - LONGEST_STRIDE), last + LONGEST_STRIDE)
        return min(max(index, self._low + 1), self._high - 1)

    def _slope(self, one: int, two: int) -> float:
        """Growth of log size with every step index."""
        slope = math.log(self.sizes[two] / self.sizes[one]) / (two - one)
        return min(max(slope, SLOPES[0]), SLOPES[1])

    def _count(self, index: int) -> int:
        return self._significant(step_of(index))

    def _index_for(self, wanted: float) -> int:
        """Largest step index with at most ``wanted`` significant coefficients."""
        low, high = STEP_INDEX_RANGE
        while high - low > 1:
            middle = (low + high) // 2
            if self._count(middle) <= wanted:
                low = middle
            else:
                high = middle
        return low
