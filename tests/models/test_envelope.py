"""When a simpler region is coded in place of the foreground."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcodec.envelope import closed, dark_level, envelope, faces


def ball(side: int = 40, share: float = 0.0, seed: int = 0) -> np.ndarray:
    """A ball; ``share`` of its voxels are missing."""
    axes = np.meshgrid(*[np.linspace(-1, 1, side)] * 3, indexing="ij")
    inside = sum(axis**2 for axis in axes) < 0.9
    missing = np.random.default_rng(seed).random(inside.shape) < share
    return np.asarray(inside & ~missing)


def test_a_smooth_outline_stays() -> None:
    assert envelope(ball()) is None


def test_everything_stays() -> None:
    assert envelope(np.ones((5, 6, 7), bool)) is None


def test_holes_are_closed() -> None:
    region = envelope(ball(share=0.02))
    assert region is not None
    assert not (region & ~ball()).any()
    assert np.count_nonzero(ball() & ~region) < 0.1 * np.count_nonzero(ball() & ~ball(share=0.02))


def test_a_few_holes_are_not_worth_it() -> None:
    foreground = ball()
    foreground[20, 20, 20:24] = False
    assert envelope(foreground) is None


def test_what_is_enclosed_is_closed_however_wide() -> None:
    foreground = ball()
    foreground[15:25, 15:25, 15:25] = False
    assert closed(foreground)[20, 20, 20]


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.1, 0.4, 0.9]))
@settings(max_examples=20)
def test_the_region_holds_the_foreground_and_stays_in_its_box(seed: int, share: float) -> None:
    foreground = np.zeros((13, 15, 12), bool)
    foreground[2:-2, 3:-1, 1:-2] = np.random.default_rng(seed).random((9, 11, 9)) < share
    region = closed(foreground)
    assert region[foreground].all()
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(foreground.any(axis=others))
        if occupied.size:
            reached = np.flatnonzero(region.any(axis=others))
            assert (reached.min(), reached.max()) == (occupied.min(), occupied.max())


@pytest.mark.parametrize(("mask", "count"), [((1, 1, 1), 6), ((2, 1, 1), 10), ((3, 3, 3), 54)])
def test_faces(mask: tuple[int, int, int], count: int) -> None:
    assert faces(np.ones(mask, bool)) == count


def test_holes_are_coded_as_dark_as_what_is_around_them() -> None:
    foreground = ball()
    foreground[10:30:4, 10:30:4, 10:30:4] = False
    holes = ball() & ~foreground
    rng = np.random.default_rng(1)
    x = np.where(foreground, rng.uniform(0.3, 0.9, holes.shape), 0).astype(np.float32)
    assert 0.3 <= dark_level(x, foreground, holes) < 0.35
    assert dark_level(x, np.zeros_like(foreground), holes) == 0
