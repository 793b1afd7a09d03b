"""Bounds that hold for every voxel, and volumes that come back as they were."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

import vqcodec
from vqcodec import VQZ, decode, encode, verify
from vqcodec.errors import FormatError, UnsupportedError, VolumeError
from vqcodec.exact import decode_voxels
from vqcodec.formats.container import pack
from vqcodec.formats.preamble import PACKED_FEATURE
from vqcodec.formats.sections import Section, SectionKind
from vqcodec.formats.volumes import Volume, read_volume, volume_from_array

from .phantoms import head, nifti, there_and_back

ROOT = Path(__file__).parents[2]
TYPES = st.sampled_from(
    ["|u1", "|i1", "<i2", ">u2", "<i4", ">u4", "<i8", "<u8", "<f2", ">f4", "<f8", "|b1"]
)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, max_side=7)
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import vqcodec
print(vqcodec.verify(sys.argv[1])["voxels_sha256"])
"""


def largest_error(source: Volume, decoded: NDArray[Any]) -> float:
    """Of an intensity, in float64; infinite where what is not finite differs."""
    slope, inter = source.slope or 1.0, source.inter or 0.0
    ours, theirs = (each.astype(np.float64) for each in (source.array, decoded))
    finite = np.isfinite(ours)
    if not np.array_equal(ours[~finite], theirs[~finite], equal_nan=True):
        return np.inf
    errors = (ours[finite] * slope + inter) - (theirs[finite] * slope + inter)
    return float(np.abs(errors).max(initial=0))


@settings(max_examples=25)
@given(TYPES.flatmap(lambda dtype: arrays.arrays(np.dtype(dtype), SHAPES)))
def test_any_array_comes_back_as_it_was(array: NDArray[Any]) -> None:
    vqz, volume = there_and_back(array, lossless=True)
    assert volume.array.dtype == array.dtype
    np.testing.assert_array_equal(volume.array, array)
    assert vqz.header["voxels"]["max_error"] == 0


@settings(max_examples=25)
@given(
    TYPES.flatmap(lambda dtype: arrays.arrays(np.dtype(dtype), SHAPES)),
    st.floats(-6, 6).map(lambda power: 10.0**power),
)
def test_the_bound_holds_for_any_array(array: NDArray[Any], bound: float) -> None:
    _, volume = there_and_back(array, max_error=bound, force=True)
    assert volume.array.dtype == array.dtype
    with np.errstate(over="ignore", invalid="ignore"):
        assert largest_error(volume_from_array(array), volume.array) <= bound


@pytest.mark.parametrize("dtype", ["|u1", "<i2", ">u2", "<f4", ">f8"])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("bound", [7.3, "1 %"])
def test_heads(dtype: str, masked: bool, bound: float | str) -> None:
    top = 250 if dtype == "|u1" else 1000
    source = volume_from_array(head(top=top, masked=masked).astype(dtype))
    vqz, volume = there_and_back(source, max_error=bound)
    error = largest_error(source, volume.array)
    promised = vqz.header["voxels"]["max_error"]
    assert error <= promised
    assert vqz.figures["max_error"] <= promised * (1 + 1e-5)
    if isinstance(bound, str):
        assert promised == pytest.approx(
            float(bound.rstrip("% ")) / 100 * vqz.figures["range"], 1e-4
        )
    else:
        assert promised == bound
    np.testing.assert_array_equal(volume.array[source.array == 0], 0)
    assert error > promised / 4 or (np.dtype(dtype).kind != "f" and promised < 1)


@pytest.mark.parametrize(("slope", "inter"), [(0.25, -20.0), (3.0, 0.0), (-0.1, 1000.0)])
def test_bounds_are_in_the_units_of_the_scan(slope: float, inter: float) -> None:
    source = nifti(head().astype(np.int16), slope=slope, inter=inter)
    bound = 7 * abs(source.slope or 1.0)
    _, volume = there_and_back(source, max_error=bound)
    assert 0 < largest_error(source, volume.array) <= bound


