from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden.tiny_model import tiny_tensors
from tests.golden.tiny_tiles import tiny_tiles_tensors
from vqcodec.entropy.context_model import NETWORK_PARTS, context_model
from vqcodec.entropy.tables import (
    CLASSES,
    ESCAPE,
    LOCATION_BOUNDS,
    SYMBOLS,
    check_frequencies,
    classify,
    symbols_of,
)
from vqcodec.errors import ModelUnavailableError

SPECIFICATION = Path(__file__).parents[2] / "formats" / "VQZ.md"
outputs = st.integers(-(2**38), 2**38) | st.integers(-300_000, 300_000)


@given(outputs, outputs, st.integers(-(2**23) + 1, 2**23 - 1))
def test_classes_of_the_specification(location: int, scale: int, q: int) -> None:
    classes = classify(np.array([location]), np.array([scale]))
    place = sum(bound <= abs(location) for bound in LOCATION_BOUNDS)
    row = min(max((scale + 360448) >> 14, 0), 47)
    base = (abs(location) + 32768) >> 16 if place == 12 else 0
    sign = -1 if location < 0 else 1
    assert classes.table.tolist() == [13 * row + place]
    assert classes.base.tolist() == [base]
    assert classes.sign.tolist() == [sign]
    residual = classes.residual(np.array([q]))
    assert residual.tolist() == [sign * q - base]
    assert classes.value(residual).tolist() == [q]
    (symbol,) = symbols_of(residual).tolist()
    inside = abs(sign * q - base) <= 8
    assert symbol == (sign * q - base + 8 if inside else ESCAPE)


@pytest.mark.parametrize("bound", LOCATION_BOUNDS)
def test_a_bound_belongs_to_the_class_above(bound: int) -> None:
    below, at = classify(np.array([bound - 1, -bound]), np.zeros(2, np.int64)).table
    assert at == below + 1


def test_specification_lists_the_bounds() -> None:
    assert " ".join(map(str, LOCATION_BOUNDS)) in SPECIFICATION.read_text("utf-8")


@pytest.mark.parametrize("change", [-1, 1])
def test_tables_that_do_not_add_up_are_refused(change: int) -> None:
    tensors = tiny_tensors()
    tables = tensors["contexts/2/symbols"]
    tables[17, tables[17].argmax()] += np.array(change).astype(np.uint32)
    with pytest.raises(ModelUnavailableError, match="contexts/2/symbols does not sum to 2"):
        context_model(tensors)


def test_a_frequency_of_zero_is_refused() -> None:
    with pytest.raises(ModelUnavailableError, match="does not sum"):
        check_frequencies(np.array([[0, 1 << 24]], np.uint32), "some")


@pytest.mark.parametrize("name", sorted(tiny_tensors()))
def test_every_tensor_is_needed_and_in_the_specification(name: str) -> None:
    tensors = tiny_tensors()
    if name != "codebooks":
        del tensors[name]
        with pytest.raises(ModelUnavailableError, match=re.escape(name)):
            context_model(tensors)
    listed = re.sub(r"contexts/\d", "contexts/<g>", name)
    assert f"| `{listed}` |" in SPECIFICATION.read_text("utf-8")


@pytest.mark.parametrize("name", sorted(tiny_tiles_tensors().keys() - tiny_tensors().keys()))
def test_every_tensor_of_the_other_coder_is_in_the_specification(name: str) -> None:
    listed = re.sub(r"contexts/\d", "contexts/<g>", re.sub(r"middle\.\d", "middle.<n>", name))
    assert f"| `{listed}` |" in SPECIFICATION.read_text("utf-8")


def test_the_wide_table_says_which_coder_a_model_is_for() -> None:
    plain, tiled = tiny_tensors(), tiny_tiles_tensors()
    assert context_model(plain).entropy_id == "context-range-1"
    assert context_model(tiled).entropy_id == "context-tiles-1"
    plain["maps/wide"] = tiled.pop("maps/wide")
    for tensors, inputs in ((plain, 283), (tiled, 311)):
        with pytest.raises(ModelUnavailableError, match=f"read {inputs} inputs|not of shapes"):
            context_model(tensors)


def test_offsets_may_be_missing() -> None:
    tensors = tiny_tiles_tensors()
    del tensors["contexts/1/offsets"]
    held = [group.offsets is not None for group in context_model(tensors).groups]
    assert held == [True, False, False, True]


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("maps/wide", lambda table: table[:0], "companding"),
        ("maps/wide", lambda table: np.append(table, np.uint8(121)), "companding"),
        ("maps/wide", lambda table: -table.astype(np.int16), "companding"),
        ("maps/magnitude", lambda table: table[:0], "companding"),
        ("maps/magnitude", lambda table: -table, "companding"),
        ("contexts/3/offsets", lambda table: table[1:], "offsets"),
        ("contexts/3/escapes", lambda table: table[:1], "contexts/3"),
        ("contexts/0/symbols", lambda table: table[1:], "contexts/0"),
    ],
)
def test_tables_of_the_other_coder_out_of_bounds_are_refused(
    name: str, change: Callable[[np.ndarray], np.ndarray], text: str
) -> None:
    tensors = tiny_tiles_tensors()
    tensors[name] = change(tensors[name])
    with pytest.raises(ModelUnavailableError, match=text):
        context_model(tensors)


def test_sizes() -> None:
    tensors = tiny_tensors()
    assert tensors["contexts/0/symbols"].shape == (CLASSES, SYMBOLS)
    assert all(f"contexts/3/{part}" in tensors for part in NETWORK_PARTS)


def test_companding_beyond_its_range_is_refused() -> None:
    tensors = tiny_tensors()
    tensors["maps/signed"][-1] = 49
    with pytest.raises(ModelUnavailableError, match="companding"):
        context_model(tensors)


def test_companding_of_two_lengths_is_refused() -> None:
    tensors = tiny_tensors()
    tensors["maps/signed"] = tensors["maps/signed"][:-1]
    with pytest.raises(ModelUnavailableError, match="companding tables differ in length"):
        context_model(tensors)
