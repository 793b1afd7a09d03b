"""What looks like a label image, and what does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vqcodec.errors import VolumeError
from vqcodec.formats.volumes import (
    label_reason,
    read_volume_bytes,
    refuse_labels,
    volume_from_array,
)

from .making import nifti_bytes, numbers


def _blocks(values: int, dtype: str) -> NDArray[Any]:
    """Cubes of 5 voxels a side, each with one of so many values, in an empty surround."""
    rng = np.random.default_rng(3)
    cubes = rng.permutation(8**3).reshape(8, 8, 8) % values + 1
    for axis in range(3):
        cubes = cubes.repeat(5, axis)
    return np.pad(cubes, 4).astype(dtype)


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i4", "<f4", "<f8"])
@pytest.mark.parametrize("values", [1, 3, 40, 200])
def test_label_images(dtype: str, values: int) -> None:
    volume = volume_from_array(_blocks(values, dtype))
    with pytest.raises(VolumeError, match=r"looks like a label image.*--force"):
        refuse_labels(volume)


def test_labels_that_the_header_or_the_type_announces() -> None:
    scan = numbers((10, 10, 10))
    intent = read_volume_bytes(nifti_bytes(scan, intent_code=1002), ".nii")
    assert label_reason(intent) == "NIfTI intent 1002, label"
    assert label_reason(volume_from_array(scan > 60)) == "boolean voxels"


def test_a_mask_of_single_voxels() -> None:
    mask = (numbers((20, 20, 20)) > 115).astype("u1")
    assert label_reason(volume_from_array(mask)) == "2 distinct values"


def test_labels_in_the_first_frame_of_several() -> None:
    frames = np.stack([_blocks(3, "<i2"), _blocks(2, "<i2")], axis=-1)
    assert label_reason(volume_from_array(frames)) is not None


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((20, 20, 20), "<i2"),
        np.full((20, 20, 20), 7.5),
        np.full((20, 20, 20), np.nan, "<f4"),
        numbers((20, 20, 20), "u1"),
        numbers((3, 3, 3), "u1") % 2,
        _blocks(30, "<f4") + 0.5,
        np.pad(numbers((20, 20, 20)), 8),
        np.arange(20**3).reshape(20, 20, 20),
    ],
    ids=["zeros", "constant", "nan", "noise", "tiny", "fractions", "stripped", "ramp"],
)
def test_no_label_images(array: NDArray[Any]) -> None:
    volume = volume_from_array(array)
    assert label_reason(volume) is None
    refuse_labels(volume)
