from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcodec.entropy.context_model import ContextModel
from vqcodec.errors import FormatError
from vqcodec.nonfinite import encode_nonfinite, restore_nonfinite

from .documented import documented_errors

sides = st.integers(1, 12)
shapes = st.tuples(sides, sides, sides)
seeds = st.integers(0, 2**32 - 1)


def voxels(shape: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """A frame with NaN and infinities, and a background that may be exactly its NaN."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape).astype(np.float32)
    shares = rng.random(3) * rng.choice([0, 0.02, 0.5], 3)
    for kind, share in zip((np.nan, np.inf, -np.inf), shares, strict=True):
        values[rng.random(shape) < share] = kind
    backgrounds = (None, np.isnan(values), rng.random(shape) < 0.5)
    return values, backgrounds[seed % 3]


@given(shapes, seeds)
@settings(max_examples=50)
def test_round_trip(model: ContextModel, shape: tuple[int, int, int], seed: int) -> None:
    values, background = voxels(shape, seed)
    count = int(np.count_nonzero(~np.isfinite(values)))
    data = encode_nonfinite(values, background, model.mask)
    restored = np.where(np.isfinite(values), values, 0).astype(np.float32)
    restore_nonfinite(restored, data, background, model.mask, count)
    np.testing.assert_array_equal(restored, values)
    with pytest.raises(FormatError, match="header counts"):
        restore_nonfinite(restored, data, background, model.mask, count + 1)
    with pytest.raises(FormatError):
        restore_nonfinite(restored, data + b"\0", background, model.mask, count)
    with pytest.raises(FormatError, match="cut short"):
        restore_nonfinite(restored, data[:-1], background, model.mask, count)


@given(
    shapes, seeds, st.binary(max_size=60) | st.binary(max_size=60).map(lambda b: b"\4\0\0\0" + b)
)
@settings(max_examples=50)
def test_any_bytes_give_the_documented_error_or_the_count(
    model: ContextModel, shape: tuple[int, int, int], seed: int, data: bytes
) -> None:
    background = None if seed % 2 else np.ones(shape, bool)
    values = np.zeros(shape)
    with documented_errors():
        restore_nonfinite(values, data, background, model.mask, seed % 5)
        assert np.count_nonzero(~np.isfinite(values)) <= seed % 5


def test_background_that_is_not_there_is_refused(model: ContextModel) -> None:
    data = b"\xff\xff\xff\xff" + bytes(8)
    with pytest.raises(FormatError, match="background that is not there"):
        restore_nonfinite(np.zeros((2, 2, 2)), data, None, model.mask, 8)
