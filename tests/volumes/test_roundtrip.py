"""Files that nibabel and NumPy write, restored byte for byte."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vqcodec.errors import VolumeError
from vqcodec.formats.volumes import (
    Volume,
    header_section,
    image_from_volume,
    read_volume,
    read_volume_bytes,
    volume_from_array,
    volume_from_header_section,
    volume_to_bytes,
    write_volume,
)

from .making import AFFINE, PAIRS, SINGLES, nifti_bytes, npy_bytes, numbers, saved, unpacked

NUMBERS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
DTYPES = st.builds(
    lambda order, kind: np.dtype(order + kind), st.sampled_from("<>"), st.sampled_from(NUMBERS)
)
EXTENSIONS = st.lists(st.tuples(st.sampled_from([0, 4, 6, 44, 90]), st.binary(max_size=40)))


def _arrays(dtypes: st.SearchStrategy[Any], axes: int = 5) -> st.SearchStrategy[Any]:
    shapes = hnp.array_shapes(min_dims=1, max_dims=axes, min_side=1, max_side=5)
    return dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes))


def _restored(volume: Volume) -> Volume:
    description = {
        "format": volume.format,
        "suffix": volume.suffix,
        "shape": list(volume.array.shape),
        "dtype": volume.array.dtype.str,
    }
    return volume_from_header_section(header_section(volume), description, volume.array)


@given(
    array=_arrays(DTYPES),
    version=st.sampled_from([1, 2]),
    slope=st.floats(width=32),
    inter=st.floats(width=32, allow_nan=False, allow_infinity=False),
    extensions=EXTENSIONS,
)
def test_nifti_of_any_kind(
    array: Any, version: int, slope: float, inter: float, extensions: Any
) -> None:
    data = nifti_bytes(
        array, version=version, slope=slope, inter=inter, extensions=tuple(extensions)
    )
    volume = read_volume_bytes(data, ".nii")
    assert (volume.format, volume.suffix) == (f"nifti{version}", ".nii")
    assert volume.array.dtype == array.dtype
    assert volume.array.flags.c_contiguous
    np.testing.assert_array_equal(volume.array, array)
    if slope == 0 or not np.isfinite(slope) or (slope, inter) == (1, 0):
        assert (volume.slope, volume.inter) == (None, None)
    else:
        assert (volume.slope, volume.inter) == (slope, inter)
    assert volume_to_bytes(_restored(volume)) == data
    assert gzip.decompress(volume_to_bytes(_restored(volume), ".nii.gz")) == data


@given(array=_arrays(DTYPES, axes=7), fortran=st.booleans())
def test_npy_of_any_kind(array: Any, fortran: bool) -> None:
    data = npy_bytes(np.asarray(array, order="F" if fortran else "C"))
    volume = read_volume_bytes(data, "")
    assert (volume.format, volume.suffix, volume.affine) == ("npy", ".npy", None)
    np.testing.assert_array_equal(volume.array, array)
    assert volume_to_bytes(_restored(volume)) == data


@given(
    array=_arrays(st.sampled_from([np.dtype(t) for t in ("u1", ">i2", ">i4", ">u2", ">f4")]), 3),
    tags=st.binary(max_size=300),
)
def test_mgh_with_any_tags(array: Any, tags: bytes) -> None:
    data = nib.MGHImage(array, AFFINE).to_bytes() + tags
    volume = read_volume_bytes(data, ".mgh")
    assert volume.format == "mgh"
    assert volume.footer_bytes.endswith(tags)
    np.testing.assert_array_equal(volume.array.ravel(), array.ravel())
    assert volume_to_bytes(_restored(volume)) == data


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("part", [".hdr", ".img"])
def test_pairs_come_back_as_two_files(tmp_path: Path, name: str, ending: str, part: str) -> None:
    image = PAIRS[name](numbers((5, 4, 3)), AFFINE)
    saved(image, tmp_path / f"in.img{ending}")
    volume = read_volume(tmp_path / f"in{part}{ending}")
    assert volume.format == (name if name.startswith("nifti") else "analyze-spm2")
    np.testing.assert_array_equal(volume.array, numbers((5, 4, 3)))
    write_volume(_restored(volume), tmp_path / f"out{part}{ending}")
    for file in (f".hdr{ending}", f".img{ending}"):
        assert unpacked(tmp_path / f"out{file}") == unpacked(tmp_path / f"in{file}")


def test_pair_in_upper_case_half_compressed_and_with_room_before_the_voxels(
    tmp_path: Path,
) -> None:
    header = nib.Nifti1Pair(numbers((5, 4, 3)), AFFINE).header
    header.set_data_offset(32)
    with (tmp_path / "A.HDR").open("wb") as stream:
        header.write_to(stream)
    voxels = b"room before the voxels, 32 bytes" + numbers((5, 4, 3)).tobytes(order="F")
    (tmp_path / "A.IMG.GZ").write_bytes(gzip.compress(voxels))
    volume = read_volume(tmp_path / "A.HDR")
    assert volume.companion_prefix == voxels[:32]
    np.testing.assert_array_equal(volume.array, numbers((5, 4, 3)))
    write_volume(_restored(volume), tmp_path / "B.HDR")
    assert (tmp_path / "B.HDR").read_bytes() == (tmp_path / "A.HDR").read_bytes()
    assert (tmp_path / "B.IMG").read_bytes() == voxels


@pytest.mark.parametrize(
    ("suffix", "packed", "restored"),
    [
        (".nii", True, ".nii"),
        (".nii.gz", False, ".nii.gz"),
        ("", True, ".nii.gz"),
        ("", False, ".nii"),
        (".mgz", True, ".nii.gz"),
        (".NII.GZ", True, ".NII.GZ"),
        (".npy", False, ".nii"),
    ],
)
def test_content_decides_and_the_name_is_kept_where_it_fits(
    suffix: str, packed: bool, restored: str
) -> None:
    data = nifti_bytes(numbers((3, 4, 5)))
    volume = read_volume_bytes(gzip.compress(data) if packed else data, suffix)
    assert (volume.format, volume.suffix) == ("nifti1", restored)
    written = volume_to_bytes(volume)
    assert (written[:2] == b"\x1f\x8b") == restored.lower().endswith("gz")


def test_gzip_output_holds_neither_name_nor_time(tmp_path: Path) -> None:
    volume = read_volume_bytes(nifti_bytes(numbers((3, 4, 5))), ".nii.gz")
    write_volume(volume, tmp_path / "one.nii.gz")
    assert (tmp_path / "one.nii.gz").read_bytes() == volume_to_bytes(volume)
    assert volume_to_bytes(volume)[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


def test_gzip_in_several_members_is_read() -> None:
    data = nifti_bytes(numbers((3, 4, 5)))
    volume = read_volume_bytes(gzip.compress(data[:400]) + gzip.compress(data[400:]), ".nii.gz")
    assert volume_to_bytes(volume, ".nii") == data


def test_name_decides_about_compression_on_writing(tmp_path: Path) -> None:
    volume = read_volume_bytes(nifti_bytes(numbers((3, 4, 5))), ".nii.gz")
    write_volume(volume, tmp_path / "plain.nii")
    write_volume(volume, tmp_path / "no-ending")
    assert (tmp_path / "plain.nii").read_bytes()[344:348] == b"n+1\0"
    assert (tmp_path / "no-ending").read_bytes()[:2] == b"\x1f\x8b"


def test_nothing_is_written_under_another_format_or_over_a_file(tmp_path: Path) -> None:
    volume = read_volume_bytes(nifti_bytes(numbers((3, 4, 5))), ".nii")
    with pytest.raises(VolumeError, match=r"nifti1 cannot be written as \.mgz"):
        write_volume(volume, tmp_path / "scan.mgz")
    (tmp_path / "scan.nii").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        write_volume(volume, tmp_path / "scan.nii")
    assert (tmp_path / "scan.nii").read_bytes() == b"precious"
    write_volume(volume, tmp_path / "scan.nii", overwrite=True)
    assert (tmp_path / "scan.nii").read_bytes() == volume_to_bytes(volume)


@pytest.mark.parametrize("existing", ["scan.hdr", "scan.img"])
def test_a_pair_is_written_whole_or_not_at_all(tmp_path: Path, existing: str) -> None:
    saved(nib.Nifti1Pair(numbers((3, 4, 5)), AFFINE), tmp_path / "in.hdr")
    volume = read_volume(tmp_path / "in.hdr")
    with pytest.raises(VolumeError, match="two files"):
        volume_to_bytes(volume)
    (tmp_path / existing).write_bytes(b"precious")
    with pytest.raises(FileExistsError, match=existing):
        write_volume(volume, tmp_path / "scan.hdr")
    assert {path.name for path in tmp_path.iterdir()} == {"in.hdr", "in.img", existing}
    write_volume(volume, tmp_path / "scan.hdr", overwrite=True)
    assert unpacked(tmp_path / "scan.img") == unpacked(tmp_path / "in.img")


def test_the_voxel_file_goes_when_the_header_cannot_be_written(tmp_path: Path) -> None:
    saved(nib.Nifti1Pair(numbers((3, 4, 5)), AFFINE), tmp_path / "in.hdr")
    volume = read_volume(tmp_path / "in.hdr")
    (tmp_path / "out.hdr").mkdir()
    with pytest.raises(OSError, match=r"out\.hdr"):
        write_volume(volume, tmp_path / "out.img", overwrite=True)
    assert not (tmp_path / "out.img").exists()


def test_array_with_an_affine_keeps_it() -> None:
    array = numbers((3, 4, 5), ">f4")
    volume = volume_from_array(array[:, ::-1], AFFINE)
    assert volume_to_bytes(volume) == npy_bytes(np.ascontiguousarray(array[:, ::-1]))
    np.testing.assert_array_equal(_restored(volume).affine, AFFINE)


def test_header_and_array_must_match() -> None:
    volume = read_volume_bytes(nifti_bytes(numbers((3, 4, 5))), ".nii")
    other = Volume(**{**vars(volume), "array": numbers((3, 4, 4))})
    for use in (volume_to_bytes, image_from_volume):
        with pytest.raises(VolumeError, match="its header describes"):
            use(other)


@pytest.mark.parametrize("name", SINGLES)
def test_files_saved_by_nibabel(tmp_path: Path, name: str) -> None:
    suffix = ".mgz" if name == "mgh" else ".nii.gz"
    path = saved(SINGLES[name](numbers((6, 5, 4, 2)), AFFINE), tmp_path / f"scan{suffix}")
    volume = read_volume(str(path))
    assert (volume.format, volume.suffix) == (name, suffix)
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    assert volume_to_bytes(_restored(volume), suffix.replace("z", "h")[:4]) == unpacked(path)
