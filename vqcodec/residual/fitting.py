"""Fitting the parameters of a lattice to what is to be coded (encoder only, floating point)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from .parameters import (
    LARGEST_PARAMETER,
    LARGEST_WEIGHT,
    MOST_CLASSES,
    ClassParameters,
    PhaseParameters,
    whole,
)
from .surroundings import FRACTION_BITS, SPREAD_BITS, WEIGHT_BITS, Surroundings

#: Voxels for each weight below which the plain parameters are taken.
LEAST_ROWS_PER_WEIGHT = 8
ROWS_PER_CLASS = 6000
SAMPLE = 24_000
CALM = 0.2
RIDGE = 1e-6
ROUNDS = 4
LEAST_SPREAD = 0.01

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
    if surroundings.inputs < 2 or len(at) < LEAST_ROWS_PER_WEIGHT * surroundings.inputs:
        return PhaseParameters()
    wanted = min(max(len(at) // ROWS_PER_CLASS, 1), MOST_CLASSES)
    generator = np.random.default_rng(0)
    rows = _some(np.arange(len(at)), generator, wanted * SAMPLE)
    activity = surroundings.activity(at[rows])
    shares = np.arange(1, wanted) / wanted
    bounds = np.unique(np.quantile(activity, shares).astype(np.int64)) if wanted > 1 else []
    thresholds = tuple(int(min(bound, LARGEST_PARAMETER)) for bound in bounds if bound > 0)
    number = np.searchsorted(np.asarray(thresholds, np.int64), activity, side="right")
    calm = CALM * float(activity.mean()) + 1.0
    classes = []
    for index in range(len(thresholds) + 1):
        chosen = _some(np.flatnonzero(number == index), generator, SAMPLE)
        here = at[rows[chosen]]
        targets = voxels[rows[chosen]] << FRACTION_BITS
        certainty = 1.0 / (activity[chosen] + calm)
        weights = _weights(surroundings, here, targets, certainty)
        classes.append(ClassParameters(weights, _spread(surroundings, here, targets, weights, step)))
    return PhaseParameters(thresholds, tuple(classes))


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
