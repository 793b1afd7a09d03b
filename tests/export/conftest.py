"""A folder of scans of one token model, and an archive of the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vqcodec import Archive

VECTORS = Path(__file__).parents[1] / "vectors"
MODEL = VECTORS / "model-tiny-paper.safetensors"
SCAN = VECTORS / "good-paper-int16-masked.vqz"
NAMES = ["a.vqz", "sub-01/anat/b é.vqz", "sub-02/c.vqz"]


@pytest.fixture(autouse=True)
def with_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the registry find the model, and caches lie in the test's folder."""
    monkeypatch.setenv("VQZ_MODEL_PATH", str(MODEL))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of three scans of one shape, and other files."""
    place = tmp_path / "packed"
    for name in NAMES:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SCAN, place / name)
    (place / "notes.txt").write_text("nothing")
    (place / ".hidden.vqz").write_text("nothing")
    return place


@pytest.fixture
def archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an archive of the folder; the registry knows the model no more."""
    path = folder.with_name("study.h5")
    with Archive.create(path) as builder:
        for name in NAMES:
            builder.add(name, folder / name)
    monkeypatch.delenv("VQZ_MODEL_PATH")
    return path
