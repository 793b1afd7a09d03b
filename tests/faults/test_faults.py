"""A few faults in every command; ``make faults`` injects a thousand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .scenes import MODEL, OLD, SCENES, SOUND, an_archive_and_a_file, damage, tree

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")
ROOT = Path(__file__).resolve().parents[2]

CARELESS = """
from vqcodec import vqz
from tests.faults.__main__ import main

def write(path, data, overwrite=False):
    with open(path, "wb") as stream:
        stream.write(data)

vqz.write_atomically = write
main()
"""


def injected(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_no_fault_does_damage() -> None:
    done = injected("-m", "tests.faults", "--count", str(len(SCENES)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(SCENES)} faults, 0 complaints" in done.stdout


def test_careless_writing_is_noticed() -> None:
    done = injected("-c", CARELESS, "--count", "12", "compress, overwriting")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "scan.vqz is damaged" in done.stderr


def test_what_counts_as_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQZ_MODEL_PATH", str(MODEL))
    an_archive_and_a_file(tmp_path)
    scene, before = SCENES["archive append"], tree(tmp_path)
    wanted = {**before, "study.h5": OLD}
    assert damage(scene, before, wanted, before, tmp_path) == []
    assert damage(scene, before, wanted, wanted, tmp_path) == []
    lost = {name: data for name, data in before.items() if name != "scan.vqz"}
    assert damage(scene, before, wanted, lost, tmp_path) == ["scan.vqz is gone"]
    cut = {**before, "scan.vqz": SOUND.read_bytes()[:100]}
    assert damage(scene, before, wanted, cut, tmp_path) == ["scan.vqz is damaged (100 bytes)"]
