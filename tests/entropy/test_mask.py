from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.tiny_model import tiny_tensors
from tests.small_reader.mask import decode_mask as decode_mask_plainly
from vqcodec.entropy.context_model import ContextModel
from vqcodec.entropy.frame import decode_foreground, encode_foreground
from vqcodec.entropy.mask import decode_mask, encode_mask, lattice_levels

from .documented import documented_errors
from .masks import mask_of

TENSORS = {
    name: tensor if tensor.dtype.kind == "f" else tensor.astype(np.int64)
    for name, tensor in tiny_tensors().items()
}

sides = st.integers(1, 40)
shapes = st.tuples(sides, sides, sides)
seeds = st.integers(0, 2**32 - 1)


@given(shapes, seeds)
@settings(max_examples=60)
def test_round_trip(model: ContextModel, shape: tuple[int, int, int], seed: int) -> None:
    mask = mask_of(shape, seed)
    data = encode_mask(mask, model.mask)
    decoded = decode_mask(data, shape, model.mask)
    assert decoded.dtype == bool
    np.testing.assert_array_equal(decoded, mask)


@given(st.tuples(*[st.integers(1, 11)] * 3), seeds)
@settings(max_examples=20)
def test_small_reader_reads_the_same(
    model: ContextModel, shape: tuple[int, int, int], seed: int
) -> None:
    mask = mask_of(shape, seed)
    data = encode_mask(mask, model.mask)
    np.testing.assert_array_equal(decode_mask_plainly(data, shape, TENSORS), mask)


@given(shapes, st.binary(max_size=200))
@settings(max_examples=60)
def test_any_bytes_give_a_mask_or_the_documented_error(
    model: ContextModel, shape: tuple[int, int, int], data: bytes
) -> None:
    with documented_errors():
        assert decode_foreground(model.mask, data, shape).shape == shape


@given(shapes, seeds, st.data())
@settings(max_examples=30)
def test_damage_is_an_error_or_a_mask(
    model: ContextModel, shape: tuple[int, int, int], seed: int, data: st.DataObject
) -> None:
    stream = bytearray(encode_mask(mask_of(shape, seed), model.mask))
    if stream:
        stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    with documented_errors():
        assert decode_mask(bytes(stream), shape, model.mask).shape == shape


def test_all_foreground_takes_no_bytes(model: ContextModel) -> None:
    full = np.ones((5, 6, 7), bool)
    assert encode_foreground(model.mask, full) == b""
    assert decode_foreground(model.mask, b"", full.shape).all()


@pytest.mark.parametrize(
    ("shape", "levels"), [((1, 1, 1), 1), ((2, 2, 2), 1), ((3, 1, 1), 2), ((5, 2, 9), 4)]
)
def test_levels(shape: tuple[int, ...], levels: int) -> None:
    shapes_of_levels = lattice_levels(shape)
    assert len(shapes_of_levels) == levels
    assert max(shapes_of_levels[-1]) <= 2
