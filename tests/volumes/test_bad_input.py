"""Whatever the bytes are: one of the documented errors, and no memory beyond their size."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqcodec.errors import LimitExceededError, VolumeError, VqzError
from vqcodec.formats.volumes import read_volume, read_volume_bytes, volume_from_array
from vqcodec.limits import DEFAULT_LIMITS

from .making import AFFINE, nifti_bytes, npy_bytes, numbers, saved

GOOD = nifti_bytes(numbers((5, 4, 3)))
GOOD_2 = nifti_bytes(numbers((5, 4, 3)), version=2)
GOOD_MGH = nib.MGHImage(numbers((5, 4, 3), ">i2"), AFFINE).to_bytes()
GOOD_NPY = npy_bytes(numbers((5, 4, 3)))
SEEDS = (GOOD, GOOD_2, GOOD_MGH, GOOD_NPY, gzip.compress(GOOD, mtime=0))


def _refused(data: bytes, suffix: str, match: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(VolumeError, match=match) as caught:
            read_volume_bytes(data, suffix)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert peak < (32 << 20 if len(data) < 1000 else 64 << 20)


@pytest.mark.parametrize(
    ("data", "suffix", "match"),
    [
        (b"", ".nii", "is empty"),
        (b"a text\n" * 200, ".nii.gz", "no NIfTI.*not gzip"),
        (b"a text\n" * 200, ".nii", "holds no NIfTI"),
        (b"a text\n" * 200, ".mgz", "holds no NIfTI"),
        (b"\x1f\x8b", ".nii.gz", "gzip stream has no end"),
        (b"\x1f\x8b" + b"a" * 50, ".nii.gz", "gzip data is damaged"),
        (gzip.compress(b"text", mtime=0), ".nii.gz", "holds no NIfTI"),
        (gzip.compress(GOOD)[:-9], ".nii.gz", "cut short"),
        (gzip.compress(GOOD)[:150], ".nii.gz", "cut short"),
        (gzip.compress(GOOD)[:-3], ".nii.gz", "cut short"),
        (gzip.compress(GOOD)[:-8] + b"\0\0\0\0" + gzip.compress(GOOD)[-4:], "", "damaged"),
        (gzip.compress(GOOD) + b"more", ".nii.gz", "damaged"),
        (gzip.compress(gzip.compress(GOOD)), ".nii.gz", "holds no NIfTI"),
        (GOOD[:347], ".nii", "holds no NIfTI"),
        (GOOD[:350], ".nii", "cut short inside its header"),
        (GOOD[:-1], ".nii", "cut short"),
        (GOOD + b"\0", ".nii", "more bytes after its voxels"),
        (GOOD_2[:400], ".nii", "holds no NIfTI|cut short"),
        (GOOD_MGH[:300], ".mgh", "cut short"),
        (GOOD_MGH[:200], ".mgh", "holds no NIfTI"),
        (GOOD_MGH + bytes(1 << 24), ".mgh", "more bytes after its voxels"),
        (GOOD[:344] + b"n+9\0" + GOOD[348:], ".nii", "pair, without the voxels"),
        (b"\0" + GOOD[1:344] + b"n+9\0" + GOOD[348:], ".nii", "holds no NIfTI"),
        (GOOD[:344] + b"ni1\0" + GOOD[348:], ".nii", "pair, without the voxels"),
        (GOOD, ".hdr", "one half of a .hdr/.img pair"),
    ],
)
def test_bytes_that_are_no_volume(data: bytes, suffix: str, match: str) -> None:
    _refused(data, suffix, match)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"dim": [3, 32767, 32767, 32767]}, "cut short"),
        ({"dim": [7] + [32767] * 7}, "cut short"),
        ({"dim": [3, 5, -4, 3]}, "impossible shape"),
        ({"dim": [3, 5, 0, 3]}, "impossible shape"),
        ({"dim": [0, 5, 4, 3]}, "number of axes"),
        ({"dim": [2000, 5, 4, 3]}, "number of axes"),
        ({"dim": [-1, 5, 4, 3]}, "number of axes"),
        ({"dim": [3, -1, 1, 1]}, "impossible shape|cannot read"),
        ({"datatype": 9999}, "not recognized"),
        ({"datatype": 0}, "not supported"),
        ({"datatype": 1}, "not supported"),
        ({"datatype": 1536}, "not supported"),
        ({"datatype": 2048}, "not supported"),
        ({"datatype": 32}, "complex numbers.*magnitude and phase"),
        ({"datatype": 1792}, "complex numbers"),
        ({"datatype": 128}, r"colour image \(RGB\)"),
        ({"datatype": 2304}, r"colour image \(RGBA\)"),
        ({"vox_offset": 0}, "inside the header"),
        ({"vox_offset": -352}, "at byte -352"),
        ({"vox_offset": 10**9}, "more than 16777216"),
        ({"vox_offset": 10**7}, "cut short inside its header"),
        ({"scl_slope": 2, "scl_inter": np.nan}, "invalid intercept"),
        ({"srow_x": [np.nan, 0, 0, 0]}, "NaN or infinite|cannot read"),
        ({"intent_code": 3002}, "CIFTI"),
        ({"sform_code": 0, "quatern_b": 5.0}, "cannot read its header"),
    ],
)
def test_hostile_header_fields(version: int, fields: dict[str, Any], match: str) -> None:
    _refused(nifti_bytes(numbers((5, 4, 3)), version=version, **fields), ".nii", match)
    _refused(
        gzip.compress(nifti_bytes(numbers((5, 4, 3)), version=version, **fields)), ".nii.gz", match
    )


@pytest.mark.parametrize("offset", [np.nan, np.inf, -np.inf, 352.5, 1e30, 40.0])
def test_nonsense_voxel_offset(offset: float) -> None:
    _refused(nifti_bytes(numbers((5, 4, 3)), vox_offset=offset), ".nii", "header")


def test_sizes_that_overflow_64_bits() -> None:
    dims = [7, *[2**62] * 7]
    _refused(nifti_bytes(numbers((5, 4, 3)), version=2, dim=dims), ".nii", "cut short")
    _refused(nifti_bytes(numbers((5, 4, 3)), version=2, vox_offset=2**63 - 1), ".nii", "header")


@pytest.mark.parametrize("size", [-8, 0, 8, 24, 2**31 - 1])
def test_extension_of_a_wrong_size(size: int) -> None:
    data = bytearray(nifti_bytes(numbers((5, 4, 3)), extensions=((6, b"hello"),)))
    data[352:356] = np.int32(size).tobytes()
    try:
        read_volume_bytes(bytes(data), ".nii")
    except VolumeError as error:
        assert "extension" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        (slice(0, 4), 2, "holds no NIfTI"),
        (slice(4, 8), 0, "impossible shape"),
        (slice(4, 8), 2**31, "impossible shape"),
        (slice(4, 8), 2**31 - 1, "cut short"),
        (slice(20, 24), 2, "cannot read its header"),
        (slice(20, 24), 77, "holds no NIfTI"),
        (slice(30, 34), 0x7FC00000, "NaN"),
    ],
)
def test_hostile_mgh_header(field: slice, value: int, match: str) -> None:
    data = bytearray(GOOD_MGH)
    data[field] = value.to_bytes(4, "big")
    _refused(bytes(data), ".mgh", match)


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.array(3.0), "impossible shape"),
        (np.zeros((0, 3)), "impossible shape"),
        (np.array([None, 1]), "cannot read|not supported"),
        (np.zeros(3, "c16"), "complex"),
        (np.zeros(3, "U4"), "not supported"),
        (np.zeros(3, "M8[s]"), "not supported"),
        (np.zeros(3, [("a", "f4"), ("b", "i2")]), "not supported"),
        (np.zeros(3, np.longdouble), "not supported"),
        (np.zeros((1,) * 8), "8 axes"),
    ],
)
def test_npy_that_holds_no_volume(array: Any, match: str) -> None:
    _refused(npy_bytes(array), ".npy", match)


@pytest.mark.parametrize(
    "text",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9, 9), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -4, 3), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (3L,), }",
        b"{'descr': '<f4', 'fortran_order': 7, 'shape': (3,), }",
        b"{'descr': ('<f4', (9, 9)), 'fortran_order': False, 'shape': (3,), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (True,), }",
        b"(" * 5000,
        b"-" * 9000 + b"1",
        b"\xff\xfe",
        b"",
    ],
)
def test_hostile_npy_header(text: bytes) -> None:
    head = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    _refused(head, ".npy", "is cut short|impossible|cannot read|not supported")
    _refused(b"\x93NUMPY\x03\x00" + head[8:], ".npy", "version 3.0")
    _refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + text, ".npy", "more than 16777216")


def test_gzip_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(bytes(200 << 20), 1)
    _refused(gzip.compress(GOOD) + bomb, ".nii.gz", "more bytes after its voxels")
    _refused(gzip.compress(GOOD_MGH) + bomb, ".mgz", "more bytes after its voxels")
    _refused(bomb, ".nii.gz", "holds no NIfTI")


def test_limits_on_voxels_and_frames() -> None:
    limits = replace(DEFAULT_LIMITS, voxels=59)
    with pytest.raises(LimitExceededError, match="60 voxels; the limit is 59"):
        read_volume_bytes(GOOD, ".nii", limits=limits)
    limits = replace(DEFAULT_LIMITS, frames=5)
    with pytest.raises(LimitExceededError, match="6 frames; the limit is 5"):
        read_volume_bytes(nifti_bytes(numbers((2, 2, 2, 3, 2))), ".nii", limits=limits)
    with pytest.raises(LimitExceededError, match="6 frames"):
        volume_from_array(numbers((2, 2, 2, 3, 2)), limits=limits)


@pytest.mark.parametrize(
    ("array", "affine", "match"),
    [
        (np.zeros((0, 3)), None, "no volume"),
        (np.array(1.0), None, "no volume"),
        (np.zeros((2, 2), complex), None, "complex"),
        (np.array([[None]]), None, "not supported"),
        (np.zeros((2, 2)), np.eye(3), "affine has shape"),
        (np.zeros((2, 2)), np.full((4, 4), np.nan), "NaN"),
    ],
)
def test_arrays_that_are_no_volume(array: Any, affine: Any, match: str) -> None:
    with pytest.raises(VolumeError, match=match):
        volume_from_array(array, affine)


def test_paths_that_are_no_volume(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="is a folder"):
        read_volume(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_volume(tmp_path / "none.nii")
    with pytest.raises(FileNotFoundError):
        read_volume(tmp_path / "none.hdr")
    (tmp_path / "empty.nii.gz").touch()
    with pytest.raises(VolumeError, match="is empty"):
        read_volume(tmp_path / "empty.nii.gz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.nii")
    with pytest.raises(VolumeError, match="not a regular file"):
        read_volume(tmp_path / "pipe.nii")


@pytest.mark.parametrize("name", ["scan.hdr", "scan.img"])
def test_half_a_pair(tmp_path: Path, name: str) -> None:
    saved(nib.Nifti1Pair(numbers((5, 4, 3)), AFFINE), tmp_path / "scan.hdr")
    missing = {"scan.hdr": "scan.img", "scan.img": "scan.hdr"}[name]
    (tmp_path / missing).unlink()
    with pytest.raises(VolumeError, match=rf"its (header|voxel file) {missing} is missing"):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("image_class", [nib.Nifti1Pair, nib.Spm2AnalyzeImage])
def test_damaged_pairs(tmp_path: Path, image_class: Any) -> None:
    saved(image_class(numbers((5, 4, 3)), AFFINE), tmp_path / "scan.hdr")
    header, data = tmp_path / "scan.hdr", tmp_path / "scan.img"
    good, voxels = header.read_bytes(), data.read_bytes()

    def refused(match: str) -> None:
        with pytest.raises(VolumeError, match=match):
            read_volume(header)

    data.write_bytes(voxels[:-1])
    refused("cut short")
    data.write_bytes(voxels + b"\0")
    refused("more bytes after its voxels")
    data.write_bytes(b"")
    refused("is empty")
    data.write_bytes(voxels)
    header.write_bytes(good[:108] + np.float32(1e6).tobytes() + good[112:])
    refused("past their file")
    header.write_bytes(good[:108] + np.float32(-3).tobytes() + good[112:])
    refused("at byte -3")
    header.write_bytes(good[:40] + np.array([3, 5, 4, -3], np.int16).tobytes() + good[48:])
    refused("impossible shape")
    header.write_bytes(b"\0" + good[1:344] + b"text")
    refused("not that of a NIfTI or Analyze pair")
    header.write_bytes(good[:344] + b"n+1\0" + good[348:])
    refused("not that of a NIfTI or Analyze pair")
    header.write_bytes(good + bytes(1 << 24))
    refused("longer than")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser reads everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "locked.nii"
    path.write_bytes(GOOD)
    path.chmod(0)
    with pytest.raises(PermissionError):
        read_volume(path)


def test_every_cut_of_a_file_is_refused() -> None:
    for data in SEEDS:
        for length in range(len(data)):
            if data is GOOD_MGH and length >= 284 + 120:
                continue  # whatever follows the voxels is optional
            with pytest.raises(VolumeError):
                read_volume_bytes(data[:length], "")


@given(st.binary(max_size=600), st.sampled_from(["", ".nii", ".nii.gz", ".mgz", ".npy"]))
def test_only_documented_errors_on_any_bytes(data: bytes, suffix: str) -> None:
    with pytest.raises(VqzError):
        read_volume_bytes(data, suffix)


@given(st.data())
def test_only_documented_errors_on_damaged_files(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, min(len(damaged), 560) - 1))
        patch = data.draw(st.binary(min_size=1, max_size=4))
        damaged[start : start + len(patch)] = patch
    suffix = data.draw(st.sampled_from(["", ".nii", ".nii.gz", ".mgz", ".npy"]))
    try:
        volume = read_volume_bytes(bytes(damaged), suffix)
    except VqzError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert volume.array.size < 1 << 16
