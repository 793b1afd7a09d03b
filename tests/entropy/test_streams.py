from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.small_reader.container import RefusedError
from tests.small_reader.streams import Stream
from vqcodec.entropy.escapes import BUCKETS, bucket_of, read_signed, write_signed
from vqcodec.entropy.stream import Decoder, Encoder, TableSet, table_groups
from vqcodec.entropy.tables import FREQUENCY_TOTAL, integer_frequencies
from vqcodec.errors import FormatError

LARGEST = (1 << 24) - 2

seeds = st.integers(0, 2**32 - 1)


def tables_of(seed: int, count: int, symbols: int) -> np.ndarray:
    """Tables from nearly even to nearly certain; ones where nothing is expected."""
    rng = np.random.default_rng(seed)
    mass = rng.gamma(rng.choice([0.02, 0.3, 3.0], (count, 1)), size=(count, symbols)) + 1e-300
    return integer_frequencies(mass, floor=1)


@given(seeds, st.integers(1, 6), st.integers(2, 40), st.integers(0, 500))
def test_symbols_come_back_here_and_in_the_small_reader(
    seed: int, count: int, symbols: int, length: int
) -> None:
    frequencies = tables_of(seed, count, symbols)
    rng = np.random.default_rng(seed)
    numbers = rng.integers(count, size=length)
    values = rng.integers(symbols, size=length)
    encoder = Encoder()
    encoder.symbols(values, numbers, TableSet(frequencies))
    data = encoder.finish()
    np.testing.assert_array_equal(Decoder(data).symbols(numbers, TableSet(frequencies)), values)
    assert Stream(data).grouped(numbers.tolist(), frequencies) == values.tolist()


@given(seeds, st.integers(2, 40), st.binary(max_size=40).filter(lambda data: len(data) % 4 == 0))
def test_any_words_decode_alike_in_both_readers(seed: int, symbols: int, data: bytes) -> None:
    frequencies = tables_of(seed, 1, symbols)
    ours, theirs = Decoder(data), Stream(data)
    for _ in range(60):
        try:
            expected = theirs.symbol(frequencies[0].tolist())
        except RefusedError:
            with pytest.raises(FormatError):
                ours.symbols(np.zeros(1, np.int64), TableSet(frequencies))
            return
        found = ours.symbols(np.zeros(1, np.int64), TableSet(frequencies))
        assert found.tolist() == [expected]


@given(
    st.integers(1, 24).flatmap(
        lambda bits: st.tuples(st.just(bits), st.lists(st.integers(0, 2**bits - 1), max_size=60))
    )
)
def test_raw_bits(case: tuple[int, list[int]]) -> None:
    bits, values = case
    encoder = Encoder()
    encoder.raw(np.array(values, np.int64), bits)
    data = encoder.finish()
    assert Decoder(data).raw(len(values), bits).tolist() == values
    assert Stream(data).raw(len(values), bits) == values
    assert len(data) <= 4 * (len(values) * bits // 32 + 2)


@given(st.lists(st.integers(-LARGEST, LARGEST) | st.integers(-9, 9), max_size=80))
def test_signed_integers(values: list[int]) -> None:
    tables = TableSet(tables_of(7, 3, BUCKETS))
    numbers = np.arange(len(values)) ** 2 % 3
    encoder = Encoder()
    write_signed(encoder, np.array(values, np.int64), tables, numbers)
    data = encoder.finish()
    assert read_signed(Decoder(data), tables, numbers).tolist() == values
    assert Stream(data).signed(numbers.tolist(), tables.frequencies) == values


@given(st.integers(0, LARGEST))
def test_bucket_is_the_whole_logarithm(magnitude: int) -> None:
    assert bucket_of(np.array([magnitude])).tolist() == [(magnitude + 1).bit_length() - 1]


@given(st.lists(st.integers(0, 700), max_size=50))
def test_groups_are_ascending_and_keep_the_order(numbers: list[int]) -> None:
    groups = list(table_groups(np.array(numbers, np.int64)))
    assert [table for table, _ in groups] == sorted(set(numbers))
    for table, positions in groups:
        assert positions.tolist() == [i for i, number in enumerate(numbers) if number == table]


@given(seeds, st.integers(2, 60), st.sampled_from([1, 16, 64]))
def test_frequencies_sum_to_the_total(seed: int, symbols: int, floor: int) -> None:
    rng = np.random.default_rng(seed)
    frequencies = integer_frequencies(rng.gamma(0.1, size=(9, symbols)) + 1e-12, floor)
    assert frequencies.min() >= floor
    assert (frequencies.sum(axis=1, dtype=np.int64) == FREQUENCY_TOTAL).all()


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7])
def test_a_part_of_a_word_is_refused(length: int) -> None:
    with pytest.raises(FormatError, match="whole number of words"):
        Decoder(bytes(length))
