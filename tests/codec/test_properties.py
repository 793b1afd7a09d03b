"""Any small volume comes back with its shape and type, or is refused with a sentence."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vqcodec.errors import VqzError

from .phantoms import there_and_back

TYPES = st.sampled_from(["|u1", "|i1", "<i2", ">u2", "<i4", "<u8", "<f2", ">f4", "<f8", "|b1"])
SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, max_side=6)
EFFORTS = st.sampled_from((1, 5))


@settings(max_examples=15)
@given(TYPES.flatmap(lambda dtype: arrays.arrays(np.dtype(dtype), SHAPES)), st.booleans(), EFFORTS)
def test_any_array(array: np.ndarray[Any, Any], force: bool, effort: int) -> None:
    outcome: Any = None
    with suppress(VqzError):
        outcome = there_and_back(array, quality=5, force=force, effort=effort)
    if outcome is None:
        return
    vqz, volume = outcome
    assert volume.array.shape == array.shape
    assert volume.array.dtype == array.dtype
    finite = np.isfinite(array)
    np.testing.assert_array_equal(np.isfinite(volume.array), finite)
    if finite.any():
        inside = volume.array[finite]
        assert array[finite].min() <= inside.min()
        assert inside.max() <= array[finite].max()
    assert vqz.figures["nonfinite_voxels"] == np.count_nonzero(~finite)
