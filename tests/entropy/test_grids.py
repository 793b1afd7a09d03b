from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.small_reader.reading import grids_of as grids_plainly
from vqcodec.entropy.level_contexts import Coefficients
from vqcodec.errors import FormatError
from vqcodec.grids import (
    codes_sha256,
    coefficients_of,
    grid_of,
    grids_of,
    stages_needed,
    stages_of,
)
from vqcodec.layout import split_shapes

LARGEST_OF_STAGES = [127, 127 + 127 * 256, 127 + 127 * 256 + 127 * 65536]
SMALLEST_OF_STAGES = [-128, -128 - 128 * 256, -128 - 128 * 256 - 128 * 65536]

sides = st.integers(1, 40)


def coefficients(shape: tuple[int, int, int], seed: int) -> Coefficients:
    rng = np.random.default_rng(seed)
    size = 2.0 ** rng.integers(0, 22, 7)
    arrays = [
        np.rint(rng.normal(size=(7, *split)) * scale).clip(-8_000_000, 8_000_000).astype(np.int32)
        for split, scale in zip(split_shapes(shape), size, strict=False)
    ]
    low_pass = rng.integers(-8_000_000, 8_000_000, split_shapes(shape)[-1])
    return Coefficients(tuple(arrays), low_pass.astype(np.int32))


@given(st.tuples(sides, sides, sides), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_round_trip_at_any_number_of_stages(shape: tuple[int, int, int], seed: int) -> None:
    wanted = coefficients(shape, seed)
    least = stages_of(wanted)
    for stages in {least, (3, 3, 3)}:
        grids = grids_of(wanted, stages)
        for level, name in enumerate(("fine", "middle", "coarse")):
            channels = 63 + (name == "coarse")
            sites = split_shapes(shape)[2 * level + 1]
            assert grids[name].shape == (channels * stages[level], *sites)
            assert grids[name].dtype == np.uint8
        read = coefficients_of(grids)
        for one, other in zip(
            (*read.details, read.low_pass), (*wanted.details, wanted.low_pass), strict=True
        ):
            np.testing.assert_array_equal(one, other)
        plain = grids_plainly(
            [part.astype(np.int64) for part in wanted.details], wanted.low_pass, list(stages)
        )
        for name, grid in plain.items():
            np.testing.assert_array_equal(grid, grids[name])


@given(st.tuples(sides, sides, sides), st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_the_fewest_stages_are_needed(shape: tuple[int, int, int], seed: int) -> None:
    wanted = coefficients(shape, seed)
    stages = stages_of(wanted)
    for level in range(3):
        if stages[level] > 1:
            fewer = [n - (index == level) for index, n in enumerate(stages)]
            with pytest.raises(FormatError, match="beyond its"):
                grids_of(wanted, fewer)


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_ends_of_the_stages(stages: int) -> None:
    for end, step in ((LARGEST_OF_STAGES, 1), (SMALLEST_OF_STAGES, -1)):
        inside = np.array([[[[end[stages - 1]]]]], np.int32)
        assert stages_needed(inside) == stages
        assert stages_needed(inside + step) == stages + 1
        codes = grid_of(inside, stages).reshape(-1).astype(int)
        assert sum(256**t * (code - 128) for t, code in enumerate(codes)) == end[stages - 1]


def test_the_hash_is_over_coarse_middle_fine_of_each_frame() -> None:
    frames = [
        {name: np.full((1, 1, 1, n), n + 3 * k, np.uint8) for n, name in enumerate(names, 1)}
        for k, names in enumerate([("fine", "middle", "coarse")] * 2)
    ]
    data = bytes([3, 3, 3, 2, 2, 1, 6, 6, 6, 5, 5, 4])
    assert codes_sha256(frames) == hashlib.sha256(data).hexdigest()
    assert codes_sha256([]) == hashlib.sha256().hexdigest()
