"""Residual sections from whatever bytes: voxels or FormatError; and the parts they are made of."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vqcodec.errors import FormatError
from vqcodec.residual.coder import MOST, Grid, decode_integers, encode_integers
from vqcodec.residual.keys import keys_of, values_of
from vqcodec.residual.section import decode_frame, encode_frame

SHAPE = (7, 6, 9)
FLOATS = np.random.default_rng(0).normal(500, 40, SHAPE).astype(np.float32)
FLOATS[:, :2] = 0
SECTIONS = [
    (encode_frame(values, bound).data, values.dtype)
    for values, bound in (
        (FLOATS, 3.0),
        (FLOATS, None),
        (np.where(FLOATS > 500, np.nan, FLOATS), 2.0),
        (FLOATS.astype(np.int16), None),
        (FLOATS.astype("<i8") << 40, None),
    )
]


def decodes_or_refuses(data: bytes, dtype: np.dtype[Any]) -> None:
    with suppress(FormatError), np.errstate(all="ignore"):
        assert decode_frame(data, SHAPE, dtype).shape == SHAPE


@settings(max_examples=40)
@given(
    st.sampled_from(SECTIONS),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=9)), max_size=3),
    st.integers(0, 4000),
)
def test_damaged_sections(
    section: tuple[bytes, np.dtype[Any]], edits: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(section[0])
    for place, content in edits:
        start = place % len(data)
        data[start : start + len(content)] = content
    decodes_or_refuses(bytes(data[: len(data) - cut] if cut < len(data) // 2 else data), section[1])


@settings(max_examples=40)
@given(st.binary(max_size=120), st.sampled_from(["<i2", ">f4", "|b1", "<u8"]))
@example(b"", "<i2")
def test_any_bytes(data: bytes, dtype: str) -> None:
    decodes_or_refuses(data, np.dtype(dtype))
    numbers = b"\x00\x03" + bytes(12) + b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(20)
    decodes_or_refuses(numbers + data, np.dtype(dtype))


@pytest.mark.parametrize("dtype", ["|b1", "|i1", ">i2", "<u4", "<i8", "<u8", "<f2", ">f4", "<f8"])
def test_keys_are_in_the_order_of_values(dtype: str) -> None:
    raw = np.random.default_rng(1).bytes(4000)
    values = np.frombuffer(raw, dtype if dtype != "|b1" else np.uint8)
    values = values > 127 if dtype == "|b1" else values
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    keys = keys_of(values)
    assert values_of(keys, np.dtype(dtype)).tobytes() == values.tobytes()
    ordered = values[np.argsort(keys, kind="stable")]
    assert (ordered[1:] >= ordered[:-1]).all()


@settings(max_examples=20)
@given(
    arrays.array_shapes(min_dims=3, max_dims=3, max_side=9),
    st.sampled_from([1, 7, 255, 70_000, MOST]),
    st.sampled_from([1, 3, 101]),
    st.integers(0, 2**32),
)
def test_numbers_come_back_within_half_a_step(
    shape: tuple[int, ...], most: int, step: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    voxels = generator.integers(0, most, shape, endpoint=True)
    care = generator.random(shape) < 0.8
    grid = Grid(care, most, step, most // 2)
    data, decoded = encode_integers(voxels, grid)
    np.testing.assert_array_equal(decode_integers(data, grid)[care], decoded[care])
    assert np.abs(decoded - voxels)[care].max(initial=0) <= step // 2
