"""What goes in comes back: type, shape, header, background and, nearly, the intensities."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

import vqcodec
from vqcodec.formats.volumes import read_volume, scaled_values, write_volume

from .phantoms import AFFINE, SHAPE, head, nifti, psnr, there_and_back

TOPS = {"|u1": 255, "|i1": 127, "<f2": 1000, "|b1": 1}


@pytest.mark.parametrize(
    "dtype",
    ["|u1", "|i1", "<u2", ">i2", "<u4", ">u4", "<i4", ">i8", "<u8", "<f2", "<f4", ">f4", ">f8"],
)
def test_every_type_of_voxel(dtype: str) -> None:
    array = head(top=TOPS.get(dtype, 30_000)).astype(dtype)
    vqz, volume = there_and_back(array)
    assert volume.array.dtype.str == dtype
    assert volume.array.shape == array.shape
    assert psnr(array, volume.array) > 35
    np.testing.assert_array_equal(volume.array == 0, array == 0)
    assert volume.array.flags.c_contiguous
    assert vqz.header["volume"]["dtype"] == dtype


@pytest.mark.parametrize("top", [2.0**60, -(2.0**60)])
def test_whole_numbers_beyond_float64(top: float) -> None:
    array = head(top=top).astype(np.int64)
    _, volume = there_and_back(array)
    assert psnr(array, volume.array) > 35
    np.testing.assert_array_equal(volume.array == 0, array == 0)


@pytest.mark.parametrize(
    "shape",
    [
        (1,),
        (2,),
        (700,),
        (1, 1),
        (33, 40),
        (1, 1, 1),
        (1, 2, 1),
        (2, 2, 2),
        (3, 5, 4),
        (5, 1, 40),
        (1, 37, 1),
        (16, 16, 16),
        (17, 16, 15),
        (48, 5, 7),
        (9, 10, 11, 1),
        (9, 10, 11, 3),
        (7, 6, 5, 2, 2),
        (3, 4, 1, 1, 2, 1, 2),
    ],
)
@pytest.mark.parametrize("masked", [False, True])
def test_every_shape(shape: tuple[int, ...], masked: bool) -> None:
    array = head(shape, masked=masked).astype(np.int16)
    vqz, volume = there_and_back(array, quality=8, effort=5 if masked else 1)
    assert volume.array.shape == shape
    assert len(vqz.all_codes()) == math.prod(shape[3:])
    assert psnr(array, volume.array) > 30
    assert array.min() <= volume.array.min()
    assert volume.array.max() <= array.max()


def test_frames_are_coded_one_by_one() -> None:
    one, two = head(seed=1), head(seed=2, masked=False) + 5
    array = np.stack([one, two, np.full(SHAPE, 7.0)], axis=-1).astype(np.float32)
    vqz, volume = there_and_back(array)
    assert [frame["background"] for frame in vqz.header["frames"]] == [0, None, None]
    np.testing.assert_array_equal(volume.array[..., 0] == 0, array[..., 0] == 0)
    np.testing.assert_array_equal(volume.array[..., 2], 7)
    for frame in range(2):
        assert psnr(array[..., frame], volume.array[..., frame]) > 30
    assert [grids["fine"].size > 0 for grids in vqz.all_codes()] == [True, True, False]


@pytest.mark.parametrize(
    ("slope", "inter", "dtype"),
    [
        (0.25, 0.0, "<i2"),
        (2.0, -1000.0, "<u2"),
        (0.1, -0.7, ">i2"),
        (-0.5, 100.0, "<i2"),
        (1e-7, 3e-7, "<f4"),
        (3.0, 0.5, "|u1"),
    ],
)
def test_scaling_is_kept_and_zero_intensity_is_background(
    slope: float, inter: float, dtype: str
) -> None:
    zero = -inter / slope
    values = head(top=200) + zero
    kind = np.dtype(dtype)
    array = (np.rint(values) if kind.kind in "iu" else values).astype(kind)
    if kind == np.uint8:
        array = head(top=200).astype(kind)
    source = nifti(array, slope=slope, inter=inter)
    assert source.slope == pytest.approx(slope)
    vqz, volume = there_and_back(source, effort=5)
    assert volume.header_bytes == source.header_bytes
    assert (volume.slope, volume.inter) == (source.slope, source.inter)
    assert vqz.header["frames"][0]["background"] is not None
    background = array == array[0, 0, 0]
    np.testing.assert_array_equal(volume.array[background], array[background])
    before, after = scaled_values(source), scaled_values(volume)
    assert psnr(before, after) > 35
    assert vqz.figures["max_error"] == pytest.approx(np.abs(before - after).max(), rel=1e-4)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".hdr", ".img.gz", ".mgz", ".npy"])
def test_files_come_back_with_their_header(tmp_path: Path, suffix: str) -> None:
    array: Any = head().astype(np.int16)
    source = tmp_path / f"scan{suffix}"
    if suffix == ".npy":
        np.save(source, np.asfortranarray(array))
    else:
        classes: Any = {".hdr": nib.Nifti1Pair, ".img.gz": nib.Nifti1Pair, ".mgz": nib.MGHImage}
        image = classes.get(suffix, nib.Nifti2Image)(array, AFFINE)
        nib.save(image, source)
    before = read_volume(source)
    vqz, after = there_and_back(source)
    for name in ("header_bytes", "footer_bytes", "companion_prefix", "suffix", "format"):
        assert getattr(after, name) == getattr(before, name), name
    np.testing.assert_array_equal(after.affine, before.affine)
    write_volume(after, tmp_path / f"back{suffix}")
    assert read_volume(tmp_path / f"back{suffix}").header_bytes == before.header_bytes
    assert psnr(before.array, after.array) > 35
    assert vqz.header["volume"]["suffix"] == suffix


def test_nibabel_image_in_and_out() -> None:
    array = head().astype(np.float32)
    image: Any = nib.Nifti1Image(array, AFFINE)
    image.header["descrip"] = b"from nibabel"
    decoded = vqcodec.decode(vqcodec.encode(image, device="cpu"), device="cpu")
    assert type(decoded) is nib.Nifti1Image
    np.testing.assert_allclose(decoded.affine, image.affine, rtol=1e-6)
    assert decoded.header["descrip"] == image.header["descrip"]
    assert decoded.get_data_dtype() == np.float32
    assert psnr(array, decoded.get_fdata()) > 35


def test_array_in_and_out(tmp_path: Path) -> None:
    array = head().astype(np.float32)
    vqz = vqcodec.encode(array, affine=AFFINE, device="cpu")
    vqz.save(tmp_path / "scan.vqz")
    decoded = vqcodec.decode(tmp_path / "scan.vqz", device="cpu")
    assert isinstance(decoded, np.ndarray)
    assert psnr(array, decoded) > 35


def test_what_is_no_volume_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.nii").write_text("no volume")
    for source in (tmp_path / "text.nii", np.zeros((3, 3), complex), np.zeros((0, 3)), object()):
        with pytest.raises(vqcodec.errors.VolumeError):
            vqcodec.encode(source)
    with pytest.raises(FileNotFoundError):
        vqcodec.encode(tmp_path / "gone.nii")


def test_figures_are_rounded_at_low_effort_only_and_hardly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    volume = head((40, 44, 36)).astype(np.float32)
    capable = {effort: vqcodec.encode(volume, quality=5, effort=effort) for effort in (1, 4)}
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    for effort, vqz in capable.items():
        plain = vqcodec.encode(volume, quality=5, effort=effort)
        assert plain.all_streams() == vqz.all_streams()
        tolerance = 0.01 if effort == 1 else 0
        assert vqz.figures.keys() == plain.figures.keys()
        for name, value in plain.figures.items():
            if value is None:
                assert vqz.figures[name] is None
            else:
                assert vqz.figures[name] == pytest.approx(value, rel=tolerance, abs=tolerance)
