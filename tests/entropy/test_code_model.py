"""Which weights of family ``paper`` are taken, and which are refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.golden.tiny_codes import Widths, code_tensors
from vqcodec.entropy.code_model import code_model, has_code_model
from vqcodec.errors import ModelUnavailableError

from .code_models import LARGEST_LAST, LEVELS, Tensors, random_tensors

ENTRIES = "quantisers.middle.codebooks.0.entries"
Edit = Callable[[NDArray[Any]], NDArray[Any]]


def tensors() -> Tensors:
    return random_tensors(3)


def filled(value: float, dtype: str = "<i8") -> Edit:
    return lambda tensor: np.full(tensor.shape, value, dtype)


def test_any_model_within_the_bounds_is_taken() -> None:
    for seed in range(8):
        model = code_model(random_tensors(seed))
        assert set(model.levels) == set(LEVELS)
        assert not model.levels["fine"].children.size


def test_the_largest_of_everything_is_taken() -> None:
    largest = tensors()
    largest[ENTRIES] = filled(256, "<f2")(largest[ENTRIES])
    for part, value in (("vector", -(1 << 15)), ("own", 1 << 15), ("shifts", 40)):
        largest[f"codes/middle/{part}"] = filled(value)(largest[f"codes/middle/{part}"])
    stages = len([name for name in largest if name.startswith("quantisers.middle")])
    offset = largest["codes/middle/offset"]
    largest["codes/middle/offset"] = filled(-stages << 14)(offset)
    code_model(largest)


@pytest.mark.parametrize(
    "name", sorted(name for name in tensors() if "/0/" in name or ".0." in name)
)
def test_a_missing_tensor_is_named(name: str) -> None:
    damaged = tensors()
    del damaged[name]
    with pytest.raises(ModelUnavailableError, match=r"no tensor|no codebooks|do not fit"):
        code_model(damaged)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("codes/powers", filled(1 << 28)),
        ("codes/powers", filled(1 << 31)),
        ("codes/powers", lambda tensor: tensor[:-1]),
        ("codes/powers", lambda tensor: tensor.astype(np.float64)),
        (ENTRIES, filled(256.2, "<f4")),
        (ENTRIES, filled(np.nan, "<f4")),
        (ENTRIES, filled(np.inf, "<f4")),
        (ENTRIES, lambda tensor: tensor[0]),
        (ENTRIES, lambda tensor: tensor[:1]),
        (ENTRIES, lambda tensor: tensor[:, :-1]),
        ("codes/middle/offset", filled(1 << 20)),
        ("codes/middle/offset", filled(0.5, "<f4")),
        ("codes/middle/offset", lambda tensor: np.append(tensor, 0)),
        ("codes/middle/vector", filled((1 << 15) + 1)),
        ("codes/middle/vector", filled(1, "<f4")),
        ("codes/middle/vector", lambda tensor: tensor[:, 0]),
        ("codes/middle/vector", lambda tensor: tensor[:, :0]),
        ("codes/middle/own", filled(-(1 << 15) - 1)),
        ("codes/middle/own", lambda tensor: np.vstack((tensor, tensor))),
        ("codes/middle/children", filled(1 << 16)),
        ("codes/middle/children", lambda tensor: tensor[:-1]),
        ("codes/fine/children", lambda tensor: np.zeros((1, 64), np.int64)),
        ("codes/middle/shifts", filled(0)),
        ("codes/middle/shifts", filled(41)),
        ("codes/middle/shifts", lambda tensor: tensor[:1]),
        ("codes/middle/0/first", filled(1 << 20)),
        ("codes/middle/0/first", lambda tensor: tensor[:-1]),
        ("codes/middle/0/first", lambda tensor: tensor[:, :0]),
        ("codes/middle/0/first_shift", filled(-1)),
        ("codes/middle/0/first_shift", lambda _: np.array([3, 4])),
        ("codes/middle/0/second", filled(1 << 42)),
        ("codes/middle/0/second", lambda tensor: np.vstack((tensor, tensor))),
        ("codes/middle/0/second_bias", filled(1 << 53)),
        ("codes/middle/0/second_bias", lambda tensor: np.append(tensor, 0)),
        ("codes/middle/0/last", filled(LARGEST_LAST * 4)),
        ("codes/middle/0/last", lambda tensor: tensor[:, :-1]),
        ("codes/middle/0/last", lambda tensor: np.vstack((tensor, tensor))),
        ("codes/middle/0/last_bias", filled(1 << 46)),
        ("codes/middle/0/last_bias", lambda tensor: tensor[:-1]),
        ("codes/middle/0/last_bias", lambda tensor: tensor[0]),
    ],
)
def test_weights_out_of_bounds_are_refused(name: str, edit: Edit) -> None:
    damaged = tensors()
    damaged[name] = np.asarray(edit(damaged[name]))
    with pytest.raises(ModelUnavailableError) as caught:
        code_model(damaged)
    assert str(caught.value).isprintable()


def of_other_size(level: str, size: int, vector: int) -> Tensors:
    """A model whose parts fit, but which has this many entries or elements of a vector."""
    rng = np.random.default_rng(1)
    entries: list[NDArray[Any]] = [rng.uniform(-1, 1, (size, 2)).astype("<f4")]
    model = {
        name: tensor
        for name, tensor in tensors().items()
        if not name.startswith((f"codes/{level}/", f"quantisers.{level}."))
    }
    model[f"quantisers.{level}.codebooks.0.entries"] = entries[0]
    return model | code_tensors(level, entries, Widths(vector, 1, 2, 2), rng)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("size", "vector"), [(1, 1), (257, 1), (16, 0)])
def test_sizes_that_cannot_be_coded_are_refused(level: str, size: int, vector: int) -> None:
    code_model(of_other_size(level, 256, 1))
    with pytest.raises(ModelUnavailableError, match=r"2 to 256 entries|do not fit"):
        code_model(of_other_size(level, size, vector))


def test_powers_say_whether_there_is_a_model() -> None:
    bare = tensors()
    assert has_code_model(bare)
    del bare["codes/powers"]
    assert not has_code_model(bare)
