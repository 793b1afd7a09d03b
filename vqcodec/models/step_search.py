"""Finding the quantiser step that fills a byte budget."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import LimitExceededError
from ..header import STEP_INDEX_RANGE
from ..layout import STEPS_PER_OCTAVE
from ..rate_control import FALLBACK_QUALITY, FIGURES_RESERVE, step_index_of_quality
from .attempt import Attempt

#: Sizes grow more slowly than what is expected of them.
OVERSHOOT = 1.05
#: Share of the allowed size that may be left, and how much of that the aim leaves.
TOLERANCE, AIMED_SHARE = 0.01, 0.5
MOST_ATTEMPTS = 10
ATTEMPTS_BY_COUNT = 6
LONGEST_STRIDE = 3 * STEPS_PER_OCTAVE
STRIDE_FROM_NOTHING = STEPS_PER_OCTAVE // 4
#: Beyond it, a file that is expected to be the best is taken for it.
NEARLY_FULL = 0.97
#: After so many files that are all too large, strides double, from this one on.
CREEPING, STRIDE_DOWN = 3, STEPS_PER_OCTAVE // 2
SLOPES = (0.002, 0.1)
#: Bytes by which files of one step differ: the background's fill goes on from that of other steps.
SPREAD = 8


def search_step(
    attempt: Callable[[int], Attempt],
    expected_bits: Callable[[int], float],
    nbytes: int,
    is_default: bool = False,
    overhead: int = 0,
    tolerance: float = TOLERANCE,
    settle: Callable[[int], None] | None = None,
) -> Attempt:
    """The finest step whose file is small enough, within a tolerance of what is allowed.

    Parameters
    ----------
    attempt : callable
        Codes the volume at a step index, or at the finest that makes sense.
    expected_bits : callable
        Of a step index: what it is likely to take. It never shrinks as that grows; the true size
        is nearly proportional to it.
    nbytes : int
        Largest size of the file, figures included.
    is_default : bool
        Nobody asked for this size: exceed it rather than refuse.
    overhead : int
        Bytes of the file that do not depend on the step, as far as they are known.
    tolerance : float
        Share of the allowed size that is not worth another attempt.
    settle : callable, optional
        Is told which step index is likely, before the first attempt; what is expected of steps
        may be more accurate afterwards.

    Raises
    ------
    LimitExceededError
        If no file is that small.
    """
    limit = nbytes - FIGURES_RESERVE
    search = _Search(limit, expected_bits, overhead, tolerance)
    best = None
    if settle is not None:
        settle(search.first())
    index = search.first()
    for number in range(MOST_ATTEMPTS):
        tried = attempt(index)
        search.record(index if tried.step_index is None else tried.step_index, tried.nbytes)
        if tried.nbytes <= limit:
            if best is None or tried.nbytes > best.nbytes:
                best = tried
            if tried.is_finest or tried.nbytes >= (1 - tolerance) * limit:
                break
        wanted = search.next(by_halves=number >= ATTEMPTS_BY_COUNT)
        if wanted is None:
            break
        index = wanted
    if best is not None:
        return best
    if is_default:
        return attempt(step_index_of_quality(FALLBACK_QUALITY))
    coarsest = attempt(STEP_INDEX_RANGE[0])
    if coarsest.nbytes <= limit:
        return coarsest
    smallest = coarsest.nbytes + FIGURES_RESERVE + SPREAD
    raise LimitExceededError(
        f"cannot be compressed to {nbytes} bytes: the smallest file is {smallest} bytes"
    )


class _Search:
    """Sizes of the files tried, and where to look next.

    The second step is chosen as if the size, less what does not depend on the step, went with
    the expected bits, the others as if the logarithm of that size were a linear function of the
    step index.
    """

    def __init__(
        self,
        limit: int,
        expected_bits: Callable[[int], float],
        overhead: int,
        tolerance: float,
    ) -> None:
        self.limit = limit
        self.aim = math.floor(limit * (1 - AIMED_SHARE * tolerance))
        self.sizes: dict[int, int] = {}
        self._bits = expected_bits
        self._overhead = overhead
        self._low, self._high = STEP_INDEX_RANGE[0] - 1, STEP_INDEX_RANGE[1] + 1

    def first(self) -> int:
        """Step index to try first."""
        return self._index_for(8 * self._room(self.aim))

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
        growth = self._room(self.aim) / self._room(self.sizes[last])
        if len(self.sizes) == 1:
            bits = self._bits(last)
            index = (
                self._index_for(bits * growth**OVERSHOOT) if bits else last + STRIDE_FROM_NOTHING
            )
        else:
            *_, before, _ = self.sizes
            same_side = (self.sizes[before] <= self.limit) == (self.sizes[last] <= self.limit)
            ends = (self._low, self._high) if is_bracketed and not same_side else (before, last)
            index = last + math.floor(math.log(growth) / self._slope(*ends))
            if index <= self._low in self.sizes:
                if self.sizes[self._low] >= NEARLY_FULL * self.limit:
                    return None
                index = (self._low + self._high) // 2
        index = min(max(index, last - LONGEST_STRIDE), last + LONGEST_STRIDE)
        if self._low not in self.sizes and len(self.sizes) >= CREEPING:
            index = min(index, last - (STRIDE_DOWN << (len(self.sizes) - CREEPING)))
        return min(max(index, self._low + 1), self._high - 1)

    def _slope(self, one: int, two: int) -> float:
        """Growth of log size with every step index."""
        one_room, two_room = self._room(self.sizes[one]), self._room(self.sizes[two])
        slope = math.log(two_room / one_room) / (two - one)
        return min(max(slope, SLOPES[0]), SLOPES[1])

    def _room(self, size: int) -> int:
        """Bytes of a file that depend on the step."""
        return max(size - self._overhead, 1)

    def _index_for(self, wanted: float) -> int:
        """Largest step index at which at most ``wanted`` bits are expected."""
        low, high = STEP_INDEX_RANGE
        while high - low > 1:
            middle = (low + high) // 2
            if self._bits(middle) <= wanted:
                low = middle
            else:
                high = middle
        return low
