"""Bjontegaard rate difference of two measured curves, and the rate at which one gets somewhere.

The rate difference is the mean difference of log rate over the range of quality that both curves
cover, as percent: -50 where one codec needs half the bytes of the other. Quality is in decibels:
foreground PSNR, or how close MS-SSIM or Dice are to one. Curves are cut to a range of rates
first; their ends there are interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .curves import Curve, Figures, OutsideCurveError, Point, interpolated

LOW_PERCENT, HIGH_PERCENT = 0.1, 0.8
METHOD = "akima"
FEWEST_POINTS = 3
CLOSEST_TO_ONE = 1e-9

Quality = Callable[[Figures], float]


class NoDifferenceError(Exception):
    """Two curves cannot be compared: too few points, or no PSNR that both reach."""


@dataclass(frozen=True)
class Difference:
    """One curve against another.

    Attributes
    ----------
    percent : float
        Bjontegaard rate difference; below zero where the test needs fewer bytes.
    low, high : float
        Quality in dB between which it was taken.
    axis : int
        Slicing axis of the anchor.
    """

    percent: float
    low: float
    high: float
    axis: int = 0


@dataclass(frozen=True)
class Reached:
    """The rate at which a curve reaches a figure; ``is_bound``: its first point is past it."""

    percent: float
    is_bound: bool = False


def bd_missing() -> str | None:
    """Why rate differences cannot be computed here, or None."""
    try:
        import bjontegaard  # noqa: F401
    except ImportError:
        return "bjontegaard is not installed; it is in the extra 'bench'"
    return None


def foreground_psnr(figures: Figures) -> float:
    """PSNR over the foreground, in dB."""
    return figures.psnr_foreground


def similarity(figures: Figures) -> float:
    """How close MS-SSIM on the scan's own grid is to one, in dB."""
    return decibels_to_one(figures.ms_ssim)


def decibels_to_one(value: float) -> float:
    """30 for 0.999, 40 for 0.9999: figures near one, spread out."""
    return -10.0 * math.log10(max(1.0 - value, CLOSEST_TO_ONE))


def best_difference(
    anchor: Curve,
    test: Sequence[Point],
    low: float,
    high: float,
    quality: Quality = foreground_psnr,
) -> Difference:
    """Rate difference of ``test`` to a peer along that slicing axis which serves the peer best.

    Raises
    ------
    NoDifferenceError
        The curves cannot be compared along any axis.
    """
    found: list[Difference] = []
    why = f"{anchor.peer} has no points"
    for axis in sorted({point.axis for point in anchor.points}):
        points = [point for point in anchor.points if point.axis == axis]
        try:
            difference = rate_difference(points, test, low, high, quality)
        except NoDifferenceError as error:
            why = str(error)
        else:
            found.append(difference)
    if not found:
        raise NoDifferenceError(why)
    return max(found, key=lambda difference: difference.percent)


def rate_difference(
    anchor: Sequence[Point],
    test: Sequence[Point],
    low: float,
    high: float,
    quality: Quality = foreground_psnr,
) -> Difference:
    """Rate difference of ``test`` to ``anchor``, points in any order, the anchor's of one axis.

    Raises
    ------
    NoDifferenceError
        As `pair_difference`.
    """
    pairs = [[(one.percent, quality(one.figures)) for one in points] for points in (anchor, test)]
    return replace(pair_difference(pairs[0], pairs[1], low, high), axis=anchor[0].axis)


def pair_difference(
    anchor: Sequence[tuple[float, float]],
    test: Sequence[tuple[float, float]],
    low: float,
    high: float,
) -> Difference:
    """Rate difference of ``test`` to ``anchor``.

    Parameters
    ----------
    anchor, test : sequence of (float, float)
        Rate in percent and quality in dB, in any order.
    low, high : float
        Rates in percent that both curves are cut to.

    Raises
    ------
    NoDifferenceError
        A curve has fewer than three points in the range, or no quality is on both.
    """
    import bjontegaard

    rates, decibels = within(anchor, low, high)
    own_rates, own_decibels = within(test, low, high)
    least, most = max(decibels[0], own_decibels[0]), min(decibels[-1], own_decibels[-1])
    if least >= most:
        raise NoDifferenceError("no quality is on both curves")
    percent = bjontegaard.bd_rate(
        rates,
        decibels,
        own_rates,
        own_decibels,
        method=METHOD,
        require_matching_points=False,
        min_overlap=0,
    )
    return Difference(float(percent), least, most)


def within(
    points: Sequence[tuple[float, float]], low: float, high: float
) -> tuple[list[float], list[float]]:
    """Rates and quality between two rates, ends interpolated, both climbing.

    Raises
    ------
    NoDifferenceError
        Fewer than three points are left.
    """
    rates, decibels = climbing(points)
    if len(rates) < FEWEST_POINTS:
        raise NoDifferenceError(f"{len(rates)} points are no curve")
    start, stop = max(low, rates[0]), min(high, rates[-1])
    inside = [rate for rate in rates if start < rate < stop]
    if start >= stop or len(inside) + 2 < FEWEST_POINTS:
        raise NoDifferenceError(f"too few points from {low:g} to {high:g} %")
    places = [start, *inside, stop]
    return places, [interpolated(rates, decibels, place) for place in places]


def climbing(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Rates and quality, without larger files that are no better than smaller ones."""
    rates: list[float] = []
    decibels: list[float] = []
    for percent, quality in sorted(points):
        if not rates or (quality > decibels[-1] and percent > rates[-1]):
            rates.append(percent)
            decibels.append(quality)
    return rates, decibels


def rate_reaching(
    rates: Sequence[float], similarities: Sequence[float], wanted: float
) -> Reached | None:
    """The rate at which a similarity below one is reached; None where it never is.

    Monotone cubic interpolation of log rate over the logarithm of the dissimilarity.

    Parameters
    ----------
    rates, similarities : sequence of float
        Measured points in any order.
    wanted : float
        Below one.
    """
    if not rates:
        return None
    order = np.argsort(rates)
    if similarities[order[0]] >= wanted:
        return Reached(float(rates[order[0]]), is_bound=True)
    closeness = [1.0 / max(1.0 - value, CLOSEST_TO_ONE) for value in similarities]
    try:
        log_rate = interpolated(closeness, np.log(rates).tolist(), 1.0 / (1.0 - wanted))
    except OutsideCurveError:
        return None
    return Reached(math.exp(log_rate))
