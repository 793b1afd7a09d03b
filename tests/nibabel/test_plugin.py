"""VQZ files through nibabel's own functions."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import vqcodec
import vqcodec.codec
from tests.codec.phantoms import AFFINE, head, nifti
from vqcodec import VQZ
from vqcodec.errors import FormatError, VolumeError
from vqcodec.formats.volumes import write_volume
from vqcodec.lazy_array import LazyArray
from vqcodec.nibabel_plugin import VqzImage, register

nib: Any = nibabel
ROOT = Path(__file__).parents[2]
SHAPE = (20, 24, 22)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a compressed NIfTI volume with scaling, next to its source."""
    place = tmp_path_factory.mktemp("packed")
    volume = nifti(head(SHAPE).astype(np.int16), slope=0.5, inter=3.0)
    write_volume(volume, place / "scan.nii")
    vqcodec.encode(volume, quality=4, effort=1, device="cpu").save(place / "scan.vqz")
    return place / "scan.vqz"


@pytest.fixture(scope="module")
def whole(packed: Path) -> Any:
    return vqcodec.decode(packed, device="cpu").get_fdata()


def test_it_loads_as_its_source_does(packed: Path, whole: Any) -> None:
    image, source = nib.load(packed), nib.load(packed.with_suffix(".nii"))
    assert type(image) is VqzImage
    assert type(image.header) is type(source.header)
    assert image.header == source.header
    assert [each.get_content() for each in image.header.extensions] == [b"kept as it is"]
    np.testing.assert_array_equal(image.affine, source.affine)
    assert (image.shape, image.get_data_dtype()) == (SHAPE, np.dtype(np.int16))
    assert isinstance(image.dataobj, LazyArray)
    assert nib.is_proxy(image.dataobj)
    assert not image.in_memory
    np.testing.assert_array_equal(image.get_fdata(), whole)
    np.testing.assert_array_equal(np.asarray(image.dataobj), whole)
    np.testing.assert_array_equal(np.asarray(image.dataobj, dtype=np.float32), whole)
    stored = image.dataobj.get_unscaled()
    assert stored.dtype == np.int16
    np.testing.assert_allclose(stored * 0.5 + 3.0, whole)
    assert image.dataobj.get_scaled(np.float32).dtype == np.float64


def indices(side: int) -> st.SearchStrategy[Any]:
    return st.integers(-side, side - 1) | st.slices(side)


@dataclass(frozen=True)
class Plain:
    """What a LazyArray uses of a VQZ, over an array."""

    array: NDArray[Any]

    @property
    def parsed(self) -> Any:
        volume = SimpleNamespace(shape=self.array.shape, dtype=self.array.dtype.str)
        return SimpleNamespace(volume=volume)

    def read_region(self, region: Any) -> Any:
        return self.array[tuple(region)]


FOUR_AXES = np.arange(5 * 6 * 7 * 3, dtype=np.int16).reshape(5, 6, 7, 3)


@given(
    index=st.tuples(*map(indices, FOUR_AXES.shape)),
    length=st.integers(0, 4),
    new=st.none() | st.integers(0, 4),
)
def test_any_slice_is_that_of_the_whole(
    index: tuple[Any, ...], length: int, new: int | None
) -> None:
    index = index[:length]
    if new is not None:
        index = (*index[:new], None, *index[new:])
    found = LazyArray(cast(VQZ, Plain(FOUR_AXES)), slope=2.0)[index]
    np.testing.assert_array_equal(found, 2.0 * FOUR_AXES[index])


def test_slices_of_a_file(packed: Path, whole: Any) -> None:
    data = nib.load(packed).dataobj
    for index in ((..., 3), (4, None, ..., slice(None, None, -2)), (slice(3, 9), 5)):
        np.testing.assert_allclose(data[index], whole[index], atol=2)
    assert data[5:5].shape == (0, 24, 22)
    with pytest.raises(ValueError, match="too large"):  # as with nibabel's own proxies
        data[0, 0, 22]


