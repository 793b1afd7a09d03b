"""Family ``paper`` from a volume to a file and back, with the tiny model of the vectors."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.golden.places import PAPER_MODEL
from tests.golden.tiny_paper import CONFIG
from vqcodec import VQZ, encode, verify
from vqcodec.codec import decode_volume
from vqcodec.errors import LimitExceededError, ModelUnavailableError
from vqcodec.formats.volumes import write_volume
from vqcodec.models.paper import PaperNetwork
from vqcodec.registry import read_weights, write_weights

from .phantoms import head, nifti, psnr, there_and_back

ROOT = Path(__file__).parents[2]
OPTIONS: dict[str, Any] = {"model": str(PAPER_MODEL), "force": True}
LARGE = head((90, 60, 62)).astype(np.int16)
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import vqcodec
print(vqcodec.verify(sys.argv[1])["codes_sha256"])
"""


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQZ_MODEL_PATH", str(PAPER_MODEL))


@pytest.mark.parametrize(
    ("array", "slope"),
    [
        (head((43, 50, 38)).astype(">i2"), 0.5),
        (np.stack([head((20, 65, 30), seed=seed) for seed in (1, 2)], -1).astype("<f4"), None),
        (head((34, 39, 41), top=255, masked=False).astype("|u1"), None),
    ],
    ids=["big-endian", "two frames", "no background"],
)
def test_there_and_back(array: NDArray[Any], slope: float | None, tmp_path: Path) -> None:
    source = nifti(array, slope=slope, inter=None if slope is None else 0.0)
    vqz, volume = there_and_back(source, **OPTIONS)
    assert volume.header_bytes == source.header_bytes
    assert (volume.array.dtype, volume.array.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(volume.array[array == 0], 0)
    assert array.min() <= volume.array.min()
    assert volume.array.max() <= array.max()
    assert psnr(array, volume.array) > 12
    write_volume(volume, tmp_path / "back.nii")
    assert (tmp_path / "back.nii").read_bytes().startswith(source.header_bytes)
    assert vqz.header["family"] == "paper"
    assert vqz.header["entropy"] == "code-range-1"
    for frame, codes in zip(vqz.header["frames"], vqz.all_codes(), strict=True):
        assert (frame["stages"], frame["step_index"]) == ([2, 2, 3], 0)
        sites = [-(-side // 64) for side in frame["extent"]]
        assert list(codes) == ["fine", "middle", "coarse"]
        for grid, stages, side in zip(codes.values(), (2, 2, 3), (16, 4, 1), strict=True):
            assert grid.shape == (stages, *(side * n for n in sites))
            assert grid.max() < 16


def test_twice_the_same_bytes_and_verified_without_torch(tmp_path: Path) -> None:
    array = head((22, 24, 26)).astype(np.float32)
    vqz = encode(array, **OPTIONS)
    assert encode(array, **OPTIONS).to_bytes() == vqz.to_bytes()
    vqz.save(tmp_path / "scan.vqz")
    codes_sha256 = vqz.header["codes_sha256"]
    assert verify(tmp_path / "scan.vqz")["codes_sha256"] == codes_sha256
    arguments = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "scan.vqz")]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.stderr, done.stdout.strip()) == ("", codes_sha256)


@pytest.fixture(scope="module")
def by_quality() -> dict[int, VQZ]:
    return {quality: encode(LARGE, quality=quality, **OPTIONS) for quality in (1, 5, 9)}


def stages(vqz: VQZ) -> list[int]:
    found: list[int] = vqz.header["frames"][0]["stages"]
    return found


def test_quality_is_the_number_of_stages(by_quality: dict[int, VQZ]) -> None:
    found = [stages(vqz) for vqz in by_quality.values()]
    assert found == [[1, 1, 1], [1, 1, 2], [2, 2, 3]]
    sizes = [vqz.nbytes for vqz in by_quality.values()]
    assert sizes == sorted(set(sizes))
    assert sizes[0] + 1500 < sizes[-1]


def test_a_target_takes_as_many_stages_as_fit(by_quality: dict[int, VQZ]) -> None:
    least, middle, most = (by_quality[quality].nbytes for quality in (1, 5, 9))
    for target, expected in (
        (most + 256, [2, 2, 3]),
        ((middle + most) // 2 + 128, [1, 1, 2]),
        (least + 256, [1, 1, 1]),
    ):
        vqz = encode(LARGE, target_bytes=target, **OPTIONS)
        assert vqz.nbytes <= target
        if expected != [1, 1, 1]:
            assert stages(vqz) == expected


def test_the_least_possible_is_named_and_possible() -> None:
    array = head((30, 28, 26)).astype(np.int16)
    with pytest.raises(LimitExceededError) as refusal:
        encode(array, target_bytes=500, **OPTIONS)
    found = re.fullmatch(
        r"cannot be compressed to 500 bytes with this model: the smallest file is (\d+) bytes",
        str(refusal.value),
    )
    assert found is not None
    least = int(found.group(1))
    vqz = encode(array, target_bytes=least, **OPTIONS)
    assert vqz.nbytes <= least
    assert stages(vqz)[0] == 1


def without(*prefixes: str) -> dict[str, NDArray[Any]]:
    tensors = read_weights(PAPER_MODEL).tensors
    return {name: part for name, part in tensors.items() if not name.startswith(prefixes)}


def written(path: Path, tensors: dict[str, NDArray[Any]], **settings: Any) -> Path:
    config = {**CONFIG.to_json(), **settings}
    write_weights(path, tensors, config, model_id="changed", family="paper")
    return path


def test_a_model_without_entropy_tables_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = written(tmp_path / "bare.safetensors", without("codes/", "mask/"))
    with pytest.raises(ModelUnavailableError, match=r"no entropy tables.*vqz train export --pack"):
        encode(LARGE, model=str(path))


@pytest.mark.parametrize(
    ("missing", "settings", "message"),
    [
        ("mask/", {}, "no tensor 'mask/"),
        ("codes/fine/1/last", {}, "no tensor 'codes/fine/1/last'"),
        ("decoder.from_fine.1.shift", {}, "no tensor 'decoder.from_fine.1.shift'"),
        ("quantisers.middle.codebooks.1", {}, "no tensor 'quantisers.middle.codebooks.1.entries'"),
        ("-", {"codebook_size": 32}, "no tensor 'quantisers.*' of the right shape"),
        ("-", {"codebook_size": 257}, "configuration is wrong: codebook_size"),
        ("-", {"stages": [2, 2]}, "configuration is wrong: stages"),
        ("-", {"colour": "red"}, "configuration is wrong: unknown settings.*colour"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    missing: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "changed.safetensors", without(missing), **settings)
    with pytest.raises(ModelUnavailableError, match=message) as caught:
        encode(LARGE, model=str(path))
    assert str(caught.value).isprintable()


def test_another_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vqz = encode(head((9, 9, 9)).astype(np.int16), **OPTIONS)
    tensors = without("-")
    tensors["decoder.from_fine.1.shift"] = tensors["decoder.from_fine.1.shift"] + np.float16(1)
    path = written(tmp_path / "other.safetensors", tensors)
    monkeypatch.setenv("VQZ_MODEL_PATH", str(path))
    with pytest.raises(ModelUnavailableError, match="sha256"):
        decode_volume(VQZ.from_bytes(vqz.to_bytes()), device="cpu")


def test_the_tiny_model_holds_the_network_it_says() -> None:
    names = {name for name, _ in PaperNetwork(CONFIG).named_parameters()}
    assert names <= set(read_weights(PAPER_MODEL).tensors)
