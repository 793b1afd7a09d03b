"""The VQZ object: files and bytes, codes, figures, information, and checks without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vqcodec
from vqcodec import VQZ, encode, verify
from vqcodec.codec import decode_volume
from vqcodec.errors import FormatError, ModelUnavailableError
from vqcodec.fitness import NAMES as FITNESS_NAMES
from vqcodec.formats.canonical_json import canonical_json
from vqcodec.formats.container import pack
from vqcodec.formats.sections import Section, SectionKind
from vqcodec.grids import codes_sha256

from .phantoms import head

ROOT = Path(__file__).parents[2]
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import vqcodec
print(vqcodec.verify(sys.argv[1])["codes_sha256"])
print({name: grid.shape for name, grid in vqcodec.VQZ.open(sys.argv[1]).codes.items()})
"""


@pytest.fixture(scope="module")
def vqz() -> VQZ:
    return encode(head((40, 44, 36)).astype(np.int16), quality=6)


@pytest.fixture(scope="module")
def path(vqz: VQZ, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("vqz") / "scan.vqz"
    vqz.save(place)
    return place


def test_files_and_bytes(vqz: VQZ, path: Path) -> None:
    data = path.read_bytes()
    assert data == vqz.to_bytes() == VQZ.open(path).to_bytes()
    assert VQZ.from_bytes(data).header == vqz.header
    assert vqz.nbytes == len(data)
    assert vqz.bits_per_voxel == pytest.approx(8 * len(data) / (40 * 44 * 36))
    with pytest.raises(FileExistsError):
        vqz.save(path)
    vqz.save(path, overwrite=True)


def test_codes_are_three_grids_of_bytes(vqz: VQZ) -> None:
    codes = vqz.codes
    extent = vqz.header["frames"][0]["extent"]
    stages = vqz.header["frames"][0]["stages"]
    assert list(codes) == ["fine", "middle", "coarse"]
    for grid, channels, stage, factor in zip(
        codes.values(), (63, 63, 64), stages, (4, 16, 64), strict=True
    ):
        assert grid.dtype == np.uint8
        assert grid.shape == (channels * stage, *(-(-side // factor) for side in extent))
    assert codes_sha256([codes]) == vqz.header["codes_sha256"]
    assert vqz.codes is codes


def test_information(vqz: VQZ) -> None:
    info = vqz.info()
    assert info["bytes"] == vqz.nbytes
    assert info["figures"] == vqz.figures
    assert info["header"] == vqz.header
    assert sum(info["sections"].values()) < vqz.nbytes
    assert {"fine/0", "middle/0", "coarse/0", "mask/0", "volume header/0"} <= set(info["sections"])
    assert set(vqz.figures) == {
        "psnr_foreground",
        "psnr",
        "ms_ssim",
        "max_error",
        "range",
        "foreground_voxels",
        "nonfinite_voxels",
        *FITNESS_NAMES,
    }
    assert 0.9 < vqz.figures["ms_ssim"] <= 1
    assert vqz.header["model"]["id"] == vqcodec.load_model().id


def test_verify_and_codes_without_torch(vqz: VQZ, path: Path) -> None:
    assert verify(path)["codes_sha256"] == vqz.header["codes_sha256"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    digest, shapes = done.stdout.splitlines()
    assert digest == vqz.header["codes_sha256"]
    assert shapes == str({name: grid.shape for name, grid in vqz.codes.items()})


def test_damaged_codes_are_found(vqz: VQZ, tmp_path: Path) -> None:
    """Checksums are right, but the fine stream is that of another scan."""
    other = encode(head((40, 44, 36), seed=4).astype(np.int16), quality=6)
    sections = tuple(
        Section(each.kind, 0, other.container.section(each.kind))
        if each.kind == SectionKind.FINE
        else each
        for each in vqz.container.sections
    )
    forged = VQZ.from_bytes(pack(replace(vqz.container, sections=sections)))
    with pytest.raises(FormatError):
        _ = forged.codes
    with pytest.raises(FormatError):
        decode_volume(forged)
    forged.save(tmp_path / "forged.vqz")
    with pytest.raises(FormatError):
        verify(tmp_path / "forged.vqz")


def test_another_model_is_refused(vqz: VQZ) -> None:
    model = {**vqz.header["model"], "sha256": "0" * 64}
    forged = replace(vqz.container, header={**vqz.header, "model": model})
    with pytest.raises(ModelUnavailableError, match="VQZ_MODEL_PATH"):
        vqcodec.decode(VQZ.from_container(forged))


@pytest.mark.parametrize("figures", [[1], {"psnr": "high"}, {"psnr": True}, {"psnr": {}}])
def test_figures_are_numbers(vqz: VQZ, figures: object) -> None:
    sections = tuple(
        Section(each.kind, 0, canonical_json(figures)) if each.kind == SectionKind.FIGURES else each
        for each in vqz.container.sections
    )
    forged = VQZ.from_container(replace(vqz.container, sections=sections))
    with pytest.raises(FormatError, match="figures"):
        _ = forged.figures
