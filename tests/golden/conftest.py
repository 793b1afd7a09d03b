from __future__ import annotations

import os

import pytest

from .places import MODEL, MODELS


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package find the models of the vectors."""
    monkeypatch.setenv("VQZ_MODEL_PATH", os.pathsep.join(map(str, (MODEL, *MODELS.values()))))
