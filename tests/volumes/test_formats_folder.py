"""Every file of the folder of odd formats: restored byte for byte, or refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from vqcodec.errors import VolumeError
from vqcodec.formats.volumes import (
    header_section,
    image_from_volume,
    label_reason,
    read_volume,
    scaled_values,
    stored_from_scaled,
    volume_from_header_section,
    volume_from_image,
    write_volume,
)

from .making import unpacked

RESTORED = [
    "anatomical.nii",
    "avg152T1_LR_nifti2.nii.gz",
    "example4d.nii.gz",
    "example_nifti2.nii.gz",
    "functional.nii",
    "maskedb0.mgz",
    "maskedb0_lia.nii.gz",
    "ras.hdr",
    "ras.img",
    "resampled_anat_moved.nii",
    "series.nii.gz",
    "shear.nii.gz",
    "spmMotor.nii.gz",
    "test.mgz",
]
REFUSED = {
    "complex.nii.gz": "complex numbers",
    "ct_perfusion.nii.gz": "colour image",
    "dti_colFA.nii.gz": "colour image",
    "maskedb0.img.gz": r"its header maskedb0\.hdr\.gz is missing",
}


@pytest.mark.data
def test_every_file_of_the_folder_is_named_here(data_root: Path) -> None:
    found = {path.name for path in (data_root / "formats").iterdir()}
    assert found == {*RESTORED, *REFUSED}


@pytest.mark.data
@pytest.mark.parametrize("name", RESTORED)
def test_file_comes_back_byte_for_byte(data_root: Path, tmp_path: Path, name: str) -> None:
    source = data_root / "formats" / name
    volume = read_volume(source)
    description = {
        "format": volume.format,
        "suffix": volume.suffix,
        "shape": volume.array.shape,
        "dtype": volume.array.dtype.str,
    }
    restored = volume_from_header_section(
        header_section(volume), json.loads(json.dumps(description)), volume.array
    )
    assert (restored.slope, restored.inter) == (volume.slope, volume.inter)
    write_volume(restored, tmp_path / name)
    partner = {".hdr": ".img", ".img": ".hdr"}.get(source.suffix)
    for path in [source] + ([source.with_suffix(partner)] if partner else []):
        assert unpacked(tmp_path / path.name) == unpacked(path)


@pytest.mark.data
@pytest.mark.parametrize("name", RESTORED)
def test_image_is_what_nibabel_loads(data_root: Path, name: str) -> None:
    volume = read_volume(data_root / "formats" / name)
    image, loaded = image_from_volume(volume), nib.load(data_root / "formats" / name)
    assert type(image) is type(loaded)
    assert image.header == loaded.header
    assert image.get_data_dtype() == loaded.get_data_dtype()
    np.testing.assert_array_equal(image.affine, loaded.affine)
    np.testing.assert_array_equal(image.get_fdata(), loaded.get_fdata())
    from_image = volume_from_image(loaded)
    assert from_image.header_bytes == volume.header_bytes
    assert from_image.footer_bytes == volume.footer_bytes


@pytest.mark.data
@pytest.mark.parametrize("name", RESTORED)
def test_intensities_lead_back_to_the_stored_values(data_root: Path, name: str) -> None:
    volume = read_volume(data_root / "formats" / name)
    values = scaled_values(volume)
    expected = nib.load(data_root / "formats" / name).get_fdata()
    tolerance = 1e-6 * np.nanmax(np.abs(expected))
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=tolerance)
    stored = stored_from_scaled(values, volume.array.dtype, volume.slope, volume.inter)
    np.testing.assert_array_equal(stored, volume.array)


@pytest.mark.data
@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
def test_refused_with_a_reason(data_root: Path, name: str, reason: str) -> None:
    with pytest.raises(VolumeError, match=reason):
        read_volume(data_root / "formats" / name)


@pytest.mark.data
def test_scans_are_no_label_images_and_tissue_maps_are(data_root: Path) -> None:
    scans = [data_root / "formats" / name for name in RESTORED if name != "series.nii.gz"]
    scans += sorted((data_root / "ood").iterdir())
    scans += sorted((data_root / "test").glob("*_T1w.nii.gz"))[::4]
    scans += sorted((data_root / "train").iterdir())[::12]
    flagged = {path.name: label_reason(read_volume(path)) for path in scans}
    assert {name: reason for name, reason in flagged.items() if reason} == {}
    tissues = sorted((data_root / "test").glob("*_tissues.nii.gz"))[::4]
    assert tissues
    for path in tissues:
        assert label_reason(read_volume(path)) == "4 distinct values"
    assert label_reason(read_volume(data_root / "formats" / "series.nii.gz"))
