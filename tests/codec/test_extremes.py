"""NaN, infinities, constants, outliers and the ends of the number formats."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vqcodec import encode
from vqcodec.errors import VolumeError

from .phantoms import SHAPE, head, psnr, radius, there_and_back


def places(share: float, seed: int = 8) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(SHAPE) < share


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2"])
@pytest.mark.parametrize("share", [0.0002, 0.01, 0.4])
def test_nan_and_infinities_come_back(dtype: str, share: float) -> None:
    array = head().astype(dtype)
    array[places(share, 1)] = np.nan
    array[places(share, 2)] = np.inf
    array[places(share, 3)] = -np.inf
    vqz, volume = there_and_back(array, quality=7)
    for kind in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(kind(volume.array), kind(array))
    nonfinite = np.count_nonzero(~np.isfinite(array))
    assert vqz.header["frames"][0]["nonfinite"] == nonfinite
    assert vqz.figures["nonfinite_voxels"] == nonfinite
    assert psnr(array, volume.array) > 30


def test_background_of_nan_costs_nothing_but_the_mask() -> None:
    array = head().astype(np.float32)
    masked = np.where(array == 0, np.nan, array)
    vqz, volume = there_and_back(masked, quality=7)
    np.testing.assert_array_equal(np.isnan(volume.array), np.isnan(masked))
    assert vqz.info()["sections"]["nonfinite/0"] == 12
    assert vqz.nbytes <= encode(array, quality=7, effort=1).nbytes + 64


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nothing_but_nonfinite(value: float) -> None:
    array = np.full(SHAPE, value, np.float32)
    _, volume = there_and_back(array)
    np.testing.assert_array_equal(volume.array, array)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(0, "|u1"), (0, "<f4"), (-7, "<i2"), (3.25, "<f8"), (1e-42, "<f4"), (-1e300, "<f8")],
)
def test_constants_are_exact(value: float, dtype: str) -> None:
    array = np.full((9, 10, 11, 2), value, dtype)
    vqz, volume = there_and_back(array)
    np.testing.assert_array_equal(volume.array, array)
    assert vqz.codes["fine"].size == 0
    assert vqz.figures["psnr"] is None
    assert vqz.figures["max_error"] == 0


def test_large_constant_is_padded_until_it_is_believed() -> None:
    array = np.zeros((150, 160, 170), np.uint8)
    array[0, 0, 0] = 1
    vqz, volume = there_and_back(array, quality=9, force=True)
    assert vqz.nbytes < 5000
    np.testing.assert_array_equal(volume.array, array)


@pytest.mark.parametrize("top", [1e30, 1e-30, 1e-41, 3e38])
def test_ends_of_float32(top: float) -> None:
    array = head(top=top).astype(np.float32)
    vqz, volume = there_and_back(array, quality=7)
    assert psnr(array / np.float32(top), volume.array / np.float32(top)) > 35
    np.testing.assert_array_equal(volume.array == 0, array == 0)
    assert vqz.figures["psnr"] > 35


@pytest.mark.parametrize("top", [1e300, 1e-300, -1e200])
def test_ends_of_float64(top: float) -> None:
    array = head(top=top)
    vqz, volume = there_and_back(array, quality=7)
    assert psnr(array / top, volume.array / top) > 35
    assert vqz.figures["psnr"] > 35


def test_a_span_beyond_float64_is_refused() -> None:
    array = head(top=1.7e308)
    array[3, 3, 3] = -1.7e308
    with pytest.raises(VolumeError, match="too far apart to scale"):
        encode(array)


def test_negative_intensities() -> None:
    array = (head() - 700).astype(np.int16)
    vqz, volume = there_and_back(array, quality=7)
    assert psnr(array, volume.array) > 35
    np.testing.assert_array_equal(volume.array == -700, array == -700)
    assert vqz.header["frames"][0]["background"] == -700


def test_both_signs_without_background() -> None:
    array = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    array += (5 * np.cos(6 * radius(SHAPE))).astype(np.float32)
    vqz, volume = there_and_back(array, quality=7)
    assert psnr(array, volume.array) > 30
    assert vqz.header["frames"][0]["background"] is None


@pytest.mark.parametrize("factor", [50.0, 3000.0])
def test_outliers_are_coded(factor: float) -> None:
    clean = head(masked=False).astype(np.float32)
    array = clean.copy()
    array[13, 15, 14] = factor * 1000
    _, volume = there_and_back(array, quality=7, effort=5)
    assert volume.array[13, 15, 14] == pytest.approx(factor * 1000, rel=0.01)
    others = array == clean
    assert psnr(clean[others], volume.array[others]) > 30


def test_outliers_beyond_measure_are_clipped_and_said_to_be() -> None:
    clean = head(masked=False).astype(np.float32)
    array = clean.copy()
    array[13, 15, 14] = 1e9
    with pytest.raises(VolumeError, match=r"fitness -.*--force"):
        encode(array)
    vqz, volume = there_and_back(array, quality=7, force=True)
    others = array == clean
    assert psnr(clean[others], volume.array[others]) > 30
    assert volume.array.max() < 1e7
    assert vqz.figures["max_error"] == pytest.approx(1e9, rel=0.01)


def test_noise_that_cannot_be_shown_is_refused() -> None:
    generator = np.random.default_rng(0)
    noise = generator.choice([100, 900], (40, 40, 40)) + generator.normal(0, 20, (40, 40, 40))
    with pytest.raises(VolumeError, match=r"fitness -.*allow more bytes.*--force"):
        encode(noise, ratio=0.5, effort=1)
    assert encode(noise, ratio=0.5, effort=1, force=True).figures["psnr_foreground"] < 10
