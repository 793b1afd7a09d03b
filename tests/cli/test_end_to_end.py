"""The command line with the real codec and the default model, in processes of its own."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from vqcodec.formats.container import Container, pack, unpack

nib: Any = nibabel
ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from vqcodec.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "vqcodec.cli", *map(str, arguments)]


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=120, **options
    )


def make_head(path: Path, side: int) -> Path:
    """Write a skull-stripped "head": shells of smooth intensity and some noise, in LAS order."""
    generator = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, side),) * 3, indexing="ij"))
    radius = np.sqrt((grid**2 * np.array([1.6, 1.2, 1.4])[:, None, None, None]).sum(axis=0))
    values = 500 + 250 * np.cos(9 * radius + 2 * grid[0]) + generator.normal(0, 10, radius.shape)
    values[radius > 0.9] = 0
    image = nib.Nifti1Image(values.astype(np.int16), np.diag([-1.0, 1.0, 1.0, 1.0]))
    image.header["descrip"] = b"made for a test"
    nib.save(image, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a head and its compressed form."""
    place = tmp_path_factory.mktemp("end-to-end")
    done = run("compress", make_head(place / "head.nii.gz", 48), "--ratio", "2")
    assert (done.returncode, done.stderr) == (0, "")
    return place


def test_there_and_back(folder: Path, tmp_path: Path) -> None:
    size = (folder / "head.vqz").stat().st_size
    assert size <= 0.02 * 4 * 48**3
    back = tmp_path / "back.nii.gz"
    done = run("decompress", folder / "head.vqz", "-o", back)
    assert (done.returncode, done.stderr) == (0, "")
    before, after = (gzip.decompress(path.read_bytes()) for path in (folder / "head.nii.gz", back))
    assert before[:352] == after[:352]
    assert len(before) == len(after)
    figures = json.loads(run("compare", folder / "head.nii.gz", back, "--json").stdout)
    assert figures["psnr_foreground"] > 25
    stored = json.loads(run("info", folder / "head.vqz", "--json").stdout)["figures"]
    assert figures["psnr_foreground"] == pytest.approx(stored["psnr_foreground"], abs=0.2)
    values = [np.asarray(nib.load(path).dataobj) for path in (folder / "head.nii.gz", back)]
    np.testing.assert_array_equal(values[0] == 0, values[1] == 0)


@pytest.mark.parametrize("arguments", [["info"], ["info", "-v"], ["test"]])
def test_looking_inside_needs_no_torch(folder: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *arguments, folder / "head.vqz"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(folder / "head.vqz") in done.stdout


def test_several_at_once(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.nii.gz").write_bytes((folder / "head.nii.gz").read_bytes())
    (tmp_path / "c.nii").write_text("no volume")
    done = run("compress", "-r", tmp_path, "-j", 2, "--ratio", "2")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    packed = [tmp_path / f"{name}.vqz" for name in ("a", "b")]
    assert packed[0].read_bytes() == packed[1].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.nii.gz",
        "a.vqz",
        "b.nii.gz",
        "b.vqz",
        "c.nii",
    ]


def test_streams(folder: Path) -> None:
    source = (folder / "head.nii.gz").read_bytes()
    packing = subprocess.run(
        command("compress", "-", "--ratio", "2", "-q"),
        cwd=ROOT,
        input=source,
        capture_output=True,
        timeout=120,
    )
    assert (packing.returncode, packing.stderr) == (0, b"")
    assert packing.stdout == (folder / "head.vqz").read_bytes()
    back = subprocess.run(
        command("decompress", "-", "-q"),
        cwd=ROOT,
        input=packing.stdout,
        capture_output=True,
        timeout=120,
    )
    assert (back.returncode, back.stderr) == (0, b"")
    assert gzip.decompress(back.stdout)[:352] == gzip.decompress(source)[:352]


def test_weights_that_are_not_here(folder: Path, tmp_path: Path) -> None:
    container = unpack((folder / "head.vqz").read_bytes())
    header = {**container.header, "model": {**container.header["model"], "sha256": "0" * 64}}
    (tmp_path / "x.vqz").write_bytes(pack(Container(header, container.sections)))
    done = run("decompress", tmp_path / "x.vqz")
    assert done.returncode == 69
    assert done.stderr.startswith(f"vqz: {tmp_path / 'x.vqz'}: model ")
    assert "VQZ_MODEL_PATH" in done.stderr
    assert done.stderr.count("\n") == 1
    assert run("compress", folder / "head.nii.gz", "-f", "--model", "nobody").returncode == 69


def test_damage(folder: Path, tmp_path: Path) -> None:
    data = (folder / "head.vqz").read_bytes()
    bad = []
    for number, place in enumerate(np.linspace(0, len(data) - 1, 12).astype(int)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << number % 8
        for name, content in ((f"f{number}", bytes(flipped)), (f"c{number}", data[:place])):
            bad.append(tmp_path / f"{name}.vqz")
            bad[-1].write_bytes(content)
    for action in ("decompress", "test"):
        done = run(action, *bad)
        assert done.returncode == 65, done.stderr
        assert done.stderr.count("\n") == len(bad)
        assert "unexpected" not in done.stderr
    assert sorted(tmp_path.iterdir()) == sorted(bad)


@POSIX
def test_a_disk_that_fills_up(folder: Path, tmp_path: Path) -> None:
    import resource

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    target = tmp_path / "head.nii.gz"
    done = run("decompress", folder / "head.vqz", "-o", target, preexec_fn=small_files)
    assert done.returncode == 74
    assert done.stderr == f"vqz: {folder / 'head.vqz'}: cannot write {target}: File too large\n"
    assert list(tmp_path.iterdir()) == []


@POSIX
@pytest.mark.parametrize("delay", [0.5, 3.0])
def test_ctrl_c_in_the_middle(tmp_path: Path, delay: float) -> None:
    source = make_head(tmp_path / "big.nii.gz", 112)
    process = subprocess.Popen(
        command("compress", source), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("it was faster")
    assert (process.returncode, errors) == (130, b"vqz: interrupted\n")
    assert os.listdir(tmp_path) == ["big.nii.gz"]
