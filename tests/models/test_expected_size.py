"""What is expected of a step, against the same counted coefficient by coefficient."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcodec.layout import step_of
from vqcodec.models.expected_size import HIGHEST, LOWEST, Magnitudes, magnitudes_of


def some(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    shapes = [(7, 6, 5, 4), (7, 3, 3, 2)]
    details = [rng.laplace(0, 0.1 * 2 ** rng.uniform(-9, 9), shape) for shape in shapes]
    for part in details:
        part[rng.random(part.shape) < 0.3] = 0
    return [d.astype(np.float32) for d in details], [rng.random(s) < 0.7 for s in shapes]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(LOWEST, HIGHEST))
def test_counts(seed: int, index: int) -> None:
    details, support = some(seed)
    found = magnitudes_of(details, support)
    size = np.abs(np.concatenate([d[s] for d, s in zip(details, support, strict=True)]))
    threshold = 0.6 * step_of(index)
    unclear = np.abs(size / threshold - 1) < 1e-5
    if unclear.any():
        return
    above = size[size > threshold].astype(np.float64)
    at = index - LOWEST
    assert found.coded == size.size
    assert found.significant[at] == above.size
    assert found.log2_sums[at] == pytest.approx(np.log2(above).sum(), rel=1e-5, abs=1e-3)
    below = float(np.square(size[size <= threshold], dtype=np.float64).sum())
    rounded = above.size * step_of(index) ** 2 / 12
    total = float(np.square(size, dtype=np.float64).sum())
    assert found.squared_error(index) == pytest.approx(below + rounded, abs=1e-5 * total + 1e-30)


@pytest.mark.parametrize("is_trellis", [False, True])
@pytest.mark.parametrize("is_optimised", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_finer_steps_take_no_fewer_bits(seed: int, is_optimised: bool, is_trellis: bool) -> None:
    found = magnitudes_of(*some(seed))
    bits = [found.bits(index, is_optimised, is_trellis) for index in range(LOWEST, HIGHEST + 1)]
    assert bits == sorted(bits)
    assert all(math.isfinite(each) for each in bits)
    assert bits[-1] > 0


@pytest.mark.parametrize("is_optimised", [False, True])
def test_nothing_takes_nothing(is_optimised: bool) -> None:
    nothing = np.zeros((7, 2, 2, 2), np.float32)
    found = magnitudes_of([nothing], [np.ones(nothing.shape, bool)])
    assert found.bits(HIGHEST, is_optimised) == 0
    assert found.squared_error(HIGHEST) == 0
    uncoded = magnitudes_of([nothing + 1], [np.zeros(nothing.shape, bool)])
    assert isinstance(uncoded, Magnitudes)
    assert uncoded.bits(LOWEST, is_optimised) == 0
