"""Where the vectors lie, and the models of those with codes."""

from __future__ import annotations

from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
MODEL = VECTORS / "model-tiny.safetensors"
PAPER_MODEL = VECTORS / "model-tiny-paper.safetensors"
EXPECTED = VECTORS / "good-expected.json"


def model_of(name: str) -> Path:
    """Weights that a vector names; the word ``paper`` in its name says which."""
    return PAPER_MODEL if "paper" in name.split("-") else MODEL