def test_smaller_with_every_bound() -> None:
    array = head().astype(np.int16)
    sizes = [encode(array, lossless=True).nbytes]
    sizes += [encode(array, max_error=bound).nbytes for bound in (0.5, 3, 40, 1e6)]
    assert sizes[0] == pytest.approx(sizes[1], abs=8)  # less than one step: nothing is lost
    assert sizes[1:] == sorted(sizes[1:], reverse=True)
    assert sizes[-1] < sizes[0] / 5


@pytest.mark.parametrize("dtype", ["<i8", ">u8", "<u4", "<i4", "|i1"])
def test_ends_of_integer_types(dtype: str) -> None:
    info = np.iinfo(dtype)
    array = np.full((9, 8, 7), info.max, dtype)
    array[2:7, 3:6, 1:6] = info.min
    array[4, 4, 4] = info.max - 1
    for volume in (array, array[:3, :3, :1], np.full((4, 4, 4), info.max, dtype)):
        _, decoded = there_and_back(volume, lossless=True)
        np.testing.assert_array_equal(decoded.array, volume)
        _, decoded = there_and_back(volume, max_error=1, force=True)
        errors = decoded.array.astype(object) - volume.astype(object)
        assert max(abs(error) for error in errors.ravel()) <= 1


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8"])
def test_what_is_not_finite_comes_back(dtype: str) -> None:
    array = head().astype(dtype)
    places = np.random.default_rng(1).random(array.shape)
    array[places < 0.1], array[places > 0.98] = np.nan, np.inf
    array[(places > 0.5) & (places < 0.53)] = -np.inf
    for options in ({"lossless": True}, {"max_error": 12.5}):
        vqz, volume = there_and_back(array, **options)
        error = largest_error(volume_from_array(array), volume.array)
        assert error <= options.get("max_error", 0)
        assert vqz.figures["nonfinite_voxels"] == np.count_nonzero(~np.isfinite(array))
    nothing = np.full((5, 6, 7), np.nan, dtype)
    np.testing.assert_array_equal(there_and_back(nothing, lossless=True)[1].array, nothing)


def test_floats_are_lossless_bit_by_bit() -> None:
    array = head().astype(np.float32)
    array[3, 3, 3], array[0, 0, 0], array[5, 5, 5] = -0.0, 1e-42, -3e38
    _, volume = there_and_back(array, lossless=True)
    assert volume.array.tobytes() == array.tobytes()


