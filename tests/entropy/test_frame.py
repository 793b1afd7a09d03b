from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vqcodec.entropy.batches
from tests.golden.tiny_model import tiny_tensors
from tests.golden.tiny_tiles import tiny_tiles_tensors
from tests.small_reader import coefficients as small_reader
from tests.small_reader.geometry import coded_coefficients, foreground_eighths
from tests.small_reader.tiles import is_inside
from vqcodec.entropy.coder import Phase
from vqcodec.entropy.context_model import ContextModel
from vqcodec.entropy.frame import Streams, decode_frame_codes, encode_foreground
from vqcodec.entropy.level_contexts import Coefficients, FrameGeometry, frame_geometry
from vqcodec.entropy.levels import LARGEST_VALUE, decode_levels, encode_levels
from vqcodec.entropy.neighbourhood import lattice_of
from vqcodec.entropy.split_model import SplitModel
from vqcodec.entropy.tiling import Tiling, tile_places
from vqcodec.errors import FormatError
from vqcodec.layout import split_shapes

from .documented import documented_errors
from .masks import mask_of

Levels = tuple[bytes, bytes, bytes]

sides = st.integers(1, 21)
shapes = st.tuples(sides, sides, sides)
#: Of boxes with a tile or more along one or two axes.
long_shapes = st.tuples(
    st.sampled_from([63, 64, 65, 66, 100, 127, 128, 129, 193]),
    st.integers(1, 5) | st.just(65),
    st.integers(1, 3),
).flatmap(st.permutations)
seeds = st.integers(0, 2**32 - 1)
sizes = st.sampled_from([0.3, 3.0, 300.0])


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
) -> tuple[Levels, Coefficients]:
    def quantiser(split: int, _: SplitModel, tiling: Tiling, look: object):  # type: ignore[no-untyped-def]
        cut = tiling.cut(wanted.details[split])

        def quantise(at: Phase) -> np.ndarray:
            values: np.ndarray = lattice_of(cut[at.band], at.phase).reshape(-1)[at.coded]
            return values.astype(np.int64)

        return quantise

    return encode_levels(model, geometry, step_index, wanted.low_pass, quantiser)


