"""Variants of training scans: other grids, other outlines."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from vqcodec.trainer.mask_prior import training_masks
from vqcodec.trainer.scans import FloatVolume, darkened, regrid, reorient


def ball(side: int, radius: float) -> FloatVolume:
    """A ball of ones and more in a cube of zeros."""
    axes = np.indices((side,) * 3) - (side - 1) / 2
    inside = (axes**2).sum(axis=0) < radius**2
    return np.where(inside, 1 + axes[0] / side, 0).astype(np.float32)


@pytest.mark.parametrize("order", [1, 3])
def test_nothing_moves_on_the_own_grid(order: int) -> None:
    x = ball(24, 9)
    same = reorient(x, np.ones(3), np.zeros(3), order)
    np.testing.assert_allclose(same, x, atol=1e-5)


def test_a_turned_ball_stays_where_it_is_and_as_large() -> None:
    x = ball(40, 15)
    turned = reorient(x, np.array([0.9, 1.0, 1.1]), np.array([7.0, -5.0, 9.0]), 1)
    assert turned.shape == (36, 40, 44)
    inside = turned != 0
    assert abs(inside.sum() / (x != 0).sum() / (0.9 * 1.1) - 1) < 0.03
    middle = np.array([where.mean() for where in np.nonzero(inside)])
    np.testing.assert_allclose(middle, (np.array(turned.shape) - 1) / 2, atol=0.3)


def test_a_turned_background_is_zero_and_nothing_else_is() -> None:
    x = ball(40, 15)
    turned = reorient(x, np.ones(3), np.array([10.0, 20.0, -15.0]), 1)
    values = turned[turned != 0]
    assert values.min() > 0.2
    assert values.max() < 1.6


def test_a_whole_head_has_no_edge_of_zeros() -> None:
    x = np.full((20, 20, 20), 0.3, np.float32)
    turned = reorient(x, np.ones(3), np.array([15.0, 0.0, 0.0]), 1)
    np.testing.assert_allclose(turned, 0.3, atol=1e-5)


def test_regridding_is_of_the_seed_alone_and_keeps_a_solid_background() -> None:
    x = ball(32, 11)
    for seed in range(12):
        one, other = (regrid(x, (1.0, 1.0, 1.2), np.random.default_rng(seed)) for _ in "ab")
        np.testing.assert_array_equal(one, other)
        assert one.flags.c_contiguous
        assert 0.02 < (one != 0).mean() < 0.5


def test_darkening_only_darkens() -> None:
    x = np.linspace(0, 1, 1000, dtype=np.float32).reshape(10, 10, 10)
    for seed in range(8):
        dark = darkened(x, np.random.default_rng(seed))
        assert (dark == 0).sum() > (x == 0).sum()
        assert (dark <= x + 1e-6).all()
        assert dark.max() > 0.9


def test_masks_are_of_stripped_scans_alone_and_fill_their_box(tmp_path: Path) -> None:
    rows = ["path,split,source,licence,modality,voxel_mm"]
    noise = np.random.default_rng(0).normal(1, 0.1, (24, 24, 24)).astype(np.float32)
    for name, volume in (("ball", ball(24, 9)), ("head", noise)):
        image = nib.Nifti1Image(volume, np.eye(4))  # type: ignore[no-untyped-call]
        nib.save(image, tmp_path / f"{name}.nii")  # type: ignore[attr-defined]
        rows.append(f"{name}.nii,train,{name},CC0,T1w,1x1x1")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    masks = list(training_masks(tmp_path, 10, 3))
    assert len(masks) == 10
    for mask in masks:
        assert max(mask.shape) < 28
        assert not mask.all()
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            assert mask.any(axis=others)[[0, -1]].all()
