"""The t-maps of voxel-based morphometry, and how alike two of them are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Map = NDArray[np.float32]
TMap = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST_GREY = 0.1
LEVEL = 0.05
TOP_SHARE = 0.05


@dataclass(frozen=True)
class TTest:
    """A t-map with what is significant in it.

    Attributes
    ----------
    t : ndarray
        Zero outside the mask.
    freedom : int
        Degrees of freedom.
    significant : ndarray of bool
        Two-sided, false discovery rate `LEVEL` over the mask.
    """

    t: TMap
    freedom: int
    significant: Mask

    @property
    def largest(self) -> float:
        """The largest absolute t."""
        return float(np.abs(self.t).max())


@dataclass(frozen=True)
class Likeness:
    """How alike the t-maps of originals and of decoded volumes are.

    Attributes
    ----------
    correlation : float
        Pearson's, over the mask.
    overlap : float or None
        Dice of what is significant in either; None where nothing is in either.
    overlap_top : float
        Dice of the voxels with the largest absolute t, `TOP_SHARE` of the mask in either.
    """

    correlation: float
    overlap: float | None
    overlap_top: float


def grey_mask(maps: Sequence[Map]) -> Mask:
    """Voxels whose mean grey matter is at least `LEAST_GREY`."""
    mask: Mask = np.mean(np.stack(maps), axis=0) >= LEAST_GREY
    return mask


def paired(before: Sequence[Map], after: Sequence[Map], mask: Mask) -> TTest:
    """One-sample t-test of the differences, after minus before; at least two pairs."""
    differences = np.stack([b.astype(np.float64) - a for a, b in zip(before, after, strict=True)])
    count = len(differences)
    error = differences.std(axis=0, ddof=1) / np.sqrt(count)
    return _tested(differences.mean(axis=0), error, count - 1, mask)


def between(first: Sequence[Map], second: Sequence[Map], mask: Mask) -> TTest:
    """Two-sample t-test with pooled variance, first minus second; at least two in each."""
    one, two = np.stack(first).astype(np.float64), np.stack(second).astype(np.float64)
    freedom = len(one) + len(two) - 2
    squares = one.var(axis=0) * len(one) + two.var(axis=0) * len(two)
    error = np.sqrt(squares / freedom * (1 / len(one) + 1 / len(two)))
    return _tested(one.mean(axis=0) - two.mean(axis=0), error, freedom, mask)


def likeness(first: TTest, second: TTest, mask: Mask) -> Likeness:
    """How alike two t-maps are over a mask."""
    correlation = float(np.corrcoef(first.t[mask], second.t[mask])[0, 1])
    total = int(first.significant.sum() + second.significant.sum())
    both = int((first.significant & second.significant).sum())
    tops = [_top(one, mask) for one in (first, second)]
    overlap_top = 2.0 * float((tops[0] & tops[1]).sum()) / float(tops[0].sum() + tops[1].sum())
    return Likeness(correlation, 2.0 * both / total if total else None, overlap_top)


def _tested(effect: TMap, error: TMap, freedom: int, mask: Mask) -> TTest:
    t = np.zeros(effect.shape)
    known = mask & (error > 0)
    t[known] = effect[known] / error[known]
    significant = np.zeros(mask.shape, bool)
    if mask.any():
        chances = 2.0 * stats.t.sf(np.abs(t[mask]), freedom)
        significant[mask] = stats.false_discovery_control(chances) <= LEVEL
    return TTest(t, freedom, significant)


def _top(test: TTest, mask: Mask) -> Mask:
    bar = np.quantile(np.abs(test.t[mask]), 1.0 - TOP_SHARE)
    top: Mask = mask & (np.abs(test.t) >= bar)
    return top
