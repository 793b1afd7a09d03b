"""k-means for codebooks: a start on real latents, and draws of what a codebook codes badly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROWS_AT_ONCE = 32768


@dataclass(frozen=True)
class Clusters:
    """Result of :func:`k_means`.

    Attributes
    ----------
    centres_KD : Tensor
        Surplus centres (fewer distinct points than centres) repeat the first one.
    counts_K : Tensor
        Points of each, float; zero for surplus centres.
    """

    centres_KD: Tensor
    counts_K: Tensor


def nearest(points_ND: Tensor, entries_KD: Tensor) -> Tensor:
    """Index of the nearest entry of every point, the lowest of equally near ones.

    Parameters
    ----------
    points_ND, entries_KD : Tensor
        float32.

    Returns
    -------
    Tensor
        int64, ``(N,)``.

    Notes
    -----
    Distances are worked out in float64 where the device has it, where the TF32 and bfloat16
    products that may be on for the network do not apply, and rounded to float32: a matrix
    product does not round all columns alike, and entries equally near must compare as equal.
    """
    dtype = torch.float32 if points_ND.device.type == "mps" else torch.float64
    entries = entries_KD.to(dtype)
    half_norms_K = 0.5 * entries.square().sum(1)
    parts = [
        torch.addmm(half_norms_K, rows.to(dtype), entries.T, alpha=-1.0).float().argmin(1)
        for rows in points_ND.split(ROWS_AT_ONCE)
    ]
    return torch.cat(parts)


def weighted_draw(weights_N: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Draw rows without replacement, with probability proportional to a weight.

    Returns
    -------
    tuple of Tensor
        ``count`` indices, and whether each may be used: its weight is positive, and it is no
        repetition made because there are fewer rows than draws.
    """
    taken = min(count, weights_N.shape[0])
    # Exponential races (Efraimidis and Spirakis 2006): the earliest arrivals are the draw.
    arrivals_N = torch.empty_like(weights_N).exponential_() / weights_N
    first, rows = arrivals_N.topk(taken, largest=False)
    usable = torch.isfinite(first)
    if taken < count:
        missing = count - taken
        rows = torch.cat((rows, rows.new_zeros(missing)))
        usable = torch.cat((usable, usable.new_zeros(missing)))
    return rows, usable


def spread_centres(points_ND: Tensor, size: int) -> tuple[Tensor, int]:
    """Choose points as first centres by k-means++ (Arthur and Vassilvitskii 2007).

    Returns
    -------
    tuple
        Centres ``(K, D)`` and how many of them are distinct points.
    """
    rows = [torch.randint(points_ND.shape[0], (), device=points_ND.device)]
    squared_N = (points_ND - points_ND[rows[0]]).square().sum(1)
    floor = 1e-10 * float(squared_N.mean())
    while len(rows) < size:
        weights_N = torch.where(squared_N > floor, squared_N, 0.0)
        if not bool((weights_N > 0).any()):
            break
        rows.append(torch.multinomial(weights_N, 1)[0])
        distances_N = (points_ND - points_ND[rows[-1]]).square().sum(1)
        squared_N = torch.minimum(squared_N, distances_N)
    distinct = len(rows)
    chosen = torch.stack(rows + rows[:1] * (size - distinct))
    return points_ND[chosen], distinct


def k_means(points_ND: Tensor, size: int, iterations: int = 8) -> Clusters:
    """Lloyd's iteration from a k-means++ start, on the default random generator.

    Parameters
    ----------
    points_ND : Tensor
        At least one point, float32, finite.
    size : int
        Number of centres K.
    """
    centres_KD, distinct = spread_centres(points_ND, size)
    counts_K = centres_KD.new_zeros(size)
    for iteration in range(iterations + 1):
        nearest_N = nearest(points_ND, centres_KD[:distinct])
        counts_K = torch.zeros_like(counts_K).index_add_(
            0, nearest_N, torch.ones_like(points_ND[:, 0])
        )
        if iteration < iterations:
            sums_KD = torch.zeros_like(centres_KD).index_add_(0, nearest_N, points_ND)
            means_KD = sums_KD / counts_K.clamp(min=1.0)[:, None]
            centres_KD = torch.where(counts_K[:, None] > 0, means_KD, centres_KD)
    return Clusters(centres_KD, counts_K)
