"""Where the vectors lie."""

from __future__ import annotations

from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
MODEL = VECTORS / "model-tiny.safetensors"
EXPECTED = VECTORS / "good-expected.json"
