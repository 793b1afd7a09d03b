"""PSNR, maximum error, MMD, Dice and the foreground on values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vqcodec import metrics


def test_psnr_by_hand() -> None:
    reference = np.zeros((2, 2, 2), np.int16)
    decoded = reference.copy()
    decoded[0, 0, 0] = 4
    assert metrics.psnr(reference, decoded, 255) == pytest.approx(20 * math.log10(255) - 3.0103)


def test_psnr_counts_the_mask_only() -> None:
    reference = np.zeros((300, 70, 70), np.float32)
    decoded = reference.copy()
    decoded[::2] = 0.1
    decoded[1::2] = 0.5
    mask = np.zeros(reference.shape, bool)
    mask[::2] = True
    assert metrics.psnr(reference, decoded, 1.0, mask) == pytest.approx(20.0, abs=1e-5)
    assert metrics.psnr(reference, decoded, 1.0) == pytest.approx(-10 * math.log10(0.13), abs=1e-5)


def test_psnr_of_equal_volumes_and_of_no_voxels() -> None:
    volume = np.arange(8.0).reshape(2, 2, 2)
    assert metrics.psnr(volume, volume, 7.0) == math.inf
    assert math.isnan(metrics.psnr(volume, volume + 1, 7.0, np.zeros((2, 2, 2), bool)))


def test_unsigned_values_do_not_wrap() -> None:
    first, second = np.zeros((3, 3), np.uint8), np.full((3, 3), 255, np.uint8)
    assert metrics.max_error(first, second) == 255.0
    assert metrics.psnr(first, second, 255) == pytest.approx(0.0)


def test_max_error_looks_at_every_block() -> None:
    first = np.zeros((64, 256, 256), np.float32)
    second = first.copy()
    second[-1, -1, -1] = -3.5
    assert metrics.max_error(first, second) == 3.5
    assert metrics.max_error(np.zeros((0, 2)), np.zeros((0, 2))) == 0.0


def test_log_mmd_of_the_paper() -> None:
    """A mean squared error of 8.936e-5 at 192x256x192 is the paper's 6.737."""
    reference = np.zeros((192, 256, 192), np.float32)
    decoded = np.full(reference.shape, math.sqrt(8.936e-5), np.float32)
    assert metrics.log_mmd(reference, decoded) == pytest.approx(6.737, abs=1e-3)
    assert metrics.log_mmd(reference, reference) == -math.inf


def test_dice_by_hand() -> None:
    first = np.array([1, 1, 1, 2, 0, 0])
    second = np.array([1, 2, 1, 2, 1, 0])
    assert metrics.dice(first, second, 1) == pytest.approx(2 * 2 / (3 + 3))
    assert metrics.dice(first, second, 2) == pytest.approx(2 * 1 / (1 + 2))
    assert math.isnan(metrics.dice(first, second, 7))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        metrics.psnr(np.zeros(3), np.zeros(4), 1.0)
    with pytest.raises(ValueError, match="mask has shape"):
        metrics.psnr(np.zeros(3), np.zeros(3), 1.0, np.ones(2, bool))
    with pytest.raises(ValueError, match="data_range"):
        metrics.psnr(np.zeros(3), np.zeros(3), -1.0)
