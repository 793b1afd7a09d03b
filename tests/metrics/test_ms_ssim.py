"""MS-SSIM against pytorch-msssim, against the plain definition, and against values by hand."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from vqcodec import metrics
from vqcodec.ms_ssim import MS_SSIM_WEIGHTS

Single = NDArray[np.float32]


def smooth_pair(shape: tuple[int, ...], noise: float) -> tuple[Single, Single]:
    """A smooth volume in [0, 1] and a noisy copy."""
    random = np.random.default_rng(1)
    places = [np.linspace(0, 9 + axis, side) for axis, side in enumerate(shape)]
    grids = np.meshgrid(*places, indexing="ij")
    volume = 0.5 + 0.5 * np.sin(grids[0]) * np.cos(grids[1]) * np.sin(grids[2] + 1)
    noisy = volume + noise * random.standard_normal(shape)
    return volume.astype(np.float32), np.clip(noisy, 0, 1).astype(np.float32)


def plain_terms(x: Single, y: Single, lengths: tuple[int, ...]) -> tuple[float, float]:
    """Mean SSIM and contrast by the definition: every window of every position, in float64."""
    windows = []
    for length in lengths:
        window = np.exp(-((np.arange(length) - length // 2) ** 2) / 4.5)
        windows.append(window / window.sum())
    cube = np.einsum("i,j,k->ijk", *windows)
    similarity, contrast = [], []
    positions = (range(side - n + 1) for side, n in zip(x.shape, lengths, strict=True))
    for corner in itertools.product(*positions):
        place = tuple(slice(at, at + n) for at, n in zip(corner, lengths, strict=True))
        a, b = x[place].astype(np.float64), y[place].astype(np.float64)
        mean_a, mean_b = (cube * a).sum(), (cube * b).sum()
        variances = (cube * (a - mean_a) ** 2).sum() + (cube * (b - mean_b) ** 2).sum()
        covariance = (cube * (a - mean_a) * (b - mean_b)).sum()
        term = (2 * covariance + 9e-4) / (variances + 9e-4)
        contrast.append(term)
        similarity.append(term * (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4))
    return float(np.mean(similarity)), float(np.mean(contrast))


def plain_halved(x: Single) -> Single:
    """2x2x2 means after one plane of zeros in front of every odd side."""
    padded = np.pad(x, [(side % 2, 0) for side in x.shape])
    sides = [side // 2 for side in padded.shape]
    blocks = padded.reshape(sides[0], 2, sides[1], 2, sides[2], 2)
    return np.asarray(blocks.mean(axis=(1, 3, 5)), dtype=np.float32)


@pytest.mark.parametrize(("shape", "noise"), [((161, 163, 162), 0.1)])
def test_agrees_with_pytorch_msssim(shape: tuple[int, ...], noise: float) -> None:
    torch = pytest.importorskip("torch")
    oracle = pytest.importorskip("pytorch_msssim")
    x, y = smooth_pair(shape, noise)
    module = oracle.MS_SSIM(data_range=1.0, channel=1, spatial_dims=3)
    a, b = (torch.from_numpy(volume)[None, None].double() for volume in (x, y))
    with torch.no_grad():
        expected = float(module(a, b))
    assert expected < 0.9999
    assert metrics.ms_ssim_3d(x, y, 1.0) == pytest.approx(expected, abs=5e-6)


def test_two_scales_follow_the_definition_with_renormalised_weights() -> None:
    x, y = smooth_pair((21, 23, 22), 0.1)
    first, second = MS_SSIM_WEIGHTS[:2]
    total = sum(MS_SSIM_WEIGHTS)
    powers = (total * first / (first + second), total * second / (first + second))
    _, contrast = plain_terms(x, y, (11, 11, 11))
    similarity, _ = plain_terms(plain_halved(x), plain_halved(y), (11, 11, 11))
    expected = contrast ** powers[0] * similarity ** powers[1]
    assert metrics.ms_ssim_3d(x, y, 1.0) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "box",
    [
        (slice(0, 7), slice(16, 23), slice(0, 7)),
        (slice(15, 21), slice(0, 7), slice(0, 22)),
        (slice(10, 11), slice(9, 12), slice(11, 12)),
    ],
)
def test_what_differs_in_a_part_only_follows_the_definition(box: tuple[slice, ...]) -> None:
    x, noisy = smooth_pair((21, 23, 22), 0.3)
    y = x.copy()
    y[box] = noisy[box]
    first, second = MS_SSIM_WEIGHTS[:2]
    total = sum(MS_SSIM_WEIGHTS)
    _, contrast = plain_terms(x, y, (11, 11, 11))
    similarity, _ = plain_terms(plain_halved(x), plain_halved(y), (11, 11, 11))
    expected = contrast ** (total * first / (first + second))
    expected *= similarity ** (total * second / (first + second))
    assert expected < 0.9999
    assert metrics.ms_ssim_3d(x, y, 1.0) == pytest.approx(expected, abs=2e-6)


def test_sides_below_the_window_get_its_middle() -> None:
    x, y = smooth_pair((14, 6, 1), 0.2)
    similarity, _ = plain_terms(x, y, (11, 5, 1))
    assert metrics.ms_ssim_3d(x, y, 1.0) == pytest.approx(
        similarity ** sum(MS_SSIM_WEIGHTS), abs=1e-5
    )


def test_two_constants_by_hand() -> None:
    """Contrast is one everywhere; the last of two scales has the luminance term."""
    first, second = MS_SSIM_WEIGHTS[:2]
    luminance = (2 * 0.5 * 0.25 + 1e-4) / (0.5**2 + 0.25**2 + 1e-4)
    expected = luminance ** (sum(MS_SSIM_WEIGHTS) * second / (first + second))
    x, y = np.full((32, 24, 24), 0.5), np.full((32, 24, 24), 0.25)
    assert metrics.ms_ssim_3d(x, y, 1.0) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 40), (11, 11, 11), (24, 25, 200)])
def test_equal_volumes_score_one(shape: tuple[int, ...]) -> None:
    x, _ = smooth_pair(shape, 0.0)
    assert metrics.ms_ssim_3d(x, x, 1.0) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "u1", "<f8", ">f4"])
def test_units_dtype_and_memory_order_do_not_matter(dtype: str) -> None:
    x, y = (np.rint(volume * 200) for volume in smooth_pair((30, 28, 33), 0.1))
    expected = metrics.ms_ssim_3d(x / 200, y / 200, 1.0)
    found = metrics.ms_ssim_3d(np.asfortranarray(x.astype(dtype)), y.astype(dtype), 200)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_extreme_units(unit: float) -> None:
    x, y = smooth_pair((30, 28, 33), 0.1)
    expected = metrics.ms_ssim_3d(x, y, 1.0)
    found = metrics.ms_ssim_3d(x.astype(np.float64) * unit, y.astype(np.float64) * unit, unit)
    assert found == pytest.approx(expected, abs=1e-6)


def test_opposite_volumes_score_zero() -> None:
    x = np.random.default_rng(2).random((24, 24, 24))
    assert metrics.ms_ssim_3d(x, 1 - x, 1.0) == 0.0


@pytest.mark.parametrize(
    ("first", "second", "data_range", "sentence"),
    [
        ((4, 4), (4, 4), 1.0, "3D volume"),
        ((4, 0, 4), (4, 0, 4), 1.0, "3D volume"),
        ((4, 4, 4), (4, 4, 5), 1.0, "differ in shape"),
        ((4, 4, 4), (4, 4, 4), 0.0, "data_range"),
        ((4, 4, 4), (4, 4, 4), float("nan"), "data_range"),
    ],
)
def test_bad_arguments(
    first: tuple[int, ...], second: tuple[int, ...], data_range: float, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        metrics.ms_ssim_3d(np.zeros(first), np.zeros(second), data_range)


def test_memory_is_bounded() -> None:
    x, y = np.zeros((192, 256, 192), np.float32), np.ones((192, 256, 192), np.float32)
    tracemalloc.start()
    try:
        metrics.ms_ssim_3d(x, y, 1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20


def test_metrics_import_without_torch() -> None:
    program = "import sys, vqcodec.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
