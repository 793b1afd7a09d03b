"""Synthetic models, and the places they can lie in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vqcodec.registry import ModelEntry, Places, write_weights

MakeModel = Callable[..., ModelEntry]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Return a function that writes a small model file and describes it."""

    def make(
        path: Path, model_id: str = "toy-1", *, seed: int = 0, **changes: object
    ) -> ModelEntry:
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(seed)
        tensors = {
            "codebook.fine": generator.normal(size=(2, 256)).astype(np.float16),
            "tables.fine": generator.integers(0, 4096, size=(3, 256), dtype=np.uint16),
        }
        sha256 = write_weights(
            path,
            tensors,
            {"stages": [1, 2, 3]},
            model_id=model_id,
            family="toy",
            license="CC0-1.0",
            training_data="noise",
        )
        values: dict[str, object] = {
            "id": model_id,
            "sha256": sha256,
            "family": "toy",
            "license": "CC0-1.0",
            "training_data": "noise",
            "card": None,
            "weights": path.name,
            "size": path.stat().st_size,
        }
        return ModelEntry(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Return places that are all empty."""
    return Places(
        entries=(), user=(), package=tmp_path / "package", cache=tmp_path / "cache" / "models"
    )