def check_same(found: Coefficients, wanted: Coefficients) -> None:
    np.testing.assert_array_equal(found.low_pass, wanted.low_pass)
    for one, other in zip(found.details, wanted.details, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(found.offsets, wanted.offsets, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)


def comes_back(
    model: ContextModel, shape: tuple[int, ...], seed: int, step_index: int, size: float
) -> None:
    foreground = mask_of(shape, seed)
    geometry = frame_geometry(foreground)
    wanted = random_coefficients(geometry, seed, size)
    levels, written = encoded(model, geometry, step_index, wanted)
    mask, read = decode_frame_codes(
        model, Streams(encode_foreground(model.mask, foreground), levels), step_index, shape
    )
    np.testing.assert_array_equal(mask, foreground)
    check_same(read, written)
    check_same(read, Coefficients(wanted.details, wanted.low_pass, read.offsets))


@given(shapes, seeds, st.integers(-256, 1024), sizes)
@settings(max_examples=8)
def test_round_trip(
    any_model: ContextModel, shape: tuple[int, int, int], seed: int, step_index: int, size: float
) -> None:
    comes_back(any_model, shape, seed, step_index, size)


@given(long_shapes, seeds, st.integers(-256, 1024), sizes)
@settings(max_examples=4)
def test_round_trip_around_the_sides_of_tiles(
    any_model: ContextModel, shape: list[int], seed: int, step_index: int, size: float
) -> None:
    comes_back(any_model, tuple(shape), seed, step_index, size)


@given(long_shapes, seeds, st.data())
@settings(max_examples=3)
def test_some_tiles_are_the_same_as_among_all(
    tiles_model: ContextModel, shape: list[int], seed: int, data: st.DataObject
) -> None:
    geometry = frame_geometry(mask_of(tuple(shape), seed))
    levels, every = encoded(tiles_model, geometry, 100, random_coefficients(geometry, seed, 2.0))
    places = data.draw(st.sets(st.sampled_from(tile_places(shape))))
    some = decode_levels(tiles_model, geometry, 100, levels, places)
    details, offsets = list(every.details), list(every.offsets)
    for split in (0, 1):
        band = details[split].shape[1:]
        inside = np.zeros(band, bool)
        for place in places:
            inside |= is_inside(band, split, place)
        details[split] = np.where(inside, details[split], 0)
        offsets[split] = np.where(inside, offsets[split], 0) if places else None
    check_same(some, Coefficients(tuple(details), every.low_pass, tuple(offsets)))


def test_all_is_decoded_where_there_are_no_tiles(model: ContextModel) -> None:
    geometry = frame_geometry(np.ones((2, 3, 70), bool))
    levels, written = encoded(model, geometry, 100, random_coefficients(geometry, 5, 2.0))
    check_same(decode_levels(model, geometry, 100, levels, ()), written)


@pytest.mark.parametrize(("batch", "cores"), [(1, 1), (2, 1), (48, 2), (48, 3), (2, 8)])
def test_batches_of_tiles_change_nothing(
    tiles_model: ContextModel, batch: int, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = frame_geometry(mask_of((2, 66, 200), 2 + 6 * 7))
    wanted = random_coefficients(geometry, 8, 1.5)
    expected, written = encoded(tiles_model, geometry, 100, wanted)
    monkeypatch.setattr(vqcodec.entropy.batches, "TILES_AT_ONCE", batch)
    monkeypatch.setattr(vqcodec.entropy.batches, "usable_cores", lambda: cores)
    levels, again = encoded(tiles_model, geometry, 100, wanted)
    assert levels == expected
    check_same(again, written)
    check_same(decode_levels(tiles_model, geometry, 100, levels), written)


@pytest.mark.parametrize("cores", [1, 3])
def test_what_fails_in_a_tile_is_raised(
    tiles_model: ContextModel, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = frame_geometry(mask_of((2, 66, 200), 2 + 6 * 7))
    low_pass = np.zeros(geometry.fractions[-1].shape, np.int32)
    monkeypatch.setattr(vqcodec.entropy.batches, "usable_cores", lambda: cores)

    def fails_in_the_fine_level(split: int, *_: object):  # type: ignore[no-untyped-def]
        def quantise(at: Phase) -> np.ndarray:
            if split == 0 and at.band == 3:
                raise ValueError("no such value")
            return np.zeros(len(at.coded), np.int64)

        return quantise

    with pytest.raises(ValueError, match="no such value"):
        encode_levels(tiles_model, geometry, 100, low_pass, fails_in_the_fine_level)


@pytest.mark.parametrize(("name", "size"), [("model", 40.0), ("tiles_model", 40.0)])
def test_the_small_reader_reads_the_same(
    name: str, size: float, request: pytest.FixtureRequest
) -> None:
    model: ContextModel = request.getfixturevalue(name)
    tensors = tiny_tiles_tensors() if model.is_tiled else tiny_tensors()
    whole = {key: each.astype(np.int64) for key, each in tensors.items() if each.dtype.kind != "f"}
    foreground = np.ones((2, 1, 66), bool)
    geometry = frame_geometry(foreground)
    levels, written = encoded(model, geometry, 50, random_coefficients(geometry, 3, size))
    details, low_pass = small_reader.decode_levels(list(levels), foreground, 50, whole)
    np.testing.assert_array_equal(low_pass, written.low_pass)
    for one, other in zip(details, written.details, strict=True):
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
@settings(max_examples=25)
def test_any_streams_give_coefficients_or_the_documented_error(
    any_model: ContextModel, shape: tuple[int, int, int], seed: int, data: list[bytes]
) -> None:
    mask, *levels = data
    if seed % 2:
        mask = encode_foreground(any_model.mask, mask_of(shape, seed))
    with documented_errors():
        _, read = decode_frame_codes(any_model, Streams(mask, tuple(levels)), seed % 1000, shape)
        assert max(int(np.abs(part).max()) for part in read.details) <= LARGEST_VALUE


@given(seeds, st.lists(st.integers(0, 8), min_size=3, max_size=3), st.binary(max_size=60))
@settings(max_examples=5)
def test_any_tiles_give_coefficients_or_the_documented_error(
    tiles_model: ContextModel, seed: int, words: list[int], data: bytes
) -> None:
    """Lengths that fit, so that the streams are looked at."""
    shape = (2, 3, 150)
    geometry = frame_geometry(mask_of(shape, seed))
    fine = np.array(words, "<u4").tobytes() + (data + bytes(120))[: 4 * sum(words)]
    with documented_errors():
        read = decode_levels(tiles_model, geometry, 0, (fine, bytes(8), bytes(8)))
        assert max(int(np.abs(part).max()) for part in read.details) <= LARGEST_VALUE


@pytest.mark.parametrize("excess", [1, 1 << 23])
def test_a_low_pass_beyond_the_largest_is_refused(any_model: ContextModel, excess: int) -> None:
    geometry = frame_geometry(np.ones((1, 1, 65), bool))
    wanted = random_coefficients(geometry, 1, 1.0)
    wanted.low_pass[...] = [[[LARGEST_VALUE, LARGEST_VALUE]]]
    levels, _ = encoded(any_model, geometry, 0, wanted)
    decode_levels(any_model, geometry, 0, levels)
    wanted.low_pass[0, 0, 1] += excess
    levels, _ = encoded(any_model, geometry, 0, wanted)
    with pytest.raises(FormatError, match="beyond the largest"):
        decode_levels(any_model, geometry, 0, levels)
