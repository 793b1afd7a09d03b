"""What the encoder spends its time on: levels of effort, and what a bit is worth."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_EFFORT = 5
EFFORT_RANGE = (1, 9)
#: Squared error, in squared steps, that a bit is worth at a step of 0.1 of the range, and beyond
#: which values that never goes; finer steps gain from a smaller one (chosen on ``val``).
TRADE_AT_TENTH = 0.08
TRADE_POWER = 0.7
TRADE_RANGE = (0.03, 0.09)
#: A trellis wants less of it (chosen on ``val``).
TRELLIS_TRADE = 0.55


@dataclass(frozen=True)
class Effort:
    """Settings of the encoder.

    Attributes
    ----------
    fill_iterations : int
        Projections of the don't-care fill.
    is_optimised : bool
        Whether rate is traded for distortion, coefficient by coefficient; else a dead zone.
    is_weighted : bool
        Whether the error of a coefficient counts by the share of it that is foreground.
    refinements : int
        How often what the decoder, restoration included, gets wrong is coded anew.
    is_read_back : bool
        Whether the finished file is decoded and held against what was written to it.
    leeway : float
        Share of the default size that may be left, to save an attempt at filling it.
    has_rounded_figures : bool
        Whether the figures of the file may be of a restoration in lower precision, where no PSNR
        is asked for.
    """

    fill_iterations: int
    is_optimised: bool
    is_weighted: bool
    refinements: int
    is_read_back: bool
    leeway: float
    has_rounded_figures: bool = False


_LEVELS = (
    Effort(3, False, False, 0, False, 0.14, has_rounded_figures=True),
    Effort(4, True, False, 0, False, 0.1, has_rounded_figures=True),
    Effort(6, True, True, 0, False, 0.1, has_rounded_figures=True),
    Effort(8, True, True, 0, True, 0.1),
    Effort(10, True, True, 0, True, 0.1),
    Effort(14, True, True, 0, True, 0.04),
    Effort(14, True, True, 1, True, 0.02),
    Effort(20, True, True, 1, True, 0.02),
    Effort(20, True, True, 2, True, 0.02),
)


def effort_of(level: int) -> Effort:
    """Settings of an effort from 1 (fast) to 9 (small files).

    Raises
    ------
    ValueError
        There is no such level.
    """
    low, high = EFFORT_RANGE
    if not (isinstance(level, int) and low <= level <= high):
        raise ValueError(f"effort {level} is not a whole number from {low} to {high}")
    return _LEVELS[level - low]


def trellis_trade_at(step: float) -> float:
    """The same for a trellis with lattice ``step``, in squared steps of the lattice."""
    return 4 * TRELLIS_TRADE * trade_at(2 * step)


def trade_at(step: float) -> float:
    """Squared error, in squared steps, that a bit is worth (lambda) at a quantiser step."""
    low, high = TRADE_RANGE
    return float(min(max(TRADE_AT_TENTH * (step / 0.1) ** TRADE_POWER, low), high))
