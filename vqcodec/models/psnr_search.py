"""Finding the quantiser step that leaves a given PSNR."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import LimitExceededError
from ..header import STEP_INDEX_RANGE
from ..layout import STEPS_PER_OCTAVE
from .attempt import Attempt

TOLERANCE = 0.1
MOST_ATTEMPTS = 12
ATTEMPTS_BY_PREDICTION = 6
LONGEST_STRIDE = 3 * STEPS_PER_OCTAVE
EXACT_ENOUGH = STEPS_PER_OCTAVE // 8


def search_psnr(
    attempt: Callable[[int], Attempt], predicted: Callable[[int], float], target: float
) -> Attempt:
    """The step whose foreground PSNR is nearest to what is asked for.

    The first within 0.1 dB will do. Where there is none (whole numbers that come back almost
    exactly) it is about the coarsest that reaches the target; where even the coarsest of all is
    better than asked for, it is that one.

    Parameters
    ----------
    attempt : callable
        Codes the volume at a step index and measures its PSNR.
    predicted : callable
        About the PSNR at a step index, in dB; does not fall with it.
    target : float
        In dB.

    Raises
    ------
    LimitExceededError
        If no step reaches the target.
    """
    search = _Search(predicted, target)
    above: Attempt | None = None
    most = -math.inf
    index = search.next()
    for _ in range(MOST_ATTEMPTS):
        if index is None:
            break
        tried = attempt(index)
        psnr = reached(tried)
        if abs(psnr - target) <= TOLERANCE:
            return tried
        most = max(most, psnr)
        if psnr >= target:
            above = tried if above is None or psnr <= reached(above) else above
        elif tried.is_finest or index == STEP_INDEX_RANGE[1]:
            break
        search.record(index, psnr)
        index = search.next()
    if above is not None:
        return above
    raise LimitExceededError(
        f"cannot be compressed to {target:g} dB in the foreground: the most is {most:.2f} dB"
    )


def reached(tried: Attempt) -> float:
    """PSNR of an attempt, in dB.

    Raises
    ------
    LimitExceededError
        If there is none, as nothing is foreground.
    """
    if tried.psnr is None or math.isnan(tried.psnr):
        raise LimitExceededError("has no foreground, so no PSNR in it can be aimed at")
    return tried.psnr


class _Search:
    """What the steps tried came to, and where to look next.

    The difference between what was found and what was predicted is taken to be the same
    everywhere or, from the second attempt on, a linear function of the step index.
    """

    def __init__(self, predicted: Callable[[int], float], target: float) -> None:
        self._predicted = predicted
        self._target = target
        self._found: dict[int, float] = {}
        self._low, self._high = STEP_INDEX_RANGE[0] - 1, STEP_INDEX_RANGE[1] + 1

    def record(self, index: int, psnr: float) -> None:
        """Take note of a PSNR."""
        self._found[index] = psnr
        if psnr < self._target:
            self._low = max(self._low, index)
        else:
            self._high = min(self._high, index)

    def next(self) -> int | None:
        """Step index to try; None where no other is better."""
        is_exact = math.isinf(self._found.get(self._high, 0.0))
        if self._high - self._low <= (EXACT_ENOUGH if is_exact else 1):
            return None
        low, high = self._low + 1, self._high - 1
        is_bracketed = self._low in self._found and self._high in self._found
        if is_bracketed and len(self._found) >= ATTEMPTS_BY_PREDICTION:
            return (self._low + self._high) // 2
        if self._found:
            last = next(reversed(self._found))
            low, high = max(low, last - LONGEST_STRIDE), min(high, last + LONGEST_STRIDE)
        index = self._where_expected(low, high)
        if is_exact and index == self._high - 1:
            if is_bracketed:
                return (self._low + self._high) // 2
            return max(self._high - LONGEST_STRIDE, self._low + 1)
        return index

    def _where_expected(self, low: int, high: int) -> int:
        """Step index from ``low`` to ``high`` that is expected to be nearest to the target."""
        base, offset, slope = self._correction()

        def expected(index: int) -> float:
            return self._predicted(index) + offset + slope * (index - base)

        while high > low:
            middle = (low + high) // 2
            if expected(middle) < self._target:
                low = middle + 1
            else:
                high = middle
        return low

    def _correction(self) -> tuple[int, float, float]:
        """Line through what was found less what was predicted: a step index, value and slope."""
        known = {index: psnr for index, psnr in self._found.items() if math.isfinite(psnr)}
        nearest = sorted(known, key=lambda index: abs(known[index] - self._target))[:2]
        if not nearest:
            return 0, 0.0, 0.0
        errors = [known[index] - self._predicted(index) for index in nearest]
        if len(nearest) == 1:
            return nearest[0], errors[0], 0.0
        slope = (errors[1] - errors[0]) / (nearest[1] - nearest[0])
        return nearest[0], errors[0], slope
