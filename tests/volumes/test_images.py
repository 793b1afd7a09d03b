"""Nibabel images in memory."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from vqcodec.errors import VolumeError
from vqcodec.formats.volumes import (
    image_from_volume,
    read_volume,
    read_volume_bytes,
    scaled_values,
    volume_from_array,
    volume_from_image,
    volume_to_bytes,
)

from .making import AFFINE, PAIRS, SINGLES, nifti_bytes, numbers, saved

CLASSES = {**SINGLES, **PAIRS}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("shape", [(5, 4, 3), (3, 4, 5, 2)])
def test_image_of_an_array_comes_back_as_its_class(name: str, shape: tuple[int, ...]) -> None:
    array = numbers(shape, "<f4")
    image = CLASSES[name](array, AFFINE if "analyze" not in name else np.diag([-2, 2, 2, 1.0]))
    volume = volume_from_image(image)
    assert volume.format == name
    again = image_from_volume(volume)
    assert type(again) is type(image)
    assert again.shape == shape
    np.testing.assert_array_equal(again.get_fdata(), array)
    np.testing.assert_allclose(again.affine, image.affine, atol=1e-4)
    assert again.get_data_dtype() == image.get_data_dtype()
    if name in SINGLES:
        np.testing.assert_array_equal(
            np.frombuffer(volume_to_bytes(volume, ".nii" if "nifti" in name else ".mgh"), "u1"),
            np.frombuffer(image.to_bytes(), "u1"),
        )


def test_float_data_under_an_integer_header_is_scaled_as_nibabel_would() -> None:
    values = np.linspace(-1, 3, 60).reshape(5, 4, 3)
    image = nib.Nifti1Image(values, AFFINE)
    image.set_data_dtype(np.int16)
    before = image.header.copy()
    volume = volume_from_image(image)
    assert volume.array.dtype == np.int16
    assert volume.slope is not None
    np.testing.assert_allclose(scaled_values(volume), values, atol=4 / 65535)
    assert image.header == before


def test_a_type_named_smallest_is_settled() -> None:
    image = nib.Nifti1Image(numbers((5, 4, 3), "<i4"), AFFINE, dtype="smallest")
    volume = volume_from_image(image)
    assert volume.array.dtype == np.uint8
    np.testing.assert_array_equal(volume.array, numbers((5, 4, 3)))


def test_an_image_as_loaded_gives_its_file(tmp_path: Path) -> None:
    data = nifti_bytes(
        numbers((5, 4, 3), ">i2"), slope=0.5, inter=-3, extensions=((6, b"note"),), descrip=b"x"
    )
    (tmp_path / "scan.nii").write_bytes(data)
    volume = volume_from_image(nib.load(tmp_path / "scan.nii"))
    assert volume_to_bytes(volume) == data
    assert volume.suffix == ".nii"


def test_a_changed_header_is_kept_with_the_stored_voxels(tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").write_bytes(nifti_bytes(numbers((5, 4, 3)), slope=0.5, inter=-3))
    (tmp_path / "scan.nii").write_bytes(nifti_bytes(numbers((5, 4, 3)), slope=0.5, inter=-3))
    image = nib.load(tmp_path / "scan.nii")
    image.header["descrip"] = b"changed"
    image.set_sform(AFFINE * 2, code=4)
    volume = volume_from_image(image)
    assert (volume.slope, volume.inter, volume.suffix) == (0.5, -3.0, ".nii")
    np.testing.assert_array_equal(volume.array, numbers((5, 4, 3)))
    again = image_from_volume(volume)
    assert bytes(again.header["descrip"].item()) == b"changed"
    np.testing.assert_array_equal(again.affine, image.affine)


def test_a_changed_type_is_respected(tmp_path: Path) -> None:
    (tmp_path / "scan.nii").write_bytes(nifti_bytes(numbers((5, 4, 3)), slope=0.5, inter=-3))
    image = nib.load(tmp_path / "scan.nii")
    image.set_data_dtype(np.float32)
    volume = volume_from_image(image)
    assert (volume.array.dtype, volume.slope) == (np.float32, None)
    np.testing.assert_allclose(volume.array, numbers((5, 4, 3)) * 0.5 - 3)


@pytest.mark.parametrize("name", CLASSES)
def test_an_image_from_a_volume_leads_back_to_it(name: str) -> None:
    affine = AFFINE if "analyze" not in name else np.diag([-2, 2, 2, 1.0])
    volume = volume_from_image(CLASSES[name](numbers((5, 4, 3)), affine))
    again = volume_from_image(image_from_volume(volume))
    assert again.format == volume.format
    assert again.header_bytes == volume.header_bytes
    assert again.footer_bytes == volume.footer_bytes
    np.testing.assert_array_equal(again.array, volume.array)


def test_image_equals_the_loaded_one_and_can_be_saved(tmp_path: Path) -> None:
    data = nifti_bytes(numbers((5, 4, 3), ">i2"), slope=0.25, inter=7, extensions=((6, b"note"),))
    (tmp_path / "scan.nii").write_bytes(data)
    image = image_from_volume(read_volume(tmp_path / "scan.nii"))
    loaded = nib.load(tmp_path / "scan.nii")
    assert image.header == loaded.header
    assert image.header.extensions == loaded.header.extensions
    assert image.get_data_dtype() == np.dtype(">i2")
    np.testing.assert_array_equal(image.dataobj.get_unscaled(), loaded.dataobj.get_unscaled())
    np.testing.assert_array_equal(image.get_fdata(), loaded.get_fdata())
    nib.save(image, tmp_path / "again.nii")
    np.testing.assert_allclose(
        nib.load(tmp_path / "again.nii").get_fdata(), loaded.get_fdata(), atol=1e-3
    )


def test_nibabel_stays_silent_about_what_it_repairs(capsys: Any, caplog: Any) -> None:
    data = nifti_bytes(numbers((5, 4, 3)), pixdim=[0, -1, 0, 1], bitpix=3, sform_code=77)
    image_from_volume(read_volume_bytes(data, ".nii"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err, caplog.records) == ("", "", [])
    assert volume_to_bytes(read_volume_bytes(data, ".nii")) == data


def test_images_of_other_kinds_are_refused() -> None:
    with pytest.raises(VolumeError, match="Minc1Image are not supported; convert"):
        volume_from_image(nib.Minc1Image(numbers((5, 4, 3)), AFFINE))
    with pytest.raises(VolumeError, match="complex"):
        volume_from_image(nib.Nifti1Image(np.zeros((3, 3, 3), "c8"), AFFINE))
    colours = np.zeros((3, 3, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(VolumeError, match="colour"):
        volume_from_image(nib.Nifti1Image(colours, AFFINE))
    with pytest.raises(VolumeError, match="no nibabel image class"):
        image_from_volume(volume_from_array(numbers((5, 4, 3))))


def test_what_nibabel_cannot_save_is_a_volume_error() -> None:
    image = nib.AnalyzeImage(np.linspace(0, 0.5, 60).reshape(5, 4, 3), np.eye(4))
    image.set_data_dtype(np.uint8)
    with pytest.raises(VolumeError, match="nibabel cannot save the image"):
        volume_from_image(image)


def test_image_loaded_from_a_stream() -> None:
    data = nifti_bytes(numbers((5, 4, 3)), slope=2, inter=1)
    volume = volume_from_image(nib.Nifti1Image.from_stream(BytesIO(data)))
    assert volume_to_bytes(volume, ".nii") == data


def test_image_whose_file_is_compressed(tmp_path: Path) -> None:
    path = saved(nib.Nifti1Image(numbers((5, 4, 3)), AFFINE), tmp_path / "scan.nii.gz")
    volume = volume_from_image(nib.load(path))
    assert volume.suffix == ".nii.gz"
    assert volume.header_bytes == read_volume(path).header_bytes
