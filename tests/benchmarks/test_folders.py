from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from benchmarks import folders
from benchmarks.folder_study import deformed, make_study

STAND_IN = Path(__file__).parents[1] / "folders" / "stand_in.py"
ROOT = Path(__file__).parents[2]


def test_a_study_has_scans_and_sidecars(tmp_path: Path) -> None:
    pytest.importorskip("nilearn")
    nib: Any = nibabel
    study = make_study(tmp_path / "study", subjects=2, side=24)
    scans = sorted(study.rglob("*_T1w.nii.gz"))
    assert [path.parent.name for path in scans] == ["anat", "anat"]
    first, second = (nib.load(path) for path in scans)
    assert first.shape == second.shape
    assert first.shape[1] == 24
    assert not np.array_equal(first.dataobj, second.dataobj)
    assert json.loads(next(study.rglob("*_T1w.json")).read_text())["Modality"] == "MR"
    assert (study / "participants.tsv").read_text().split()[1:] == ["sub-0000", "sub-0001"]


def test_deforming_moves_a_little() -> None:
    ball = np.zeros((32, 32, 32), np.float32)
    ball[8:24, 8:24, 8:24] = 500
    moved = deformed(ball, np.random.default_rng(1))
    assert moved.dtype == np.int16
    assert 0.6 < np.mean(moved > 250) / np.mean(ball > 250) < 1.6
    assert np.mean((moved > 250)[ball > 250]) > 0.7
    assert not np.array_equal(moved > 250, ball > 250)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_kills_are_counted_and_faults_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.folders.studies import make_study as small_study

    def stand_in(study: Path, out: Path, options: Any) -> list[str]:
        line = [sys.executable, str(STAND_IN), "compress", "-q", "-r", str(study)]
        return [*line, "--output-dir", str(out), "--copy-others", *options]

    monkeypatch.setattr(folders, "command", stand_in)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    study, whole = small_study(tmp_path / "study", 3), tmp_path / "whole"
    speed = folders.measured(study, whole, 1, [])
    assert speed.files == 3
    assert speed.memory > 10 or not Path("/proc/self/status").exists()
    next(whole.rglob("*.vqz")).write_bytes(b"what an uninterrupted run would not give")
    (whole / "more.txt").touch()
    found = folders.killed(study, tmp_path, whole, 1, [])
    assert (found.kills, found.doubled, found.left) == (1, 0, 0)
    assert found.lost == found.corrupt == found.folders
    assert not found.sound
