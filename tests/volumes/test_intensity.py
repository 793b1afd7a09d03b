"""Stored values to intensities and back."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vqcodec.errors import VolumeError
from vqcodec.formats.volumes import read_volume_bytes, scaled_values, stored_from_scaled

from .making import nifti_bytes, npy_bytes

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)
INTEGERS = st.sampled_from(["|u1", "|i1", "<u2", ">i2", "<u4", ">i4"])
FLOATS = st.sampled_from(["<f2", ">f4", "<f4", ">f8", "<f8"])


def _scaled(array: Any, slope: float = 1.0, inter: float = 0.0) -> tuple[Any, Any]:
    volume = read_volume_bytes(nifti_bytes(array, slope=slope, inter=inter), ".nii")
    return volume, scaled_values(volume)


@given(
    array=INTEGERS.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)),
    slope=st.floats(width=32, allow_nan=False, allow_infinity=False),
    inter=st.floats(-1e5, 1e5, width=32),
)
def test_integers_of_any_scaling_come_back_exactly(array: Any, slope: float, inter: float) -> None:
    volume, values = _scaled(array, slope, inter)
    if volume.slope is not None and abs(inter) > 2.0**50 * abs(volume.slope):
        return  # float64 itself cannot tell the stored values apart
    assert values.flags.c_contiguous
    assert values.dtype in (np.float32, np.float64)
    assert values.dtype.isnative
    stored = stored_from_scaled(values, array.dtype, volume.slope, volume.inter)
    assert stored.dtype == array.dtype
    assert stored.dtype.byteorder == array.dtype.byteorder
    np.testing.assert_array_equal(stored, array)


@given(array=FLOATS.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)))
def test_unscaled_floats_come_back_exactly(array: Any) -> None:
    volume = read_volume_bytes(npy_bytes(array), ".npy")
    values = scaled_values(volume)
    assert values.dtype == (np.float64 if array.dtype.itemsize == 8 else np.float32)
    stored = stored_from_scaled(values, array.dtype, None, None)
    np.testing.assert_array_equal(stored, array)


@given(
    array=st.sampled_from(["<i2", ">f4"]).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)),
    slope=st.floats(2.0**-10, 1024, width=32),
    inter=st.floats(-1000, 1000, width=32),
)
def test_same_intensities_as_nibabel(array: Any, slope: float, inter: float) -> None:
    _, values = _scaled(array, slope, inter)
    image = nib.Nifti1Image.from_bytes(nifti_bytes(array, slope=slope, inter=inter))
    with np.errstate(all="ignore"):
        expected = image.get_fdata(dtype=np.float64)
    finite = np.isfinite(expected)
    largest = np.abs(expected[finite]).max(initial=0)
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6 * largest)


@pytest.mark.parametrize(
    ("array", "slope", "inter", "expected"),
    [
        (np.array([0, 2**24], "<i4"), 1, 0, np.float32),
        (np.array([0, 2**24 + 1], "<i4"), 1, 0, np.float64),
        (np.array([-32768, 32767], "<i2"), 1e-3, 0, np.float32),
        (np.array([-32768, 32767], "<i2"), 1e-3, 1e6, np.float64),
        (np.array([-32768, 32767], "<i2"), 1e-40, 0, np.float64),
        (np.array([-32768, 32767], "<i2"), 3e38, 0, np.float64),
        (np.array([0.0, 1.0], "<f4"), 1e-3, 1e6, np.float64),
        (np.array([0, 0], "<i2"), 1, 0, np.float32),
    ],
)
def test_precision_follows_need(array: Any, slope: float, inter: float, expected: Any) -> None:
    assert _scaled(array, slope, inter)[1].dtype == expected


def test_values_are_rounded_half_to_even_and_clipped() -> None:
    values = np.array([-1e30, -0.5, 0.5, 1.5, 2.5, 254.5, 255.5, 1e30, np.inf, -np.inf])
    expected = [0, 0, 0, 2, 2, 254, 255, 255, 255, 0]
    for kind in (np.float32, np.float64):
        stored = stored_from_scaled(values.astype(kind), np.dtype("u1"), None, None)
        assert stored.tolist() == expected
    scaled = stored_from_scaled(np.array([10.0, 10.24, 11.0]), np.dtype(">i2"), 0.5, 10.0)
    assert scaled.tolist() == [0, 0, 2]
    assert scaled.dtype == np.dtype(">i2")


@pytest.mark.parametrize("dtype", ["i1", "u2", "<i4", ">u4", "<i8", ">u8", "?"])
def test_clipping_reaches_both_ends_of_every_integer_type(dtype: str) -> None:
    stored = stored_from_scaled(np.array([-1e300, 1e300]), np.dtype(dtype), None, None)
    if dtype == "?":
        assert stored.tolist() == [False, True]
        return
    info = np.iinfo(dtype)
    assert int(stored[0]) == info.min
    assert info.max - int(stored[1]) <= info.max // 2**52


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8"])
def test_floats_beyond_range_become_the_largest_and_nonfinite_stay(dtype: str) -> None:
    values = np.array([1e306, -1e306, np.nan, np.inf, -np.inf, 0.25])
    stored = stored_from_scaled(values, np.dtype(dtype), None, None)
    largest = min(1e306, float(np.finfo(dtype).max))
    np.testing.assert_array_equal(
        stored.astype(float), [largest, -largest, np.nan, np.inf, -np.inf, 0.25]
    )


def test_nan_cannot_become_an_integer() -> None:
    with pytest.raises(VolumeError, match="NaN cannot be stored"):
        stored_from_scaled(np.array([np.nan]), np.dtype("<i2"), 2.0, 1.0)


def test_scaling_beyond_float64_is_refused() -> None:
    data = nifti_bytes(np.array([3, 30000], "<i2"), version=2, slope=1e305)
    with pytest.raises(VolumeError, match="beyond every number format"):
        scaled_values(read_volume_bytes(data, ".nii"))


def test_nonfinite_voxels_are_left_alone() -> None:
    array = np.array([np.nan, np.inf, -np.inf, 2.0], "<f4")
    _, values = _scaled(array, 3.0, 1.0)
    np.testing.assert_array_equal(values, [np.nan, np.inf, -np.inf, 7.0])
    assert np.isnan(_scaled(np.full(3, np.nan, "<f4"), 2.0)[1]).all()
    signalling = np.frombuffer(b"\x7f\x80\x00\x01", ">f4")
    for slope in (1.0, 2.0):
        volume, values = _scaled(signalling, slope)
        assert np.isnan(values).all()
        assert np.isnan(stored_from_scaled(values, np.dtype(">f4"), volume.slope, None)).all()
