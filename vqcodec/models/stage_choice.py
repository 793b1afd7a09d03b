"""Finding the number of stages that fills a byte budget, or reaches a PSNR."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import LimitExceededError
from ..rate_control import FIGURES_RESERVE, Budget
from .attempt import Attempt
from .psnr_search import TOLERANCE, reached

MOST_QUALITY = 9.0


def search_stages(
    attempt: Callable[[tuple[int, int, int], bool], Attempt],
    choices: Sequence[tuple[int, int, int]],
    budget: Budget,
) -> Attempt:
    """The most stages whose file fits a budget, or the fewest that reach its PSNR.

    Parameters
    ----------
    attempt : callable
        Codes the volume with some stages; told whether there are no more than these. Measures
        its PSNR where the budget is one.
    choices : sequence of tuple of int
        Stages of fine, middle and coarse to choose from, fewest first.

    Raises
    ------
    LimitExceededError
        If no file is that small, or that faithful.
    """
    last = len(choices) - 1
    if budget.psnr is not None:
        return _fewest_stages(attempt, choices, budget.psnr)
    if budget.nbytes is None:
        quality = MOST_QUALITY if budget.quality is None else budget.quality
        place = round(last * (quality - 1.0) / (MOST_QUALITY - 1.0))
        place = min(max(place, 0), last)
        return attempt(choices[place], place == last)
    limit = budget.nbytes - FIGURES_RESERVE
    whole = attempt(choices[last], True)
    if whole.nbytes <= limit or budget.is_default:
        return whole
    best, smallest = None, whole.nbytes
    low, high = 0, last
    while low < high:
        place = (low + high) // 2
        tried = attempt(choices[place], False)
        smallest = min(smallest, tried.nbytes)
        if tried.nbytes <= limit:
            best, low = tried, place + 1
        else:
            high = place
    if best is None:
        raise LimitExceededError(
            f"cannot be compressed to {budget.nbytes} bytes with this model: "
            f"the smallest file is {smallest + FIGURES_RESERVE} bytes"
        )
    return best


def _fewest_stages(
    attempt: Callable[[tuple[int, int, int], bool], Attempt],
    choices: Sequence[tuple[int, int, int]],
    target: float,
) -> Attempt:
    """The fewest stages that come to a PSNR, in dB, less its tolerance."""
    low, high = 0, len(choices) - 1
    best = attempt(choices[high], True)
    if reached(best) < target - TOLERANCE:
        raise LimitExceededError(
            f"cannot be compressed to {target:g} dB in the foreground with this model: "
            f"the most is {reached(best):.2f} dB"
        )
    while low < high:
        place = (low + high) // 2
        tried = attempt(choices[place], False)
        if reached(tried) < target - TOLERANCE:
            low = place + 1
        else:
            best, high = tried, place
    return best
