"""``vqz archive``, and ``vqz test --deep``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import pytest

from vqcodec import VQZ, Archive
from vqcodec.cli.main import main
from vqcodec.formats.archive_opening import append_to_archive

from .conftest import PAPER_SCAN, PATHS, WAVELET_SCAN

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]
Vqz = Callable[..., int]
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from vqcodec.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def vqz(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Return a folder of scans and what lies beside them."""
    folder = tmp_path / "packed"
    anat = folder / "sub-01" / "anat"
    anat.mkdir(parents=True)
    (anat / "sub-01_T1w.vqz").write_bytes(PAPER_SCAN.read_bytes())
    (anat / "sub-01_T1w.json").write_text("{}")
    (anat / "sub-01_T2w.nii").write_text("a volume")
    (folder / "sub-02 é.VQZ").write_bytes(WAVELET_SCAN.read_bytes())
    (folder / "README").write_text("read me")
    (folder / ".hidden").write_text("hidden")
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_there_and_back(
    packed: Path, with_models: None, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    archive, out = packed.with_name("a.h5"), packed.with_name("out")
    assert vqz("archive", "create", archive, packed, "--with-sidecars") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[-1].endswith("4 of 4 files are in it")
    monkeypatch.delenv("VQZ_MODEL_PATH")
    assert vqz("archive", "extract", archive, "--output-dir", out, "-q") == 0
    expected = tree(packed)
    del expected[".hidden"], expected["sub-01/anat/sub-01_T2w.nii"]
    assert tree(out) == expected
    assert vqz("archive", "extract", archive, "--output-dir", out, "*T1w.vqz") == 73
    assert "exists already (-f overwrites it)" in capsys.readouterr().err
    assert vqz("archive", "extract", archive, "--output-dir", out, "*T1w.vqz", "-f") == 0
    assert vqz("archive", "extract", archive, "--output-dir", out, "nobody") == 66
    assert "holds nothing named nobody" in capsys.readouterr().err


def test_volumes_out_of_an_archive(study: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    command = ("archive", "extract", study, "--output-dir", out)
    assert vqz(*command, "--roi", "2:5") == 2
    assert vqz(*command, "*sub-01*", "--decompress", "--json") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (volume,) = [record for record in records if "shape" in record]
    image: Any = nibabel.load(volume["output"])  # type: ignore[attr-defined]
    assert list(image.shape) == volume["shape"]
    assert (out / "sub-01/anat/sub-01_T1w.json").is_file()
    command = (*command, "*T1w.vqz", "--decompress", "-f", "--roi")
    assert vqz(*command, "2:5") == 0
    part: Any = nibabel.load(volume["output"])  # type: ignore[attr-defined]
    assert part.shape == (3, *image.shape[1:])
    assert vqz(*command, "900:901") == 2
    assert "unexpected" not in capsys.readouterr().err


def test_nothing_is_written_outside(study: Path, tmp_path: Path, capsys: Capture) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (out / "sub-01").mkdir(parents=True)
    elsewhere.mkdir()
    (out / "sub-01" / "anat").symlink_to(elsewhere)
    (elsewhere / "precious").write_text("kept")
    (out / "sub-02 é\n").mkdir()
    (out / "sub-02 é\n" / "T1w.vqz").symlink_to(elsewhere / "precious")
    for more in ((), ("--decompress",)):
        assert vqz("archive", "extract", study, "--output-dir", out, "-f", *more) != 0
    assert capsys.readouterr().err.count("outside of") == 5
    assert tree(elsewhere) == {"precious": b"kept"}


def test_appending_goes_on_where_it_was_stopped(
    study: Path, packed: Path, with_models: None, capsys: Capture
) -> None:
    assert vqz("archive", "append", study, packed, "--json") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {record["name"]: record["added"] for record in records} == {
        "sub-01/anat/sub-01_T1w.vqz": False,
        "sub-02 é.VQZ": True,
    }
    (packed / "sub-02 é.VQZ").write_bytes(PAPER_SCAN.read_bytes())
    (packed / "bad.vqz").write_text("no VQZ file")
    assert vqz("archive", "append", study, packed) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert any("there is another member 'sub-02 é.VQZ' already" in line for line in errors)
    assert len(Archive.open(study)) == 3
    assert vqz("archive", "append", study.with_name("none.h5"), packed) == 66
    assert vqz("archive", "append", packed / "README", packed) == 65
    with append_to_archive(study, "test"):
        assert vqz("archive", "append", study, packed) == 73
    assert "another program is using it" in capsys.readouterr().err


def test_create_is_careful(packed: Path, with_models: None, capsys: Capture) -> None:
    archive = packed.with_name("a.h5")
    assert vqz("archive", "create", archive, packed, "-n") == 0
    assert not archive.exists()
    (packed / "sub-02 é.VQZ").unlink()
    (packed / "sub-01" / "anat" / "bad.vqz").write_text("bad")
    (packed / "back\\slash.vqz").write_bytes(PAPER_SCAN.read_bytes())
    assert vqz("archive", "create", archive, packed) == 1
    assert list(Archive.open(archive)) == ["sub-01/anat/sub-01_T1w.vqz"]
    before = archive.read_bytes()
    assert vqz("archive", "create", archive, packed) == 73
    assert vqz("archive", "create", archive, packed / "sub-01" / "anat" / "bad.vqz", "-f") == 65
    assert vqz("archive", "create", archive, packed, packed, "-f") == 2
    assert vqz("archive", "create", archive, packed.with_name("nowhere"), "-f") == 66
    assert vqz("archive", "create", packed / "no" / "a.h5", packed) == 73
    scan = packed / "sub-01" / "anat" / "sub-01_T1w.vqz"
    assert vqz("archive", "create", scan, packed, "-f") == 2
    VQZ.open(scan)
    assert archive.read_bytes() == before
    assert {path.name for path in packed.parent.iterdir()} == {"a.h5", "packed"}
    assert "unexpected" not in capsys.readouterr().err


def test_an_archive_is_no_member_of_itself(packed: Path, with_models: None) -> None:
    archive = packed / "a.h5"
    for _ in range(2):
        assert vqz("archive", "create", archive, packed, "--with-sidecars", "-f", "-q") == 0
        assert "a.h5" not in [member.name for member in Archive.open(archive).members()]


@pytest.mark.parametrize("command", ["list", "verify"])
def test_looking_inside_needs_no_torch(study: Path, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "archive", command, study],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "VQZ_MODEL_PATH"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "sub-01/anat/sub-01_T1w.json" in done.stdout
    assert "sub-02 é\\n/T1w.vqz" in done.stdout


def test_list(study: Path, capsys: Capture) -> None:
    assert vqz("archive", "list", study, "--json") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["kind"] for record in records] == ["scan", "sidecar", "scan"]
    assert records[0]["model"]["id"] == "vector-tiny-paper"
    assert records[0]["figures"]["psnr_foreground"] > 0
    assert vqz("archive", "list", study, "-v", "*.vqz") == 0
    text = capsys.readouterr().out
    assert "2 scans, 0 other files" in text
    assert "weights of vector-tiny-paper" in text
    assert vqz("archive", "list", PAPER_SCAN) == 65
    assert vqz("archive", "list", study.with_name("gone.h5")) == 66
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"vqz: {PAPER_SCAN}: not an archive (no HDF5 file)"
    assert second == f"vqz: {study.with_name('gone.h5')}: No such file or directory"


def test_verify_finds_what_is_damaged(study: Path, capsys: Capture) -> None:
    assert vqz("archive", "verify", study, "--deep") == 0
    assert capsys.readouterr().out.count(": ok") == 5
    data = bytearray(study.read_bytes())
    with h5py.File(study) as file:
        start = file["data"].id.get_offset()
        places = {row["name"]: start + int(row["offset"]) for row in file["members"][:]}
        weights = [name for name in places if name.endswith(b".safetensors")]
    for name in (weights[0], b"sub-01/anat/sub-01_T1w.json"):
        data[places[name]] ^= 1
    study.write_bytes(data)
    assert vqz("archive", "verify", study) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3, "weights, the scan that needs them, and the sidecar"
    assert all("checksum" in line for line in errors)
    study.write_bytes(data[: len(data) // 2])
    assert vqz("archive", "verify", study) == 65
    assert "cut short" in capsys.readouterr().err


def test_codes_are_held_against_their_hash(study: Path, capsys: Capture) -> None:
    """A scan whose own checksums are right, but which says it decodes to other codes."""
    from vqcodec.formats.container import Container, pack, unpack

    container = unpack(PAPER_SCAN.read_bytes())
    other = pack(Container({**container.header, "codes_sha256": "0" * 64}, container.sections))
    with Archive.append(study) as builder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQZ_MODEL_PATH", PATHS)
        builder.add("odd.vqz", other)
    assert vqz("archive", "verify", study) == 1
    assert "decoded codes do not match their hash" in capsys.readouterr().err


def test_a_dataset_is_tested_without_torch(packed: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "test", "-r", packed, "--json"],
        cwd=ROOT,
        env={**os.environ, "VQZ_MODEL_PATH": PATHS},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(len(record["codes_sha256"]) == 64 for record in records)
    assert len(records) == 2


def test_testing_deep(packed: Path, with_models: None, capsys: Capture) -> None:
    assert vqz("test", "-r", packed, "--deep", "--json") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(record["decoded"] for record in records)
    assert np.all([record["frames"] == 1 for record in records])
