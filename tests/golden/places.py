"""Where the vectors lie, and the models of those with codes."""

from __future__ import annotations

from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
MODEL = VECTORS / "model-tiny.safetensors"
PAPER_MODEL = VECTORS / "model-tiny-paper.safetensors"
TILES_MODEL = VECTORS / "model-tiny-tiles.safetensors"
HOLES_MODEL = VECTORS / "model-tiny-holes.safetensors"
TRELLIS_MODEL = VECTORS / "model-tiny-trellis.safetensors"
EIGHT_MODEL = VECTORS / "model-tiny-eight.safetensors"
MODELS = {
    "paper": PAPER_MODEL,
    "tiles": TILES_MODEL,
    "holes": HOLES_MODEL,
    "trellis": TRELLIS_MODEL,
    "eight": EIGHT_MODEL,
}
EXPECTED = VECTORS / "good-expected.json"


def model_of(name: str) -> Path:
    """Weights that a vector names; a word in its name, such as ``tiles``, says which."""
    words = name.split("-")
    return next((path for word, path in MODELS.items() if word in words), MODEL)
