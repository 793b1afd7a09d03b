"""Tiles of bands, and their streams in a section."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.small_reader.container import RefusedError
from tests.small_reader.streams import Stream
from tests.small_reader.tiles import is_inside, tiles_of
from vqcodec.entropy.stream import Decoder, Encoder, TableSet, joined, separated
from vqcodec.entropy.tiling import TILE_SIDE, Tiling, tile_counts, tile_places, tiled, whole
from vqcodec.errors import FormatError
from vqcodec.formats.leb128 import leb128, read_leb128
from vqcodec.layout import split_shapes

near_borders = st.integers(1, 9) | st.sampled_from([63, 64, 65, 66, 100, 127, 128, 129])
extents = st.tuples(near_borders, near_borders, st.integers(1, 9)).flatmap(st.permutations)
seeds = st.integers(0, 2**32 - 1)


def some_tiling(extent: list[int], split: int, seed: int) -> Tiling:
    """A split of a box in some of its tiles."""
    rng = np.random.default_rng(seed)
    chosen = tuple(place for place in tile_places(extent) if seed % 3 or rng.random() < 0.5)
    return tiled(split_shapes(extent)[split], split, chosen)


@given(extents, st.integers(0, 1), seeds)
def test_cut_and_joined_it_is_the_same(extent: list[int], split: int, seed: int) -> None:
    tiling = some_tiling(extent, split, seed)
    array = np.random.default_rng(seed).integers(1, 99, (2, *tiling.shape))
    tiles = tiling.cut(array)
    assert tiles.shape == (2, len(tiling.chosen), *tiling.sides)
    inside = np.zeros(tiling.shape, bool)
    for place in tiling.chosen:
        inside |= is_inside(tiling.shape, split, place)
    np.testing.assert_array_equal(tiling.join(tiles), np.where(inside, array, 0))
    assert np.count_nonzero(tiles) == 2 * np.count_nonzero(inside)
    if seed % 3:
        assert inside.all()


@given(extents, st.integers(0, 1), seeds, st.sampled_from([1, 2, 4]), st.integers(0, 2))
def test_tiles_with_a_border_are_windows(
    extent: list[int], split: int, seed: int, divisor: int, border: int
) -> None:
    tiling = some_tiling(extent, split, seed)
    shape = tuple(-(-n // divisor) for n in tiling.shape)
    array = np.random.default_rng(seed).integers(1, 99, shape)
    tiles = tiling.cut(array, divisor, border)
    padded = np.pad(array, (2, TILE_SIDE // 2 + 2))
    for tile, place in zip(tiles, tiling.chosen, strict=True):
        window = tuple(
            slice(2 + p * side // divisor - border, 2 + (p + 1) * side // divisor + border)
            for p, side in zip(place, tiling.sides, strict=True)
        )
        np.testing.assert_array_equal(tile, padded[window])


@given(extents)
def test_tiles_are_the_sites_of_the_coarse_grid(extent: list[int]) -> None:
    assert tile_counts(extent) == split_shapes(extent)[5]
    places = tile_places(extent)
    assert places == tuple(np.ndindex(tile_counts(extent)))
    for split in (0, 1):
        tiling = tiled(split_shapes(extent)[split], split, places)
        for place in places:
            assert is_inside(tiling.shape, split, place).any()
        for side, n in zip(tiling.sides, tiling.shape, strict=True):
            assert side == TILE_SIDE >> (split + 1) or side >= n
            assert side % (8 >> split) == 0


@given(extents, st.data())
def test_places_of_a_part(extent: list[int], data: st.DataObject) -> None:
    start = [data.draw(st.integers(0, n - 1)) for n in extent]
    stop = [data.draw(st.integers(a + 1, n)) for a, n in zip(start, extent, strict=True)]
    voxels = np.indices([b - a for a, b in zip(start, stop, strict=True)]).reshape(3, -1).T
    expected = {tuple(place) for place in ((voxels + start) // TILE_SIDE).tolist()}
    assert list(tile_places(stop, start)) == sorted(expected)


@given(st.tuples(*[st.integers(1, 11)] * 3), st.sampled_from([2, 4]))
def test_a_band_that_is_not_cut(shape: tuple[int, int, int], unit: int) -> None:
    tiling = whole(shape, unit)
    for side, n in zip(tiling.sides, shape, strict=True):
        assert side % unit == 0
        assert n <= side < n + unit
    array = np.arange(1, np.prod(shape) + 1).reshape(shape)
    np.testing.assert_array_equal(tiling.join(tiling.cut(array)), array)
    assert tiling.lattice == tuple(side // 2 for side in tiling.sides)


words = st.binary(max_size=24).map(lambda data: data[: len(data) // 4 * 4])


@given(st.lists(words, min_size=1, max_size=12), st.booleans())
def test_streams_come_back_here_and_in_the_small_reader(
    streams: list[bytes], is_trimmed: bool
) -> None:
    section = joined(streams, is_trimmed)
    assert separated(section, len(streams), is_trimmed) == streams
    assert [data for _, data in tiles_of(section, (1, 1, len(streams)), is_trimmed)] == streams


numbers = st.integers(0, 4) | st.integers(0, 2**32 - 1)


@given(st.lists(numbers, max_size=8), st.binary(max_size=40), st.integers(1, 9), st.booleans())
@settings(max_examples=200)
def test_any_section_is_streams_or_the_documented_error(
    lengths: list[int], rest: bytes, count: int, is_trimmed: bool
) -> None:
    section = np.array(lengths, "<u4").tobytes() + rest
    if is_trimmed:
        section = b"".join(leb128(min(n, 40), 40) for n in lengths) + rest
    try:
        expected = [data for _, data in tiles_of(section, (count, 1, 1), is_trimmed)]
    except RefusedError:
        with pytest.raises(FormatError, match=r"lengths do|add up|number"):
            separated(section, count, is_trimmed)
        return
    assert separated(section, count, is_trimmed) == expected
    assert joined(expected, is_trimmed) == section


@given(st.integers(0, 2**40 - 1), st.binary(max_size=3))
def test_numbers_of_variable_length_come_back(number: int, before: bytes) -> None:
    data = before + leb128(number, 40)
    assert read_leb128(data, len(before), 40, "here") == (number, len(data))
    assert len(leb128(number, 40)) == max(1, -(-number.bit_length() // 7))


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\x80\x00", b"\xff\x80\x00", b"\xff" * 5 + b"\x20", b"\xff" * 9]
)
def test_numbers_that_are_cut_short_too_long_or_too_large_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"^here (ends within|has) a number"):
        read_leb128(data, 0, 40, "here")


symbols = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=300)
STEEP = np.array([[2**24 - 3, 1, 1, 1], [2**22] * 4, [1, 2**23, 2**23 - 2, 1]], np.uint32)


@given(symbols)
@settings(max_examples=200)
def test_a_trimmed_stream_is_no_longer_and_says_the_same(coded: list[tuple[int, int]]) -> None:
    tables, chosen = np.array(coded, np.int64).reshape(-1, 2).T
    encoder, models = Encoder(), TableSet(STEEP)
    encoder.in_order(chosen, tables, models)
    words, trimmed = encoder.finish(), encoder.finish(is_trimmed=True)
    assert len(trimmed) <= max(len(words), 1)
    assert (len(trimmed) == 0) == (len(coded) == 0)
    read = Decoder(trimmed, is_trimmed=True).in_order(tables, models)
    np.testing.assert_array_equal(read, chosen)
    assert Stream(trimmed, is_trimmed=True).in_order(tables.tolist(), STEEP) == chosen.tolist()
