"""Small archives of the golden files, whose models no registry knows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vqcodec import Archive

VECTORS = Path(__file__).parents[1] / "vectors"
MODELS = ("model-tiny.safetensors", "model-tiny-paper.safetensors")
PAPER_SCAN = VECTORS / "good-paper-int16-masked.vqz"
WAVELET_SCAN = VECTORS / "good-int16-masked.vqz"


PATHS = os.pathsep.join(str(VECTORS / name) for name in MODELS)


@pytest.fixture
def with_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the registry find the models of the golden files."""
    monkeypatch.setenv("VQZ_MODEL_PATH", PATHS)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return an archive of two scans and a sidecar, whose models the registry does not know."""
    path = tmp_path / "study.h5"
    with pytest.MonkeyPatch.context() as patch, Archive.create(path) as builder:
        patch.setenv("VQZ_MODEL_PATH", PATHS)
        builder.add("sub-01/anat/sub-01_T1w.vqz", PAPER_SCAN)
        builder.add_sidecar("sub-01/anat/sub-01_T1w.json", b'{"Manufacturer": "nobody"}')
        builder.add("sub-02 é\n/T1w.vqz", WAVELET_SCAN)
    return path