def test_labels_and_noise_are_lossless() -> None:
    """Label images are not refused, as nothing is lost; sparse values cost no more than dense."""
    values = np.digitize(head((24, 26, 22)), [1, 300, 600, 800])
    for labels in (values.astype(np.uint8), np.array([0, 7, 2000, 2**40, -5])[values]):
        vqz, volume = there_and_back(labels, lossless=True)
        np.testing.assert_array_equal(volume.array, labels)
        assert vqz.nbytes < labels.size
    with pytest.raises(VolumeError, match="--lossless"):
        encode(values.astype(np.uint8), max_error=1)
    gaps = head().astype(np.int16)
    sizes = [encode(array, lossless=True).nbytes for array in (gaps, gaps * 7, gaps * 13 // 5)]
    assert max(sizes) < 1.05 * min(sizes) + 300


def test_series_and_headers() -> None:
    frames = [head(), np.full(head().shape, 7.0), head(masked=False)]
    source = nifti(np.stack(frames, axis=-1).astype(">i2"), slope=0.5, inter=-20)
    vqz, volume = there_and_back(source, lossless=True)
    np.testing.assert_array_equal(volume.array, source.array)
    assert volume.header_bytes == source.header_bytes
    assert vqz.info()["sections"].keys() >= {"residual/0", "residual/1", "residual/2"}
    _, bounded = there_and_back(source, max_error=2)
    assert largest_error(source, bounded.array) <= 2


def test_codes_of_a_quality_go_along() -> None:
    array = head().astype(np.int16)
    vqz, volume = there_and_back(array, lossless=True, quality=5)
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_array_equal(
        vqz.codes["fine"], encode(array, quality=5, effort=1).codes["fine"]
    )
    without = encode(array, lossless=True)
    assert without.codes["fine"].size == 0
    assert without.nbytes < vqz.nbytes


def test_regions_are_those_of_the_whole() -> None:
    array = head(masked=False).astype(np.int16)
    vqz = encode(nifti(array), max_error=9)
    whole = decode_voxels(vqz)
    part = vqz.read_region([slice(3, 11), slice(None), slice(20, 27)])
    np.testing.assert_array_equal(part, whole[3:11, :, 20:27])


@pytest.mark.parametrize(
    "options",
    [
        {"max_error": 0},
        {"max_error": -1},
        {"max_error": "much"},
        {"max_error": "0%"},
        {"max_error": float("nan")},
        {"max_error": 1, "lossless": True},
        {"max_error": 1, "ratio": 0.5},
        {"lossless": True, "target_bytes": 1000},
        {"lossless": True, "psnr": 40},
        {"max_error": 1, "drop_air": True},
    ],
)
def test_what_excludes_each_other(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max_error|lossless"):
        encode(head().astype(np.int16), **options)


def test_verified_without_torch_or_model(tmp_path: Path) -> None:
    encode(head().astype(np.int16), lossless=True).save(tmp_path / "scan.vqz")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "scan.vqz")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == VQZ.open(tmp_path / "scan.vqz").header["voxels"]["sha256"]


def test_another_residual_is_found(tmp_path: Path) -> None:
    ours, theirs = (encode(head(seed=s).astype(np.int16), lossless=True) for s in (3, 4))
    swapped = tuple(
        Section(each.kind, 0, theirs.container.section(each.kind))
        if each.kind == SectionKind.RESIDUAL
        else each
        for each in ours.container.sections
    )
    forged = VQZ.from_bytes(pack(replace(ours.container, sections=swapped)))
    with pytest.raises(FormatError, match="do not match their hash"):
        decode(forged)
    forged.save(tmp_path / "forged.vqz")
    with pytest.raises(FormatError, match="do not match their hash"):
        verify(tmp_path / "forged.vqz")


def test_readers_that_do_not_know_the_feature_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(head().astype(np.int16), lossless=True).to_bytes()
    monkeypatch.setattr("vqcodec.formats.preamble.KNOWN_INCOMPATIBLE", PACKED_FEATURE)
    with pytest.raises(UnsupportedError, match="feature bit 1,"):
        VQZ.from_bytes(data)


def test_a_promise_needs_its_feature_and_its_sections() -> None:
    vqz = encode(head().astype(np.int16), lossless=True)
    for changed in (
        replace(vqz.container, incompatible=PACKED_FEATURE),
        replace(vqz.container, header={k: v for k, v in vqz.header.items() if k != "voxels"}),
        replace(vqz.container, sections=vqz.container.sections[:1]),
    ):
        with pytest.raises(FormatError, match=r"promise|missing"):
            VQZ.from_bytes(pack(changed))


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        "test/oasis_1003_T1w.nii.gz",
        "ood/CT_AVM.nii.gz",
        "ood/ms_FLAIR.nii.gz",
        "test/oasis_1003_tissues.nii.gz",
        "formats/functional.nii",
        "formats/maskedb0_lia.nii.gz",
        "formats/test.mgz",
    ],
)
def test_real_scans(data_root: Path, name: str) -> None:
    """Every fourth voxel of each axis."""
    volume = read_volume(data_root / name)
    coarse = np.ascontiguousarray(volume.array[::4, ::4, ::4])
    source = volume_from_array(coarse)
    _, decoded = there_and_back(source, lossless=True)
    np.testing.assert_array_equal(decoded.array, coarse)
    vqz, decoded = there_and_back(source, max_error="1%", force=True)
    assert largest_error(source, decoded.array) <= vqz.header["voxels"]["max_error"]
    assert vqcodec.decode(vqz).shape == coarse.shape
