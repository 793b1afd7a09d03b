"""Rate differences against curves whose difference is known, and where there is none."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from benchmarks.bd_rate import (
    NoDifferenceError,
    Reached,
    best_difference,
    climbing,
    rate_difference,
    rate_reaching,
    within,
)
from benchmarks.curves import Curve, Figures, Point

pytest.importorskip("bjontegaard", reason="the extra 'bench' is not installed")


def point(percent: float, decibel: float, axis: int = 0, similarity: float = 0.99) -> Point:
    figures = Figures(decibel, decibel + 6, similarity, similarity, 0.1)
    return Point(percent, axis, round(1000 * percent), percent, 1.0, 1.0, figures)


def points(
    psnr: Callable[[float], float], rates: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
) -> list[Point]:
    return [point(rate, psnr(rate)) for rate in rates]


def logarithmic(rate: float) -> float:
    return 40 + 4 * math.log2(rate)


def bent(rate: float) -> float:
    return 40 + 4 * math.log2(rate) + 0.3 * math.log2(rate) ** 2


@pytest.mark.parametrize("psnr", [logarithmic, bent])
@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 2.0])
def test_a_curve_at_a_multiple_of_the_rate(psnr: Callable[[float], float], factor: float) -> None:
    anchor = points(psnr)
    test = [point(factor * one.percent, one.figures.psnr_foreground) for one in anchor]
    found = rate_difference(anchor, test, 0.01, 10)
    assert found.percent == pytest.approx(100 * (factor - 1), abs=1e-6)


def test_the_mean_of_the_logarithm_by_hand() -> None:
    """Anchor rate 10^(x/10), test rate 10^(x/10 - x/40) from 0 to 4 dB: mean of -x/40 is -0.05."""
    anchor = [point(10 ** (x / 10), x) for x in range(5)]
    test = [point(10 ** (x / 10 - x / 40), x) for x in range(5)]
    assert rate_difference(anchor, test, 0.5, 10).percent == pytest.approx(
        100 * (10**-0.05 - 1), abs=1e-6
    )


def test_only_the_range_of_rates_counts() -> None:
    anchor = points(logarithmic)
    test = points(lambda rate: logarithmic(rate) + (4.0 if rate <= 0.8 else 40.0))
    found = rate_difference(anchor, test, 0.1, 0.8)
    assert found.percent == pytest.approx(-50)
    assert found.low == pytest.approx(logarithmic(0.1) + 4)
    assert found.high == pytest.approx(logarithmic(0.8))


def test_ends_are_interpolated_and_never_extrapolated() -> None:
    rates, decibels = within([(r, logarithmic(r)) for r in (0.05, 0.15, 0.3, 0.7)], 0.1, 0.8)
    assert rates == [0.1, 0.15, 0.3, 0.7]
    assert decibels[0] == pytest.approx(logarithmic(0.1), abs=0.05)


def test_a_larger_file_that_is_no_better_is_left_out() -> None:
    rates, decibels = climbing([(0.3, 33), (0.1, 30), (0.2, 29.9), (0.4, 34)])
    assert (rates, decibels) == ([0.1, 0.3, 0.4], [30, 33, 34])


def test_curves_without_a_common_psnr() -> None:
    with pytest.raises(NoDifferenceError, match="no quality is on both"):
        rate_difference(points(logarithmic), points(lambda r: logarithmic(r) + 99), 0.1, 0.8)


@pytest.mark.parametrize("rates", [(), (0.2, 0.4), (2.0, 3.0, 4.0)])
def test_too_few_points(rates: tuple[float, ...]) -> None:
    with pytest.raises(NoDifferenceError):
        rate_difference(points(logarithmic), points(logarithmic, rates), 0.1, 0.8)


def test_the_axis_that_serves_the_peer_best_counts() -> None:
    ours = points(lambda rate: logarithmic(rate) + 4)
    slow = [point(one.percent, one.figures.psnr_foreground - 4, 0) for one in points(logarithmic)]
    good = [point(one.percent, one.figures.psnr_foreground, 2) for one in points(logarithmic)]
    lonely = [point(0.3, 60, 1)]
    found = best_difference(Curve("peer", (*slow, *lonely, *good)), ours, 0.1, 0.8)
    assert found.percent == pytest.approx(-50)
    assert found.axis == 2
    with pytest.raises(NoDifferenceError):
        best_difference(Curve("peer", ()), ours, 0.1, 0.8)


def test_the_rate_that_reaches_a_similarity() -> None:
    rates = [0.4, 0.1, 0.2]
    similarities = [1 - 0.001 / rate for rate in rates]
    found = rate_reaching(rates, similarities, 1 - 0.001 / 0.3)
    assert found is not None
    assert found.percent == pytest.approx(0.3)
    assert not found.is_bound


def test_a_similarity_before_the_first_point_or_never() -> None:
    assert rate_reaching([0.2, 0.1], [0.999, 0.9985], 0.998) == Reached(0.1, is_bound=True)
    assert rate_reaching([0.2, 0.1], [0.99, 0.98], 0.998) is None
    assert rate_reaching([], [], 0.998) is None
