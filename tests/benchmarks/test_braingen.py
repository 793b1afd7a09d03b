"""The paper's metrics against other ways to compute them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.braingen import mmd, ms_ssim_variant

from .evidence_stubs import blurred

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def noise(seed: int, side: int = 40) -> np.ndarray:
    smooth = blurred(np.random.default_rng(seed).random((side, side + 3, side - 2)), 1.0)
    return (smooth / smooth.max()).astype(np.float32)


def by_torch(first: np.ndarray, second: np.ndarray) -> float:
    """Explicit window of 13 taps on symmetric borders, in double precision."""
    taps = torch.exp(-(torch.arange(-6, 7, dtype=torch.float64) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()

    def smooth(volume: np.ndarray) -> torch.Tensor:
        padded = torch.from_numpy(np.pad(volume, 6, mode="symmetric"))[None, None]
        for axis in range(3):
            shape = [1, 1, 1, 1, 1]
            shape[2 + axis] = 13
            padded = torch.nn.functional.conv3d(padded, taps.reshape(shape))
        return padded[0, 0]

    x, y = first.astype(np.float64), second.astype(np.float64)
    terms = []
    for _ in WEIGHTS:
        mx, my = smooth(x), smooth(y)
        vx, vy, cov = smooth(x * x) - mx**2, smooth(y * y) - my**2, smooth(x * y) - mx * my
        cs = (2 * cov + 0.0009) / (vx + vy + 0.0009)
        terms.append(
            (float((cs * (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)).mean()), float(cs.mean()))
        )
        pooled = [
            torch.nn.functional.avg_pool3d(torch.from_numpy(v)[None, None], 2) for v in (x, y)
        ]
        x, y = (one[0, 0].numpy() for one in pooled)
    product = 1.0
    for (_, cs), weight in zip(terms[:-1], WEIGHTS[:-1], strict=True):
        product *= cs**weight * terms[-1][0] ** WEIGHTS[-1]
    return product


def test_the_variant_agrees_with_an_independent_one() -> None:
    first = noise(1)
    second = np.clip(first + 0.1 * noise(2) - 0.05, 0, 1).astype(np.float32)
    assert ms_ssim_variant(first, second) == pytest.approx(by_torch(first, second), abs=1e-5)
    assert ms_ssim_variant(first, first) == pytest.approx(1.0, abs=1e-6)


def test_blur_lowers_it() -> None:
    first = noise(1)
    values = [ms_ssim_variant(first, blurred(first, width)) for width in (0.0, 0.5, 1.0, 2.0)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 4


def test_mmd_by_the_kernel_sums() -> None:
    """(sum of xx + sum of yy) / B^2 - 2 sum of xy / B^2, as 3dbraingen writes it."""
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 3, 4, 5, 6)).astype(np.float32)
    flat_x, flat_y = (one.reshape(3, -1).astype(np.float64) for one in (x, y))
    by_hand = ((flat_x @ flat_x.T).sum() + (flat_y @ flat_y.T).sum()) / 9
    by_hand -= 2 * (flat_x @ flat_y.T).sum() / 9
    assert mmd(list(x - y)) == pytest.approx(by_hand, rel=1e-5)
    assert mmd([x[0] - y[0]]) == pytest.approx(float(((x[0] - y[0]) ** 2).sum()), rel=1e-5)
