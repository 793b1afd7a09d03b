"""What is background, what is foreground, and the robust range, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vqcodec import metrics
from vqcodec.background import (
    background_value,
    finite_voxels,
    foreground,
    robust_range,
    solid_background,
)

SHAPE = (24, 26, 28)


def ball(radius: float = 9.0) -> NDArray[np.bool_]:
    grid = np.indices(SHAPE) - np.array(SHAPE)[:, None, None, None] / 2
    inside: NDArray[np.bool_] = (grid**2).sum(axis=0) < radius**2
    return inside


def anatomy(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(50, 100, SHAPE).astype(np.float32)


def test_a_masked_scan_is_all_that_is_not_background() -> None:
    inside = ball()
    values = np.where(inside, anatomy(), 0)
    hole = (12, 13, 14)
    values[hole] = 0
    expected = inside.copy()
    expected[hole] = False
    np.testing.assert_array_equal(foreground(values), expected)
    background = solid_background(values)
    assert background is not None
    np.testing.assert_array_equal(background, ~expected)


@pytest.mark.parametrize("value", [-1024.0, 7.0])
def test_the_background_need_not_be_zero(value: float) -> None:
    inside = ball()
    values = np.where(inside, anatomy(), value)
    assert background_value(values) == value if value < 50 else 0
    np.testing.assert_array_equal(foreground(values), inside)


def test_zeros_scattered_in_noise_are_no_background() -> None:
    inside = ball()
    noise = np.random.default_rng(1).integers(0, 4, SHAPE)
    values = np.where(inside, anatomy().astype(np.int16), noise).astype(np.int16)
    assert np.count_nonzero(values == 0) > 0.02 * values.size
    assert solid_background(values) is None
    np.testing.assert_array_equal(foreground(values), inside)


def test_solid_zeros_beside_scattered_ones_are_background() -> None:
    inside = ball(7)
    noise = np.random.default_rng(1).integers(0, 4, SHAPE)
    values = np.where(inside, anatomy(), noise)
    values[:5] = 0
    background = solid_background(values)
    assert background is not None
    assert background[:5].all()
    assert np.count_nonzero(background) <= 1.1 * np.count_nonzero(background[:5])
    assert not background[inside].any()


def test_whole_head_without_zeros_is_what_is_above_the_noise() -> None:
    inside = ball()
    values = np.where(inside, anatomy(), np.random.default_rng(2).uniform(1, 5, SHAPE))
    np.testing.assert_array_equal(foreground(values), inside)


def test_nan_outside_is_background() -> None:
    inside = ball()
    values = np.where(inside, anatomy(), np.nan)
    values[12, 13, 14] = np.inf
    expected = inside.copy()
    expected[12, 13, 14] = False
    np.testing.assert_array_equal(foreground(values), expected)
    filled, flat, finite = finite_voxels(values)
    assert finite is not None
    assert flat == 0.0
    np.testing.assert_array_equal(filled == 0, ~finite)
    np.testing.assert_array_equal(filled[finite], values[finite])


def test_nothing_and_constants_have_no_foreground() -> None:
    for value in (0.0, 5.0, np.nan, np.inf):
        assert not metrics.foreground(np.full((3, 3, 3), value)).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, ">i4", ">f4"])
def test_robust_range(dtype: str) -> None:
    inside = ball()
    values = np.where(inside, anatomy(), 0).astype(dtype)
    values[12, 13, 14] = 120
    offset, scale = robust_range(values)
    assert offset == 0
    assert scale == pytest.approx(100, rel=0.02)


def test_robust_range_starts_where_the_values_do() -> None:
    values = anatomy() + 10_000
    offset, scale = robust_range(values)
    assert offset == pytest.approx(10_050, abs=0.5)
    assert scale == pytest.approx(50, rel=0.02)
    offset, scale = robust_range(anatomy() - 75)
    assert offset == pytest.approx(-25, abs=0.5)


def test_robust_range_of_nothing_much() -> None:
    assert robust_range(np.full(SHAPE, 5.0)) == (5.0, 5.0)
    assert robust_range(np.zeros(SHAPE)) == (0.0, 1.0)
    assert robust_range(ball()) == (0.0, 1.0)
    values = np.zeros(SHAPE)
    values[0, 0, 0] = -3.0
    assert robust_range(values) == (-3.0, 3.0)
