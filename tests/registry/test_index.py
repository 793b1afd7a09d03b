from __future__ import annotations

import json
from pathlib import Path

import pytest

from vqcodec.registry import Places, locate_weights, read_weights
from vqcodec.registry.index import read_index

ROW = {
    "id": "toy-1",
    "sha256": "ab" * 32,
    "family": "toy",
    "license": "CC0-1.0",
    "training_data": "noise",
    "card": "cards/toy-1.md",
    "weights": "toy-1.safetensors",
    "size": 12,
    "url": None,
    "default": True,
}


def write(folder: Path, *rows: object) -> Path:
    path = folder / "index.json"
    path.write_text(json.dumps({"models": rows}))
    return path


def test_an_index_is_read(tmp_path: Path) -> None:
    (entry,) = read_index(write(tmp_path, ROW))
    assert (entry.id, entry.default, entry.source) == ("toy-1", True, "package")
    assert entry.card == tmp_path / "cards" / "toy-1.md"


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([{**ROW, "color": "red"}], "color"),
        ([{key: ROW[key] for key in ROW if key != "size"}], "size"),
        ([{**ROW, "sha256": "AB"}], "not a SHA-256"),
        ([{**ROW, "weights": "../x.safetensors"}], "not a plain file name"),
        ([ROW, ROW], "id appears twice"),
        ([ROW, {**ROW, "id": "toy-2"}], "identity appears twice"),
        ([{**ROW, "default": False}], "exactly one model must be the default"),
        ([1], "not an index"),
    ],
)
def test_a_wrong_index_is_refused(tmp_path: Path, rows: list[object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_index(write(tmp_path, *rows))


def test_the_models_of_this_package_are_what_the_index_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VQZ_MODEL_PATH", raising=False)
    places = Places.from_environment()
    for entry in places.entries:
        assert entry.card is not None
        assert entry.card.is_file()
        if entry.url is not None:
            continue
        path = locate_weights(entry.id, places=places)
        model = read_weights(path)
        assert (model.id, model.family) == (entry.id, entry.family)
        assert path.stat().st_size == entry.size
        assert entry.size <= 12 * 2**20
