from __future__ import annotations

from pathlib import Path

import pytest

from .places import MODEL


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the package find the model of the vectors."""
    monkeypatch.setenv("VQZ_MODEL_PATH", str(MODEL))
    return MODEL
