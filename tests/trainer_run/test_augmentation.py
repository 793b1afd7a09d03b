from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from vqcodec.trainer.augmentation import (
    AugmentationSettings,
    bias_field,
    draw_patch,
)
from vqcodec.trainer.pack import Pack
from vqcodec.trainer.synthetic import synthetic_patch

ALWAYS = AugmentationSettings(affine=1.0, bias_share=1.0, gamma_share=1.0, noise_share=1.0)

NO_AUGMENTATION = AugmentationSettings(
    flip=False,
    permute=False,
    affine=0.0,
    brightness=0.0,
    gamma_share=0.0,
    bias_share=0.0,
    noise_share=0.0,
)


@pytest.fixture
def pack(pack_path: Path) -> Pack:
    return Pack(pack_path)


def test_a_seed_fixes_a_patch(pack: Pack) -> None:
    scan = pack.scans[0]
    patches = [
        draw_patch(
            partial(pack.read, scan),
            scan.shape,
            (32, 24, 16),
            ALWAYS,
            np.random.default_rng(seed),
            scan.masked,
        )
        for seed in (1, 1, 2)
    ]
    assert patches[0].shape == (32, 24, 16)
    assert patches[0].dtype == np.float32
    assert np.isfinite(patches[0]).all()
    assert np.array_equal(patches[0], patches[1])
    assert not np.array_equal(patches[0], patches[2])


def test_no_augmentation_copies_voxels(pack: Pack) -> None:
    scan = pack.scans[0]
    patch = draw_patch(
        partial(pack.read, scan),
        scan.shape,
        (64, 64, 64),
        NO_AUGMENTATION,
        np.random.default_rng(0),
        scan.masked,
    )
    origin = [(side - 64) // 2 for side in scan.shape]
    assert np.array_equal(patch, pack.read(scan, origin, (64, 64, 64)))


def test_an_affine_map_without_motion_changes_nothing(pack: Pack) -> None:
    scan = pack.scans[0]
    still = replace(NO_AUGMENTATION, affine=1.0, rotation_degrees=0.0, zoom=0.0)
    moved, kept = (
        draw_patch(
            partial(pack.read, scan),
            scan.shape,
            (16, 24, 20),
            settings,
            np.random.default_rng(3),
            scan.masked,
        )
        for settings in (still, NO_AUGMENTATION)
    )
    assert np.allclose(moved, kept, atol=1e-4)


def test_background_stays_exactly_zero(pack: Pack) -> None:
    scan = pack.scans[0]
    patch = draw_patch(
        partial(pack.read, scan),
        scan.shape,
        (64, 64, 64),
        ALWAYS,
        np.random.default_rng(0),
        scan.masked,
    )
    assert not patch[:2].any()
    assert np.count_nonzero(patch) > 0.05 * patch.size


def test_a_bias_field_is_smooth_and_positive() -> None:
    field = bias_field((64, 64, 64), 0.12, np.random.default_rng(0))
    assert field.min() > 0
    assert np.abs(np.diff(field, axis=0)).max() < 0.05
    assert field.std() > 0.01


def test_synthetic_volumes_follow_the_layers_and_the_seed() -> None:
    ball = np.zeros((4, 40, 40, 40), np.float32)
    ball[:, 8:32, 8:32, 8:32] = np.array([0.7, 0.6, 0.4, 1.0])[:, None, None, None]
    first, again, other = (
        synthetic_patch((48, 48, 48), np.random.default_rng(seed), layers=ball)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not first[:2].any()
    assert 0.3 < np.median(first[first > 0]) < 1.1


def test_the_template_of_nilearn_serves() -> None:
    pytest.importorskip("nilearn")
    patch = synthetic_patch((32, 32, 32), np.random.default_rng(0))
    assert patch.shape == (32, 32, 32)
    assert patch.any()
