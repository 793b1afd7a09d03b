from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vqcodec.errors import ModelUnavailableError
from vqcodec.registry import ModelEntry, read_weights, write_weights
from vqcodec.registry.weights import name_and_identity


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    tensors: dict[str, np.ndarray] = {
        "w": np.arange(4, dtype=np.float16),
        "t": np.ones((2, 2), np.uint8),
    }
    sha256 = write_weights(
        tmp_path / "m.safetensors", tensors, {"levels": 3}, model_id="m-1", family="toy"
    )
    model = read_weights(tmp_path / "m.safetensors")
    assert (model.id, model.family, model.sha256) == ("m-1", "toy", sha256)
    assert dict(model.config) == {"levels": 3, "family": "toy"}
    assert model.tensors.keys() == tensors.keys()
    np.testing.assert_array_equal(model.tensors["w"], tensors["w"])
    assert model.tensors["t"].dtype == np.uint8


def test_a_loaded_model_cannot_be_written_to(
    make_model: Callable[..., ModelEntry], tmp_path: Path
) -> None:
    make_model(tmp_path / "m.safetensors")
    model = read_weights(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="read-only"):
        model.tensors["codebook.fine"][0] = 1
    with pytest.raises(TypeError):
        model.tensors["new"] = np.zeros(1)  # type: ignore[index]
    with pytest.raises(TypeError):
        model.config["stages"] = []  # type: ignore[index]


def test_a_file_is_read_once_until_it_changes(
    make_model: Callable[..., ModelEntry], tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    first = make_model(path, seed=1)
    assert read_weights(path) is read_weights(path)
    path.unlink()
    second = make_model(path, "toy-22", seed=2)
    assert first.sha256 != second.sha256
    assert read_weights(path).sha256 == second.sha256
    assert name_and_identity(path) == ("toy-22", second.sha256)


def test_the_name_is_not_part_of_the_identity(
    make_model: Callable[..., ModelEntry], tmp_path: Path
) -> None:
    one = make_model(tmp_path / "1.safetensors", "one")
    two = make_model(tmp_path / "2.safetensors", "two")
    assert one.sha256 == two.sha256


def test_a_file_is_not_overwritten_unasked(
    make_model: Callable[..., ModelEntry], tmp_path: Path
) -> None:
    make_model(tmp_path / "m.safetensors")
    with pytest.raises(FileExistsError):
        make_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "content",
    [b"", b"text", pickle.dumps({"w": [1.0]}), b"\xff" * 64, b"\x08" + b"\0" * 7 + b"{}" * 4],
    ids=["empty", "text", "pickle", "hostile length", "bad header"],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelUnavailableError, match=r"m\.safetensors: not a vqcodec weights file"):
        read_weights(path)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"family": "toy"},
        {"family": "toy", "config": "{"},
        {"family": "toy", "config": "[]"},
        {"family": "toy", "config": "{}"},
        {"family": "toy", "config": '{"family":"other"}'},
    ],
)
def test_safetensors_of_others_are_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"w": np.zeros(1, np.float32)}, path, metadata=metadata)
    with pytest.raises(ModelUnavailableError, match="not a vqcodec weights file"):
        read_weights(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"gone\.safetensors: No such file"):
        read_weights(tmp_path / "gone.safetensors")
