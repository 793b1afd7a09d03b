from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.small_reader.geometry import coded_coefficients, foreground_eighths
from vqcodec.entropy.coder import Phase, SplitModel
from vqcodec.entropy.context_model import ContextModel
from vqcodec.entropy.frame import (
    LARGEST_VALUE,
    Coefficients,
    FrameGeometry,
    Streams,
    decode_frame_codes,
    decode_levels,
    encode_foreground,
    encode_levels,
    frame_geometry,
)
from vqcodec.entropy.neighbourhood import lattice_of, lattice_shape
from vqcodec.errors import FormatError
from vqcodec.layout import split_shapes

from .documented import documented_errors
from .masks import mask_of

sides = st.integers(1, 21)
shapes = st.tuples(sides, sides, sides)
seeds = st.integers(0, 2**32 - 1)


def random_coefficients(geometry: FrameGeometry, seed: int, size: float) -> Coefficients:
    rng = np.random.default_rng(seed)
    details = []
    for support in geometry.support:
        q = np.rint(rng.standard_t(2, support.shape) * size)
        q = np.clip(q, -LARGEST_VALUE, LARGEST_VALUE).astype(np.int32)
        details.append(np.where(support, q, 0).astype(np.int32))
    low_pass = rng.integers(-LARGEST_VALUE, LARGEST_VALUE + 1, geometry.fractions[-1].shape)
    return Coefficients(tuple(details), (low_pass // (1 + seed % 5000)).astype(np.int32))


def encoded(
    model: ContextModel, geometry: FrameGeometry, step_index: int, wanted: Coefficients
) -> tuple[bytes, bytes, bytes]:
    def quantiser(split: int, _: SplitModel):  # type: ignore[no-untyped-def]
        def quantise(at: Phase) -> np.ndarray:
            band = wanted.details[split][at.band]
            lattice = np.zeros(lattice_shape(band.shape), np.int64)
            part = lattice_of(band, at.phase)
            lattice[tuple(slice(n) for n in part.shape)] = part
            return lattice.reshape(-1)[at.coded]

        return quantise

    streams, _ = encode_levels(model, geometry, step_index, wanted.low_pass, quantiser)
    return streams


@given(shapes, seeds, st.integers(-256, 1024), st.sampled_from([0.3, 3.0, 300.0]))
@settings(max_examples=25)
def test_round_trip(
    model: ContextModel, shape: tuple[int, int, int], seed: int, step_index: int, size: float
) -> None:
    foreground = mask_of(shape, seed)
    geometry = frame_geometry(foreground)
    wanted = random_coefficients(geometry, seed, size)
    levels = encoded(model, geometry, step_index, wanted)
    mask, read = decode_frame_codes(
        model, Streams(encode_foreground(model.mask, foreground), levels), step_index, shape
    )
    np.testing.assert_array_equal(mask, foreground)
    np.testing.assert_array_equal(read.low_pass, wanted.low_pass)
    for one, other in zip(read.details, wanted.details, strict=True):
        np.testing.assert_array_equal(one, other)


@given(shapes, seeds)
@settings(max_examples=40)
def test_geometry_is_that_of_the_small_reader(shape: tuple[int, int, int], seed: int) -> None:
    foreground = mask_of(shape, seed)
    geometry = frame_geometry(foreground)
    for split, bands in enumerate(coded_coefficients(foreground)):
        np.testing.assert_array_equal(geometry.support[split], np.stack(bands))
    for split, eighths in enumerate(foreground_eighths(foreground)):
        np.testing.assert_array_equal(geometry.fractions[split], eighths)
        assert eighths.shape == split_shapes(shape)[split]


@given(shapes, seeds, st.lists(st.binary(max_size=90), min_size=4, max_size=4))
@settings(max_examples=30)
def test_any_streams_give_coefficients_or_the_documented_error(
    model: ContextModel, shape: tuple[int, int, int], seed: int, data: list[bytes]
) -> None:
    mask, *levels = data
    if seed % 2:
        mask = encode_foreground(model.mask, mask_of(shape, seed))
    with documented_errors():
        _, read = decode_frame_codes(model, Streams(mask, tuple(levels)), seed % 1000, shape)
        assert max(int(np.abs(part).max()) for part in read.details) <= LARGEST_VALUE


@pytest.mark.parametrize("excess", [1, 1 << 23])
def test_a_low_pass_beyond_the_largest_is_refused(model: ContextModel, excess: int) -> None:
    geometry = frame_geometry(np.ones((1, 1, 65), bool))
    wanted = random_coefficients(geometry, 1, 1.0)
    wanted.low_pass[...] = [[[LARGEST_VALUE, LARGEST_VALUE]]]
    levels = encoded(model, geometry, 0, wanted)
    decode_levels(model, geometry, 0, levels)
    wanted.low_pass[0, 0, 1] += excess
    levels = encoded(model, geometry, 0, wanted)
    with pytest.raises(FormatError, match="beyond the largest"):
        decode_levels(model, geometry, 0, levels)
