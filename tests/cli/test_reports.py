"""``info``, ``test``, ``compare`` and ``models``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vqcodec.cli.console import file_size
from vqcodec.cli.sizes import significant
from vqcodec.registry import write_weights

from .conftest import Vqz, make_scan

Capture = pytest.CaptureFixture[str]


def test_info_reads_the_header_only(vqz: Vqz, scan: Path, capsys: Capture) -> None:
    vqz("compress", scan, "-q")
    compressed = scan.with_name("scan.vqz")
    assert vqz("info", compressed) == 0
    text = capsys.readouterr().out
    assert "volume      12x14x13 int16, nifti1 (.nii.gz)" in text
    assert "stand-in" in text
    assert "foreground 34.50 dB, whole - dB" in text
    assert vqz("info", compressed, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["bytes"] == compressed.stat().st_size
    assert record["sections"][0]["name"].startswith("coarse")
    assert vqz("info", compressed, "-v") == 0
    assert '"suffix": ".nii.gz"' in capsys.readouterr().out


def test_info_does_not_mind_damage_further_back(vqz: Vqz, scan: Path, capsys: Capture) -> None:
    vqz("compress", scan, "-q")
    compressed = scan.with_name("scan.vqz")
    data = bytearray(compressed.read_bytes())
    data[-1500] ^= 1
    compressed.write_bytes(data)
    assert vqz("info", compressed) == 0
    assert vqz("test", compressed) == 65
    assert "checksum" in capsys.readouterr().err
    data[-2] ^= 1
    compressed.write_bytes(data)
    assert vqz("info", compressed) == 65
    assert vqz("info", scan, scan.with_name("gone.vqz")) == 1
    assert vqz("info", scan) == 65


def test_test_goes_through_folders(vqz: Vqz, tmp_path: Path, capsys: Capture) -> None:
    make_scan(tmp_path / "a.nii")
    make_scan(tmp_path / "s" / "b.nii")
    vqz("compress", "-r", tmp_path, "-q")
    assert vqz("test", "-r", tmp_path) == 0
    assert capsys.readouterr().out == f"{tmp_path}/a.vqz: ok\n{tmp_path}/s/b.vqz: ok\n"
    assert vqz("test", tmp_path) == 66
    assert vqz("test", "--json", tmp_path / "a.vqz") == 0
    assert json.loads(capsys.readouterr().out)["sections"] == 3


def test_compare_measures(vqz: Vqz, scan: Path, tmp_path: Path, capsys: Capture) -> None:
    vqz("compress", scan, "-q")
    assert vqz("compare", scan, scan.with_name("scan.vqz")) == 0
    assert "MS-SSIM           1.00000" in capsys.readouterr().out
    reference = np.random.default_rng(0).uniform(1, 100, (20, 21, 22)).astype(np.float32)
    np.save(tmp_path / "a.npy", reference)
    np.save(tmp_path / "b.npy", reference + 1)
    assert vqz("compare", tmp_path / "a.npy", tmp_path / "b.npy", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["max_error"] == pytest.approx(1, abs=1e-4)
    assert record["psnr"] == pytest.approx(20 * np.log10(record["range"]), abs=0.01)
    assert record["range"] == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize("shape", [(9,), (9, 8), (7, 8, 9, 2), (4, 4, 4, 2, 2)])
def test_compare_takes_any_number_of_axes(
    vqz: Vqz, tmp_path: Path, capsys: Capture, shape: tuple[int, ...]
) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    values.flat[3] = np.nan
    np.save(tmp_path / "a.npy", values)
    assert vqz("compare", tmp_path / "a.npy", tmp_path / "a.npy", "-v") == 0
    output = capsys.readouterr().out
    assert "largest error     0" in output
    assert "1 voxels that are not finite" in output


def test_compare_of_nothing_in_common(vqz: Vqz, tmp_path: Path, capsys: Capture) -> None:
    np.save(tmp_path / "a.npy", np.full((8, 8, 8), np.nan))
    np.save(tmp_path / "b.npy", np.zeros((8, 8, 8)))
    assert vqz("compare", tmp_path / "a.npy", tmp_path / "b.npy") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[2:4]] == ["-", "-"]
    assert lines[4].startswith("left out          512 voxels")


def test_compare_refuses(vqz: Vqz, tmp_path: Path, capsys: Capture) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 4, 4)))
    np.save(tmp_path / "b.npy", np.zeros((4, 4, 5)))
    assert vqz("compare", tmp_path / "a.npy", tmp_path / "b.npy") == 65
    assert capsys.readouterr().err == (
        f"vqz: {tmp_path}/b.npy: has shape (4, 4, 5), the reference (4, 4, 4)\n"
    )
    assert vqz("compare", tmp_path / "a.npy", tmp_path / "gone.npy") == 66
    assert vqz("compare", tmp_path / "a.npy") == 2


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a model of the user's own, which ``VQZ_MODEL_PATH`` names."""
    path = tmp_path / "mine.safetensors"
    tensors = {"w": np.ones(3, np.float16)}
    write_weights(path, tensors, {}, model_id="mine-1", family="toy", license="CC0-1.0")
    monkeypatch.setenv("VQZ_MODEL_PATH", str(path))
    return path


def test_models(vqz: Vqz, mine: Path, capsys: Capture) -> None:
    assert vqz("models", "list") == 0
    assert f"CC0-1.0      {mine}" in capsys.readouterr().out
    assert vqz("models", "show", "mine-1") == 0
    assert "license        CC0-1.0" in capsys.readouterr().out
    assert vqz("models", "path", "mine-1") == 0
    assert capsys.readouterr().out == f"{mine}\n"
    assert vqz("models", "verify", "mine-1") == 0
    assert capsys.readouterr().out == "mine-1: ok\n"
    assert vqz("models", "list", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[-1]["id"] == "mine-1"


@pytest.mark.parametrize("command", ["show", "path", "verify"])
def test_unknown_models(vqz: Vqz, capsys: Capture, command: str) -> None:
    assert vqz("models", command, "nobody") == 69
    errors = capsys.readouterr().err
    assert "nobody" in errors
    assert errors.count("\n") == 1


def test_numbers_for_people() -> None:
    sizes = [5, 999, 1000, 31149, 999600, 37748736, 5e9, 5e12]
    shown = [file_size(int(size)) for size in sizes]
    assert shown == ["5 B", "999 B", "1 kB", "31.1 kB", "1 MB", "37.7 MB", "5 GB", "5000 GB"]
    assert [significant(x) for x in (0.8249, 1.65, 123.4, 0.00123, 0.0)] == [
        "0.825",
        "1.65",
        "123",
        "0.00123",
        "0",
    ]
