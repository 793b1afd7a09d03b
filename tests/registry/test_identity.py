from __future__ import annotations

import hashlib

import numpy as np
import pytest

from vqcodec.registry import identity_of

TENSORS = {
    "b": np.arange(6, dtype=np.int16).reshape(2, 3),
    "a": np.array([0.5, -1.0], dtype=np.float16),
}


def test_identity_is_the_documented_sequence_of_bytes() -> None:
    def number(value: int) -> bytes:
        return value.to_bytes(8, "little")

    expected = hashlib.sha256(
        b"vqcodec model identity 1\0"
        + number(2)
        + (number(1) + b"a" + number(3) + b"<f2" + number(1) + number(2))
        + (number(4) + bytes.fromhex("003800bc"))
        + (number(1) + b"b" + number(3) + b"<i2" + number(2) + number(2) + number(3))
        + (number(12) + bytes([0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0]))
        + (number(14) + b'{"stages":[1]}')
    ).hexdigest()
    assert identity_of(TENSORS, {"stages": [1]}) == expected


def test_identity_ignores_how_the_values_are_laid_out() -> None:
    other = {
        "a": TENSORS["a"].astype(">f2"),
        "b": np.asfortranarray(TENSORS["b"]),
    }
    assert identity_of(other, {"x": 1, "y": 2}) == identity_of(TENSORS, {"y": 2, "x": 1})


@pytest.mark.parametrize(
    "tensors",
    [
        {**TENSORS, "a": TENSORS["a"].astype(np.float32)},
        {**TENSORS, "a": TENSORS["a"].reshape(2, 1)},
        {**TENSORS, "a": -TENSORS["a"]},
        {**TENSORS, "c": np.zeros(0, np.int8)},
        {"A": TENSORS["a"], "b": TENSORS["b"]},
        {"a": TENSORS["a"]},
        {},
    ],
    ids=["type", "shape", "values", "one more", "name", "one less", "none"],
)
def test_identity_tells_models_apart(tensors: dict[str, np.ndarray]) -> None:
    assert identity_of(tensors, {}) != identity_of(TENSORS, {})


def test_identity_covers_the_configuration() -> None:
    assert identity_of(TENSORS, {"stages": [1]}) != identity_of(TENSORS, {"stages": [2]})


def test_objects_have_no_identity() -> None:
    with pytest.raises(TypeError, match="'a' is of type object"):
        identity_of({"a": np.array([None])}, {})
