"""Barron's general robust loss and the partition function of its distribution (2019)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from torch import Tensor

SMALLEST_GAP = 1e-12
SERIES_BELOW = 1e-2
SPLINE_INTERVALS = 256
QUADRATURE_STEP = 0.0125
QUADRATURE_REACH = 4.4


def general_loss(x: Tensor, alpha: Tensor, scale: Tensor) -> Tensor:
    """Equation 3 of the paper, elementwise, for alpha from 0 to 2.

    Parameters
    ----------
    x : Tensor
        Residuals.
    alpha : Tensor
        Shape: 2 is L2, 1 Charbonnier (a smooth L1), 0 Cauchy; broadcasts with ``x``.
    scale : Tensor
        c, positive; residuals below it are penalised quadratically.

    Notes
    -----
    With b = 2 - alpha and L = log(1 + (x/c)^2 / b) the loss is ``b/2 L g(alpha L / 2)``,
    g(t) = (exp(t) - 1) / t, which has no pole at alpha = 0. At alpha = 2 it is the limit
    ``(x/c)^2 / 2``, with no gradient to alpha (the true one is infinite).
    """
    squared = (x / scale).square()
    gap = 2.0 - alpha
    is_square = gap <= SMALLEST_GAP
    safe_gap = torch.where(is_square, 1.0, gap)
    logarithm = torch.log1p(squared / safe_gap)
    general = 0.5 * safe_gap * logarithm * _relative_exponential(0.5 * alpha * logarithm)
    return torch.where(is_square, 0.5 * squared, general)


def _relative_exponential(t: Tensor) -> Tensor:
    """``(exp(t) - 1) / t`` with exact derivatives around 0."""
    small = t.abs() < SERIES_BELOW
    safe = torch.where(small, 1.0, t)
    series = 1.0 + t / 2.0 * (1.0 + t / 3.0 * (1.0 + t / 4.0 * (1.0 + t / 5.0)))
    return torch.where(small, series, torch.expm1(safe) / safe)


def log_partition_by_quadrature(alphas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of ``Z(alpha)``, the integral of exp(-loss) at scale 1, ``(N,)`` to ``(N,)``.

    Notes
    -----
    Double-exponential quadrature (x = sinh(pi/2 sinh t)): Cauchy tails need no special care.
    """
    t = np.arange(-QUADRATURE_REACH, QUADRATURE_REACH, QUADRATURE_STEP)
    x = np.sinh(0.5 * np.pi * np.sinh(t))
    weights = 0.5 * np.pi * np.cosh(t) * np.cosh(0.5 * np.pi * np.sinh(t)) * QUADRATURE_STEP
    loss = general_loss(
        torch.from_numpy(x)[None], torch.from_numpy(alphas)[:, None], torch.ones(())
    )
    logarithms: NDArray[np.float64] = np.log(np.exp(-loss.numpy()) @ weights)
    return logarithms


@lru_cache(maxsize=1)
def _spline() -> NDArray[np.float64]:
    """Coefficients ``(4, intervals)`` over ``s = atan(alpha^(1/2) / (2 - alpha)^(1/4))``.

    The partition function goes like b log b near b = 2 - alpha = 0, and its derivatives grow
    without bound near alpha = 0; in s both ends are smooth enough for cubic pieces.
    """
    s = np.linspace(0.0, 0.5 * np.pi, SPLINE_INTERVALS + 1)
    squared = np.tan(s) ** 4
    alphas = 4.0 * squared / (squared + np.sqrt(squared**2 + 8.0 * squared + 1e-300))
    alphas[0], alphas[-1] = 0.0, 2.0
    coefficients: NDArray[np.float64] = CubicSpline(s, log_partition_by_quadrature(alphas)).c
    return coefficients


def log_partition(alpha: Tensor) -> Tensor:
    """Logarithm of the partition function for alpha from 0 to 2, differentiable.

    Returns
    -------
    Tensor
        Within 1e-8 of the integral in float64.
    """
    coefficients = torch.from_numpy(_spline()).to(alpha)
    width = 0.5 * math.pi / SPLINE_INTERVALS
    root = alpha.clamp(min=SMALLEST_GAP).sqrt()
    s = torch.atan2(root, (2.0 - alpha).clamp(min=SMALLEST_GAP) ** 0.25)
    interval = (s.detach() / width).floor().clamp(0, SPLINE_INTERVALS - 1)
    offset = s - interval * width
    cubic, square, linear, constant = (row[interval.long()] for row in coefficients)
    value: Tensor = ((cubic * offset + square) * offset + linear) * offset + constant
    return value


def negative_log_likelihood(x: Tensor, alpha: Tensor, scale: Tensor) -> Tensor:
    """General loss plus what makes it the logarithm of a density, elementwise."""
    return general_loss(x, alpha, scale) + torch.log(scale) + log_partition(alpha)
