"""A small stand-in for the paper's grid keeps these tests quick."""

from __future__ import annotations

import pytest

from benchmarks import curves


@pytest.fixture(autouse=True)
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pad to 32x32x32 where the benchmark pads to 192x256x192."""
    monkeypatch.setattr(curves, "PAPER_GRID", (32, 32, 32))
