"""A region is what the whole volume holds there, wherever it lies and whatever the file is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import vqcodec
from vqcodec import VQZ
from vqcodec.codec import decode_volume
from vqcodec.entropy.tiling import tile_places
from vqcodec.formats.volumes import read_volume_bytes, volume_to_bytes
from vqcodec.models.wavelet_region import Part
from vqcodec.region import decode_region

from .phantoms import AFFINE, head, nifti

SHAPE = (100, 70, 90)
REGIONS: list[tuple[slice, ...]] = [
    (slice(40, 60), slice(20, 30), slice(33, 70)),
    (slice(63, 65), slice(63, 65), slice(63, 65)),
    (slice(99, 100), slice(None), slice(0, 1)),
    (slice(-10, None), slice(5, -3)),
    (slice(50, 51),),
    (),
]


@pytest.fixture(scope="module")
def small() -> VQZ:
    array = head(SHAPE).astype(np.int16)
    return vqcodec.encode(nifti(array, slope=0.5, inter=3.0), quality=4, effort=1, device="cpu")


@pytest.fixture(scope="module")
def whole(small: VQZ) -> Any:
    return decode_volume(small, device="cpu").array


@pytest.mark.parametrize("region", REGIONS)
def test_the_same_voxels(small: VQZ, whole: Any, region: tuple[slice, ...]) -> None:
    found = small.read_region(region, device="cpu")
    wanted = whole[tuple(region)]
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    scale = small.parsed.frames[0].scale
    difference = np.abs(found.astype(np.float64) - wanted)
    assert difference.max() <= 1e-3 * scale + 1
    np.testing.assert_array_equal(found == 0, wanted == 0)


def test_few_tiles_are_needed() -> None:
    wide = Part((10, 10, 10), (20, 20, 20)).widened((192, 256, 192))
    assert tile_places(wide.stop, wide.start) == ((0, 0, 0),)
    wide = Part((90, 90, 90), (100, 100, 100)).widened((192, 256, 192))
    assert len(tile_places(wide.stop, wide.start)) == 8
    assert len(tile_places((192, 256, 192))) == 36


def test_outside_of_the_box_is_background(small: VQZ) -> None:
    origin = small.parsed.frames[0].origin
    assert min(origin) > 0
    corner = small.read_region([slice(0, 1)] * 3, device="cpu")
    np.testing.assert_array_equal(corner, np.zeros((1, 1, 1), np.int16))


def test_as_a_volume_it_lies_where_it_lay(small: VQZ) -> None:
    part = decode_region(small, (slice(40, 60), slice(20, 30), slice(33, 70)), device="cpu")
    assert (part.slope, part.inter) == (0.5, 3.0)
    assert part.affine is not None
    np.testing.assert_allclose(part.affine @ [0, 0, 0, 1], AFFINE @ [40, 20, 33, 1], atol=1e-4)
    again = read_volume_bytes(volume_to_bytes(part, ".nii"), ".nii")
    np.testing.assert_array_equal(again.array, part.array)
    assert again.array.shape == (20, 10, 37)


@pytest.mark.parametrize("dtype", ["<f4", "|u1"])
def test_four_axes_and_arrays(dtype: str) -> None:
    array = np.stack([head((30, 40, 36), top=200, seed=s) for s in (1, 2)], axis=-1).astype(dtype)
    vqz = vqcodec.encode(array, quality=4, effort=1, device="cpu")
    found = vqz.read_region((slice(3, 9), slice(0, 12)), device="cpu")
    wanted = vqcodec.decode(vqz, device="cpu")[3:9, 0:12]
    assert found.shape == (6, 12, 36, 2)
    np.testing.assert_allclose(found.astype(float), wanted.astype(float), atol=1.2)


def test_nan_and_tokens() -> None:
    array = head((30, 30, 30)).astype(np.float32)
    array[10, 11, 12] = np.nan
    vqz = vqcodec.encode(array, quality=3, effort=1, device="cpu")
    found = vqz.read_region([slice(8, 14)] * 3, device="cpu")
    assert np.isnan(found[2, 3, 4])
    assert np.isnan(found).sum() == 1


def test_a_constant_volume() -> None:
    vqz = vqcodec.encode(np.full((9, 9, 9), 7.0, np.float32), device="cpu")
    np.testing.assert_array_equal(vqz.read_region([slice(2, 4)] * 3), np.full((2, 2, 2), 7.0))


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ((slice(5, 5),), "no voxel along axis 0"),
        ((slice(200, 300),), "no voxel along axis 0"),
        ((slice(0, 9, 2),), "no step"),
        ((slice(None),) * 4, "at most 3 axes"),
    ],
)
def test_refused(small: VQZ, region: tuple[slice, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small.read_region(region)


def test_on_the_command_line(tmp_path: Path) -> None:
    source, out = tmp_path / "a.nii.gz", tmp_path / "part.nii.gz"
    image: Any = nib.Nifti1Image(head((40, 44, 42)).astype(np.int16), AFFINE)
    nib.save(image, source)

    def run(*arguments: Any) -> int:
        process = subprocess.run(
            [sys.executable, "-m", "vqcodec.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in process.stderr
        return process.returncode

    assert run("compress", source, "--quality", "3", "--effort", "1") == 0
    packed = tmp_path / "a.vqz"
    assert run("decompress", packed, "-o", out, "--roi", "10:20,:,5:") == 0
    loaded: Any = nib.load(out)
    expected: Any = image.slicer[10:20, :, 5:]
    assert loaded.shape == expected.shape == (10, 44, 37)
    np.testing.assert_allclose(loaded.affine, expected.affine, atol=1e-4)
    for wrong in ("10:20:2", ":,:,:,:", "90:95"):
        assert run("decompress", packed, "-o", tmp_path / "no.nii", "--roi", wrong) == 2
        assert not (tmp_path / "no.nii").exists()


@pytest.mark.parametrize("region", [(1, 2, 3), "abc", (slice(1), None)])
def test_regions_of_something_else(small: VQZ, region: Any) -> None:
    with pytest.raises(TypeError, match="sequence of slices"):
        small.read_region(region)
