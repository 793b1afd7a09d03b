"""Fitting the parameters of a lattice to what is to be coded (encoder only, floating point)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from .parameters import (
    LARGEST_PARAMETER,
    LARGEST_WEIGHT,
    ClassParameters,
    PhaseParameters,
    whole,
)
from .surroundings import FRACTION_BITS, SPREAD_BITS, WEIGHT_BITS, Surroundings, chunks

#: Numbers of classes of active surroundings that are tried, in turn, while they pay.
CLASS_COUNTS = (1, 3, 6)
ROWS_PER_CLASS = 1000
SAMPLE = 24_000
CALM = 0.2
RIDGE = 1e-6
ROUNDS = 4
LEAST_SPREAD = 0.01
BITS_PER_PARAMETER = 7

Places = NDArray[np.intp]
Floats = NDArray[np.float64]


def fitted(
    surroundings: Surroundings, at: Places, voxels: NDArray[np.int64], step: int
) -> PhaseParameters:
    """Parameters for the voxels of a lattice.

    Parameters
    ----------
    at : ndarray
        Their places.
    voxels : ndarray of int64
        What they are.
    """
    activity = np.concatenate([surroundings.activity(some) for some in chunks(at)])
    active = activity > 0
    at, voxels, activity = at[active], voxels[active], activity[active]
    best = PhaseParameters()
    if surroundings.inputs < 2 or not len(at):
        return best
    least = _bits(surroundings, at, voxels, step, best, activity)
    for wanted in CLASS_COUNTS:
        if len(at) < wanted * (ROWS_PER_CLASS if wanted > 1 else 2 * surroundings.inputs):
            break
        thresholds = _thresholds(activity, wanted)
        tried = _with_classes(surroundings, at, voxels, step, thresholds, activity)
        bits = _bits(surroundings, at, voxels, step, tried, activity)
        if bits >= least:
            break
        best, least = tried, bits
    return best


def _with_classes(
    surroundings: Surroundings,
    at: Places,
    voxels: NDArray[np.int64],
    step: int,
    thresholds: tuple[int, ...],
    activity: NDArray[np.int64],
) -> PhaseParameters:
    generator = np.random.default_rng(0)
    number = np.searchsorted(np.asarray(thresholds, np.int64), activity, side="right")
    calm = CALM * float(activity.mean()) + 1.0
    classes = []
    for index in range(len(thresholds) + 1):
        chosen = _some(np.flatnonzero(number == index), generator, SAMPLE)
        here, targets = at[chosen], voxels[chosen] << FRACTION_BITS
        certainty = 1.0 / (activity[chosen].astype(np.float64) + calm)
        weights = _weights(surroundings, here, targets, certainty)
        classes.append(
            ClassParameters(weights, _spread(surroundings, here, targets, weights, step))
        )
    return PhaseParameters(thresholds, tuple(classes))


def _bits(
    surroundings: Surroundings,
    at: Places,
    voxels: NDArray[np.int64],
    step: int,
    parameters: PhaseParameters,
    activity: NDArray[np.int64],
) -> float:
    """About what the voxels and their parameters cost, by a Laplacian of the expected error."""
    rows = _some(np.arange(len(at)), np.random.default_rng(1), SAMPLE)
    number = parameters.class_of(activity[rows])
    total = 0.0
    side = float(step << FRACTION_BITS)
    for index, each in enumerate(parameters.with_plain(surroundings)[1:]):
        chosen = rows[number == index]
        predicted = surroundings.predicted(at[chosen], each.weights)
        spread = surroundings.expected(at[chosen], predicted, each.spread, step)
        scale = np.maximum(spread / (1 << SPREAD_BITS), LEAST_SPREAD * side) / side
        steps = np.rint(np.abs((voxels[chosen] << FRACTION_BITS) - predicted) / side)
        none = -np.log2(-np.expm1(-0.5 / scale))
        some = 1 + (steps - 0.5) / scale / np.log(2) - np.log2(-np.expm1(-1 / scale))
        total += float(np.where(steps == 0, none, some).sum())
    values = sum(len(each.weights) + len(each.spread) for each in parameters.classes)
    return total * len(at) / len(rows) + BITS_PER_PARAMETER * values


def _thresholds(activity: NDArray[np.int64], wanted: int) -> tuple[int, ...]:
    """Bounds of classes of about as many voxels each."""
    shares = np.arange(1, wanted) / wanted
    bounds = np.quantile(activity, shares).astype(np.int64).tolist()
    return tuple(sorted({min(bound, LARGEST_PARAMETER) for bound in bounds}))


def _some(rows: Places, generator: np.random.Generator, most: int) -> Places:
    if len(rows) <= most:
        return rows
    return np.sort(generator.choice(rows, most, replace=False))


def _weights(
    surroundings: Surroundings, at: Places, targets: NDArray[np.int64], certainty: Floats
) -> tuple[int, ...]:
    """Weighted least squares in differences to the reference input, rounded."""
    origin = surroundings.input(surroundings.reference, at)
    others = [n for n in range(surroundings.inputs) if n != surroundings.reference]
    inputs = np.empty((len(others), len(at)))
    for row, number in zip(inputs, others, strict=True):
        np.subtract(surroundings.input(number, at), origin, out=row, casting="unsafe")
    weighted = inputs * certainty
    moments = weighted @ inputs.T
    moments[np.diag_indices_from(moments)] += RIDGE * (np.trace(moments) / len(moments)) + 1e-9
    solved = np.linalg.solve(moments, weighted @ (targets - origin))
    scaled = np.clip(np.rint(solved * (1 << WEIGHT_BITS)), -LARGEST_WEIGHT, LARGEST_WEIGHT)
    return whole([int(each) for each in scaled], surroundings.reference)


def _spread(
    surroundings: Surroundings,
    at: Places,
    targets: NDArray[np.int64],
    weights: tuple[int, ...],
    step: int,
) -> tuple[int, ...]:
    """Weights whose sum of spreads is the expected error, likely under a Laplacian."""
    predicted = surroundings.predicted(at, weights)
    errors = np.abs(targets - predicted).astype(np.float64)
    spreads = np.stack([s.astype(np.float64) for s in surroundings.spreads(at, predicted, step)])
    least = LEAST_SPREAD * step * (1 << FRACTION_BITS)
    expected = np.maximum(spreads.mean(axis=0), least)
    found = np.zeros(len(spreads))
    for _ in range(ROUNDS):
        certainty = expected**-2
        moments = (spreads * certainty) @ spreads.T
        moments[np.diag_indices_from(moments)] += RIDGE * np.trace(moments) / len(moments) + 1e-30
        factor = np.linalg.cholesky(moments)
        aim = np.linalg.solve(factor, (spreads * certainty) @ errors)
        found, _ = nnls(factor.T, aim)
        expected = np.maximum(found @ spreads, least)
    scaled = np.clip(np.rint(found * (1 << SPREAD_BITS)), 0, LARGEST_WEIGHT)
    return tuple(int(each) for each in scaled)
