"""Free text of headers is dropped, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from vqcodec.formats.volumes import (
    Volume,
    image_from_volume,
    read_volume,
    read_volume_bytes,
    volume_from_array,
    volume_to_bytes,
    without_free_text,
    write_volume,
)

from .making import AFFINE, PAIRS, nifti_bytes, npy_bytes, numbers, saved

SECRET = b"Jane Doe 1970"
ARRAY = numbers((5, 4, 3))


def _assert_same_scan(volume: Volume, stripped: Volume) -> None:
    assert_array_equal(stripped.array, volume.array)
    for name in ("slope", "inter", "format", "suffix"):
        assert getattr(stripped, name) == getattr(volume, name)
    if volume.affine is not None:
        assert stripped.affine is not None
        assert_array_equal(stripped.affine, volume.affine)


def _everything(volume: Volume) -> bytes:
    return volume.header_bytes + volume.footer_bytes + volume.companion_prefix


@pytest.mark.parametrize("dtype", ["<i2", ">i2"])
@pytest.mark.parametrize("version", [1, 2])
def test_nifti(version: int, dtype: str) -> None:
    data = nifti_bytes(
        numbers((5, 4, 3), dtype),
        version=version,
        slope=2.0,
        inter=-3.0,
        extensions=((6, b"comment: " + SECRET), (4, SECRET)),
        descrip=SECRET,
        aux_file=SECRET,
        intent_name=SECRET,
        intent_code=1001,
    )
    volume = read_volume_bytes(data, ".nii.gz")
    stripped, dropped = without_free_text(volume)
    assert SECRET not in _everything(stripped)
    assert SECRET not in volume_to_bytes(stripped, ".nii")
    assert [each.partition(" (")[0] for each in dropped] == [
        "descrip",
        "aux_file",
        "intent_name",
        "extensions",
    ]
    assert "descrip (13 bytes)" in dropped
    assert not any(SECRET.decode() in each for each in dropped)
    assert len(stripped.header_bytes) == {1: 352, 2: 544}[version]
    _assert_same_scan(volume, stripped)
    again = read_volume_bytes(volume_to_bytes(stripped, ".nii"), ".nii.gz")
    _assert_same_scan(volume, again)
    before, after = image_from_volume(volume).header, image_from_volume(again).header
    for name in before.template_dtype.names:
        if name not in ("descrip", "aux_file", "intent_name"):
            assert_array_equal(before[name], after[name])


def test_fields_left_over_from_analyze() -> None:
    data = nifti_bytes(ARRAY, db_name=SECRET, data_type=b"Jane Doe")
    _, dropped = without_free_text(read_volume_bytes(data, ".nii"))
    assert dropped == ("data_type (8 bytes)", "db_name (13 bytes)")


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name: str, tmp_path: Path) -> None:
    image = PAIRS[name](ARRAY, AFFINE if name != "analyze" else None)
    image.header["descrip"] = SECRET
    path = saved(image, tmp_path / "scan.hdr")
    raw = bytearray(path.read_bytes())
    if not name.startswith("nifti"):
        raw[283:293] = b"patient 7\0"
    path.write_bytes(bytes(raw))
    volume = read_volume(path)
    stripped, dropped = without_free_text(volume)
    assert "descrip (13 bytes)" in dropped
    assert name.startswith("nifti") or "patient_id (9 bytes)" in dropped
    assert len(stripped.header_bytes) == {"nifti2-pair": 540}.get(name, 348)
    _assert_same_scan(volume, stripped)
    write_volume(stripped, tmp_path / "again.hdr")
    again = read_volume(tmp_path / "again.hdr")
    _assert_same_scan(volume, again)
    assert SECRET not in _everything(again)


def test_bytes_before_the_voxels_of_a_pair(tmp_path: Path) -> None:
    path = saved(nib.Nifti1Pair(ARRAY, AFFINE), tmp_path / "scan.hdr")
    raw = bytearray(path.read_bytes())
    raw[108:112] = np.float32(len(SECRET)).tobytes()
    path.write_bytes(bytes(raw))
    voxels = tmp_path / "scan.img"
    voxels.write_bytes(SECRET + voxels.read_bytes())
    volume = read_volume(path)
    stripped, dropped = without_free_text(volume)
    assert dropped == (f"bytes before the voxels ({len(SECRET)} bytes)",)
    write_volume(stripped, tmp_path / "again.hdr")
    _assert_same_scan(volume, read_volume(tmp_path / "again.hdr"))


def test_mgh() -> None:
    image = nib.MGHImage(ARRAY.astype(">i2"), AFFINE)
    image.header["tr"], image.header["te"] = 2300.0, 3.5
    raw = bytearray(image.to_bytes())
    raw[120 : 120 + len(SECRET)] = SECRET
    volume = read_volume_bytes(bytes(raw) + b"\0\0\0\3" + SECRET, ".mgz")
    stripped, dropped = without_free_text(volume)
    assert dropped == (
        f"unused header bytes ({30 + len(SECRET)} bytes)",
        f"tags ({4 + len(SECRET)} bytes)",
    )
    assert SECRET not in _everything(stripped)
    _assert_same_scan(volume, stripped)
    header = image_from_volume(stripped).header
    assert (header["tr"], header["te"]) == (2300.0, 3.5)


@pytest.mark.parametrize("order", ["C", "F"])
def test_numpy(order: Any) -> None:
    plain = npy_bytes(np.asarray(ARRAY, order=order))
    volume = read_volume_bytes(plain, ".npy")
    assert without_free_text(volume)[1] == ()
    assert without_free_text(volume)[0].header_bytes == volume.header_bytes
    commented = plain.replace(b" " * len(SECRET) + b"\n", b"#" + SECRET[1:] + b"\n", 1)
    volume = read_volume_bytes(commented, ".npy")
    stripped, dropped = without_free_text(volume)
    assert len(dropped) == 1
    assert SECRET[1:] not in _everything(stripped)
    _assert_same_scan(volume, read_volume_bytes(volume_to_bytes(stripped, ".npy"), ".npy"))


def test_nothing_to_drop() -> None:
    volume = read_volume_bytes(nifti_bytes(ARRAY), ".nii")
    stripped, dropped = without_free_text(volume)
    assert dropped == ()
    assert stripped.header_bytes == volume.header_bytes
    from_array = volume_from_array(ARRAY, AFFINE)
    assert without_free_text(from_array)[0].header_bytes == from_array.header_bytes
