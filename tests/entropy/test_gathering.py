"""Rows of inputs, gathered for few places at once and for many row by row."""

from __future__ import annotations

import numpy as np
import pytest

from vqcodec.entropy.gathering import FEW, gather


@pytest.mark.parametrize("places", [0, 1, FEW, FEW + 1])
def test_every_row_is_the_source_displaced(places: int) -> None:
    rng = np.random.default_rng(places)
    source = rng.integers(-128, 128, (3, 5, 400), dtype=np.int8)
    starts = rng.integers(0, 2000, 7)
    where = rng.integers(0, 4000, places)
    out = np.empty((7, places), np.int8)
    gather(source, starts, where, out)
    flat = source.reshape(-1)
    for row, start in zip(out, starts, strict=True):
        assert row.tolist() == [flat[start + place] for place in where]
