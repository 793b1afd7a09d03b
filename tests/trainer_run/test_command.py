from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vqcodec.cli.main import main

QUICK = ("network.stem_channels=4", "run.steps=1", "run.validation_steps=0", "run.picture_steps=0")


def test_from_scans_to_weights(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack, run, model = tmp_path / "pack.h5", tmp_path / "run", tmp_path / "model.safetensors"
    assert main(["train", "prepare", str(scans), "-o", str(pack), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["packed"] == 4
    where = ["--pack", str(pack), "--out", str(run), "--device", "cpu"]
    assert main(["train", "run", "tiny", *QUICK, *where, "--mode", "H"]) == 0
    assert "1 steps" in capsys.readouterr().out
    assert main(["train", "run", "run.steps=2", "--resume", *where, "-q"]) == 0
    assert json.loads((run / "run.json").read_text())["mode"] == "H"
    assert main(["train", "export", str(run), "-o", str(model)]) == 0
    assert "sha256" in capsys.readouterr().out
    assert main(["models", "verify", str(model)]) == 0


def test_one_command_from_scans_to_a_run(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(scans), "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert main(["train", "run", "tiny", *QUICK, *where]) == 0
    packed = (tmp_path / "run" / "pack.h5").stat().st_mtime_ns
    assert main(["train", "run", "run.steps=2", "--resume", *where, "-q"]) == 0
    assert (tmp_path / "run" / "pack.h5").stat().st_mtime_ns == packed
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["prepare", "-o", "p.h5"], 2, "give a folder or a manifest, or --synthetic"),
        (["prepare", "empty", "-o", "p.h5"], 65, "empty: there is no scan to train on"),
        (["run", "--pack", "p.h5", "--out", "r"], 2, "name a recipe, or go on with --resume"),
        (["run", "nonsense", "--pack", "p.h5", "--out", "r"], 2, "no recipe 'nonsense'"),
        (["run", "tiny", "--out", "r"], 2, "give --pack or --data, one of them"),
        (["run", "tiny", "--data", "empty", "--out", "r"], 65, "there is no scan to train on"),
        (["run", "tiny", "run.step=3", "--pack", "p.h5", "--out", "r"], 2, "no setting 'run.step'"),
        (["run", "tiny", "--pack", "p.h5", "--out", "r"], 66, "p.h5: No such file"),
        (["run", "--resume", "--pack", "p.h5", "--out", "r"], 65, "there is no checkpoint"),
        (["run", "tiny", "--group", "a", "--pack", "p", "--out", "r"], 2, "like diagnosis=control"),
        (["run", "tiny", "--mode", "P", "--pack", "p", "--out", "r"], 65, "--fine-tune"),
        (["export", "r", "-o", "m.safetensors"], 65, "there is no checkpoint"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main(["train", *arguments]) == code
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_skipped_scans_show_in_the_exit_code(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "good.nii.gz").write_bytes((scans / "sub-0.nii.gz").read_bytes())
    (folder / "bad.nii.gz").write_bytes(b"no")
    assert main(["train", "prepare", str(folder), "-o", str(tmp_path / "pack.h5")]) == 1
    said = capsys.readouterr()
    assert "bad.nii.gz" in said.err
    assert "skipped" in said.err
    assert "1 scans" in said.out


def test_help_needs_no_heavy_library() -> None:
    code = (
        "import sys\nfrom vqcodec.cli.main import main\nmain(['train', 'run', '--help'])\n"
        "assert not {'torch', 'h5py', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