def test_a_slice_needs_no_more_than_its_region(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def read(_: VQZ, region: Any) -> Any:
        seen.append(region)
        return np.zeros([each.stop - each.start for each in region], np.int16)

    monkeypatch.setattr(VQZ, "read_region", read)
    assert nib.load(packed).dataobj[3, 15:5:-4, -2:].shape == (3, 2)
    assert seen == [[slice(3, 4), slice(7, 16), slice(20, 22)]]


def test_the_slicer_keeps_the_place(packed: Path, whole: Any) -> None:
    part = nib.load(packed).slicer[4:12, :, 5:6]
    assert type(part) is VqzImage
    np.testing.assert_allclose(part.affine @ [0, 0, 0, 1], AFFINE @ [4, 0, 5, 1], atol=1e-4)
    np.testing.assert_allclose(part.header.get_best_affine(), part.affine, atol=1e-4)
    np.testing.assert_allclose(part.get_fdata(), whole[4:12, :, 5:6], atol=2)


def test_saving_compresses(packed: Path, tmp_path: Path) -> None:
    source = nib.load(packed.with_suffix(".nii"))
    nib.save(source, tmp_path / "new.vqz", quality=4, effort=1, device="cpu")
    decoded = vqcodec.codec.decode_volume(VQZ.open(tmp_path / "new.vqz"), device="cpu")
    original = packed.with_suffix(".nii").read_bytes()
    assert original.startswith(decoded.header_bytes)
    source.header["descrip"] = b"another"
    nib.save(source, tmp_path / "other.vqz", quality=4, effort=1, device="cpu")
    assert nib.load(tmp_path / "other.vqz").header["descrip"] == b"another"
    with pytest.raises(ValueError, match=r"exclude each other|one of"):
        nib.save(source, tmp_path / "no.vqz", quality=4, ratio=1.0)
    assert not (tmp_path / "no.vqz").exists()
    regions = np.indices((20, 20, 20)).sum(axis=0, dtype=np.uint8) // 8
    labels = nib.Nifti1Image(regions, np.eye(4))
    with pytest.raises(VolumeError):
        nib.save(labels, tmp_path / "no.vqz")


def test_saving_what_was_loaded_does_not_compress_it_again(packed: Path, tmp_path: Path) -> None:
    image = nib.load(packed)
    nib.save(image, tmp_path / "same.vqz")
    assert (tmp_path / "same.vqz").read_bytes() == packed.read_bytes()
    changed = nib.load(packed)
    changed.header["descrip"] = b"another"
    nib.save(changed, tmp_path / "changed.vqz")
    again = nib.load(tmp_path / "changed.vqz")
    assert again.header["descrip"] == b"another"
    assert again.get_data_dtype() == np.int16
    assert again.dataobj.slope == 0.5


def test_saving_as_something_else(packed: Path, whole: Any, tmp_path: Path) -> None:
    nib.save(nib.load(packed), tmp_path / "back.nii.gz")
    back = nib.load(tmp_path / "back.nii.gz")
    assert type(back) is nib.Nifti1Image
    np.testing.assert_allclose(back.get_fdata(), whole, atol=0.3)
    np.testing.assert_allclose(back.affine, nib.load(packed).affine)


@pytest.mark.parametrize(
    ("image_class", "dtype"),
    [(nib.MGHImage, np.float32), (nib.Nifti2Image, np.uint8), (nib.Spm2AnalyzeImage, np.int16)],
)
def test_headers_of_other_classes(image_class: Any, dtype: Any, tmp_path: Path) -> None:
    array = head((12, 14, 13), top=200).astype(dtype)
    nib.save(image_class(array, np.diag([2.0, 2, 2, 1])), tmp_path / "a.vqz", effort=1, quality=4)
    image = nib.load(tmp_path / "a.vqz")
    assert type(image.header) is image_class.header_class
    np.testing.assert_array_equal(image.header.get_zooms()[:3], (2, 2, 2))
    np.testing.assert_array_equal(image.get_fdata(), vqcodec.decode(tmp_path / "a.vqz").get_fdata())


def test_four_axes_arrays_and_streams(tmp_path: Path) -> None:
    array = np.stack([head((12, 14, 13), top=200, seed=s) for s in (1, 2)], -1).astype(np.float32)
    vqz = vqcodec.encode(array, quality=4, effort=1, device="cpu")
    stream = io.BytesIO()
    VqzImage.from_vqz(vqz).to_file_map({"image": nib.FileHolder(fileobj=stream)})
    assert stream.getvalue() == vqz.to_bytes()
    image = VqzImage.from_file_map({"image": nib.FileHolder(fileobj=io.BytesIO(vqz.to_bytes()))})
    assert type(image.header) is nib.Nifti1Header
    assert (image.shape, image.get_data_dtype()) == ((12, 14, 13, 2), np.dtype(np.float32))
    second = image.slicer[2:5, ..., 1]
    assert second.shape == (3, 14, 13)
    np.testing.assert_allclose(second.get_fdata(), image.get_fdata()[2:5, ..., 1], atol=1)


def test_damage_is_told(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.vqz").write_bytes(packed.read_bytes()[:200])
    with pytest.raises(FormatError):
        nib.load(tmp_path / "cut.vqz")


def test_it_registers_once_and_loads_without_torch(packed: Path) -> None:
    register()
    assert nib.imageclasses.all_image_classes.count(VqzImage) == 1
    code = (
        "import sys\nsys.modules['torch'] = None\nimport nibabel, vqcodec.nibabel_plugin\n"
        "print(nibabel.load(sys.argv[1]).header.get_data_shape())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, packed], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{SHAPE}\n"
