"""The same scan gives the same codes: twice, on any number of threads, in any axis order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from vqcodec import VQZ, encode
from vqcodec.codec import decode_volume
from vqcodec.formats.volumes import read_volume

from .phantoms import AFFINE, head, there_and_back

ROOT = Path(__file__).parents[2]
ARRAY = head((34, 30, 38)).astype(np.int16)


def test_twice_the_same_bytes() -> None:
    assert encode(ARRAY).to_bytes() == encode(ARRAY).to_bytes()


def test_number_of_threads_does_not_matter(tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", ARRAY)
    script = (
        "import sys, torch, vqcodec, numpy as np\n"
        "torch.set_num_threads(int(sys.argv[1]))\n"
        "vqcodec.encode('scan.npy', device='cpu').save(f'{sys.argv[1]}.vqz')\n"
        "np.save(f'back{sys.argv[1]}.npy', vqcodec.decode('1.vqz', device='cpu'))\n"
    )
    for threads in "12":
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        environment["PYTHONPATH"] = str(ROOT)
        command = [sys.executable, "-c", script, threads]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=120)
    one, two = (VQZ.open(tmp_path / f"{threads}.vqz") for threads in "12")
    assert one.parsed.codes_sha256 == two.parsed.codes_sha256
    backs = [np.load(tmp_path / f"back{threads}.npy").astype(float) for threads in "12"]
    assert np.abs(backs[0] - backs[1]).max() <= 1e-3 * np.ptp(ARRAY)


@pytest.mark.parametrize(
    ("orientation", "effort"),
    [("RAS", 1), ("LPI", 1), ("ASL", 5), ("SRP", 1), ("PIR", 1), ("LIA", 1)],
)
def test_order_and_direction_of_axes_do_not_matter(orientation: str, effort: int) -> None:
    image: Any = nib.Nifti1Image(ARRAY, AFFINE)
    start = nib.orientations.io_orientation(AFFINE)
    turn = nib.orientations.ornt_transform(start, nib.orientations.axcodes2ornt(orientation))
    turned = image.as_reoriented(turn)
    assert "".join(nib.orientations.aff2axcodes(turned.affine)) == orientation
    straight, straight_back = there_and_back(image, quality=6, effort=effort)
    vqz, back = there_and_back(turned, quality=6, effort=effort)
    assert vqz.parsed.codes_sha256 == straight.parsed.codes_sha256
    again = nib.orientations.apply_orientation(straight_back.array, turn)
    np.testing.assert_array_equal(back.array, again)


def test_an_image_without_directions_keeps_its_axes() -> None:
    vqz = encode(nib.Nifti1Image(ARRAY, None), quality=3, effort=1)
    assert sorted(vqz.header["volume"]["axes"]) == [0, 1, 2]
    assert decode_volume(vqz).array.shape == ARRAY.shape


def test_an_array_whose_affine_is_zero_keeps_its_axes() -> None:
    vqz = encode(ARRAY, affine=np.zeros((4, 4)), quality=3, effort=1)
    assert vqz.header["volume"]["axes"] == [0, 1, 2]
    assert decode_volume(vqz).array.shape == ARRAY.shape


@pytest.mark.parametrize("flip", [False, True])
def test_array_with_an_affine_is_turned_too(flip: bool) -> None:
    affine = np.diag([-1.0, 1, 1, 1]) if flip else np.eye(4)
    vqz = encode(ARRAY[::-1] if flip else ARRAY, affine=affine, quality=3, effort=1)
    assert vqz.header["volume"]["flips"] == [flip, False, False]
    assert vqz.parsed.codes_sha256 == encode(ARRAY, quality=3, effort=1).parsed.codes_sha256


def test_views_and_byte_orders_do_not_matter(tmp_path: Path) -> None:
    plain = encode(ARRAY, quality=4, effort=1)
    assert encode(np.asfortranarray(ARRAY), quality=4, effort=1).to_bytes() == plain.to_bytes()
    swapped = encode(ARRAY.astype(">i2"), quality=4, effort=1)
    assert swapped.parsed.codes_sha256 == plain.parsed.codes_sha256
    np.save(tmp_path / "scan.npy", ARRAY)
    assert encode(tmp_path / "scan.npy", quality=4, effort=1).to_bytes() == plain.to_bytes()
    volume = read_volume(tmp_path / "scan.npy")
    assert encode(volume, quality=4, effort=1).to_bytes() == plain.to_bytes()


def test_the_source_is_left_as_it_was() -> None:
    array = head().astype(np.float32)
    array[3, 3, 3] = np.nan
    before = array.copy()
    encode(array, quality=3, effort=1)
    np.testing.assert_array_equal(array, before)
    array.flags.writeable = False
    encode(array, quality=3, effort=1)
