"""Range-coded streams: symbols with integer frequencies, grouped by table.

The coder is constriction's range coder (32-bit words, 64-bit state, 24-bit frequencies). Its
categorical model turns floats into frequencies as ``cumulative(i) = i + floor(sum(p[:i]))``
when the given numbers sum to ``2**24 - symbols``; handing it ``frequency - 1`` therefore
reproduces the integer table exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import constriction
import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..formats.leb128 import leb128, read_leb128

RAW_BITS_AT_ONCE = 12
SYMBOLS_AT_ONCE = 1 << 16
WORD_BITS, STATE_WORDS = 32, 2
#: A trimmed stream of more bytes is not read.
LENGTH_BITS = 40


def categorical(frequencies: NDArray[np.uint32]) -> object:
    """Entropy model with exactly these frequencies (they sum to 2**24)."""
    less_one = frequencies.astype(np.float64) - 1.0
    return constriction.stream.model.Categorical(less_one, perfect=False)


class TableSet:
    """Entropy models of many tables, built on first use."""

    def __init__(self, frequencies: NDArray[np.uint32]) -> None:
        self.frequencies = frequencies
        self._models: dict[int, object] = {}
        self.less_one: NDArray[np.float64] = frequencies.astype(np.float64) - 1.0

    def __getitem__(self, table: int) -> object:
        model = self._models.get(table)
        if model is None:
            model = self._models[table] = categorical(self.frequencies[table])
        return model


def table_groups(tables: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each table in use, ascending, with the positions that use it, in order."""
    if tables.size == 0:
        return
    # Short integers are sorted digit by digit.
    narrow = tables.astype(np.min_scalar_type(tables.max()))
    order = np.argsort(narrow, kind="stable")
    ordered = narrow[order]
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    for positions in np.split(order, starts):
        yield int(tables[positions[0]]), positions


class Encoder:
    """Writes symbols to one range-coded stream."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def symbols(
        self, symbols: NDArray[np.int64], tables: NDArray[np.int64], models: TableSet
    ) -> None:
        """Write symbols, grouped by ascending table."""
        narrow = symbols.astype(np.int32)
        for table, positions in table_groups(tables):
            self._coder.encode(narrow[positions], models[table])

    def in_order(
        self, symbols: NDArray[np.int64], tables: NDArray[np.int64], models: TableSet
    ) -> None:
        """Write symbols in their own order."""
        family = constriction.stream.model.Categorical(perfect=False)
        for start in range(0, len(symbols), SYMBOLS_AT_ONCE):
            some = slice(start, start + SYMBOLS_AT_ONCE)
            narrow = symbols[some].astype(np.int32)
            self._coder.encode(narrow, family, models.less_one[tables[some]])

    def conditional(self, symbols: NDArray[np.int64], frequencies_NK: NDArray[np.int64]) -> None:
        """Write symbols that each have a table of their own."""
        family = constriction.stream.model.Categorical(perfect=False)
        less_one = frequencies_NK.astype(np.float64) - 1.0
        self._coder.encode(symbols.astype(np.int32), family, less_one)

    def raw(self, values: NDArray[np.int64], bits: int) -> None:
        """Write ``bits`` equiprobable bits of each value, most significant chunk first."""
        for shift, width in _chunks(bits):
            chunk = (values >> shift) & ((1 << width) - 1)
            uniform = constriction.stream.model.Uniform(1 << width)
            self._coder.encode(chunk.astype(np.int32), uniform)

    def finish(self, is_trimmed: bool = False) -> bytes:
        """The stream, as little-endian 32-bit words or trimmed (see :func:`_trimmed`)."""
        words = self._coder.get_compressed()
        if is_trimmed:
            position, (low, width) = self._coder.pos()
            return _trimmed(words, position, low, width)
        return words.astype("<u4").tobytes()  # type: ignore[no-any-return]


def _trimmed(words: NDArray[np.uint32], position: int, low: int, width: int) -> bytes:
    """The fewest bytes, the most significant first, that are read like these words.

    Nothing for a stream without symbols, else at least one byte. The state of the coder, 64
    bits from word ``position`` on, says that a decoder takes any number of ``width`` from
    ``low`` for what was coded; zeros at the end need not be there.
    """
    if not len(words):
        return b""
    count = position + STATE_WORDS
    padded = np.zeros(count, ">u4")
    padded[: len(words)] = words
    point = int.from_bytes(padded.tobytes(), "big")
    lowest = point - ((point - low) & ((1 << STATE_WORDS * WORD_BITS) - 1))
    highest = lowest + width - 1
    zeros = ((lowest - 1) ^ highest).bit_length() - 1 if lowest else highest.bit_length()
    number = highest >> zeros << zeros
    return number.to_bytes(4 * count, "big").rstrip(b"\0") or b"\0"


class Decoder:
    """Reads symbols from one range-coded stream.

    Parameters
    ----------
    data : bytes
        As :meth:`Encoder.finish` gives it.
    is_trimmed : bool
        Whether it was trimmed.

    Raises
    ------
    FormatError
        From any method, when the stream cannot have been written with these tables.
    """

    def __init__(self, data: bytes, is_trimmed: bool = False) -> None:
        if is_trimmed:
            data += bytes(-len(data) % 4)
        if len(data) % 4:
            raise FormatError("entropy-coded stream is not a whole number of words")
        words = np.frombuffer(data, ">u4" if is_trimmed else "<u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def _decode(self, model: object, count: int) -> NDArray[np.int32]:
        try:
            return self._coder.decode(model, count)  # type: ignore[no-any-return]
        except AssertionError as error:
            raise FormatError("entropy-coded stream is damaged") from error

    def symbols(self, tables: NDArray[np.int64], models: TableSet) -> NDArray[np.int64]:
        """Read one symbol for each entry of ``tables``."""
        out = np.empty(tables.shape, np.int64)
        for table, positions in table_groups(tables):
            out[positions] = self._decode(models[table], len(positions))
        return out

    def in_order(self, tables: NDArray[np.int64], models: TableSet) -> NDArray[np.int64]:
        """Inverse of :meth:`Encoder.in_order`."""
        parts = [
            self._each(models.less_one[tables[start : start + SYMBOLS_AT_ONCE]])
            for start in range(0, len(tables), SYMBOLS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def conditional(self, frequencies_NK: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read one symbol for each table ``(N, K)``; rows sum to 2**24."""
        return self._each(frequencies_NK.astype(np.float64) - 1.0)

    def _each(self, less_one_NK: NDArray[np.float64]) -> NDArray[np.int64]:
        family = constriction.stream.model.Categorical(perfect=False)
        try:
            read = self._coder.decode(family, less_one_NK)
        except AssertionError as error:
            raise FormatError("entropy-coded stream is damaged") from error
        return read.astype(np.int64)  # type: ignore[no-any-return]

    def raw(self, count: int, bits: int) -> NDArray[np.int64]:
        """Inverse of :meth:`Encoder.raw`."""
        out = np.zeros(count, np.int64)
        for shift, width in _chunks(bits):
            uniform = constriction.stream.model.Uniform(1 << width)
            out |= self._decode(uniform, count).astype(np.int64) << shift
        return out


def joined(streams: Sequence[bytes], is_trimmed: bool = False) -> bytes:
    """Streams one behind the other, after the length of each.

    That is its number of words, ``u32``, or of bytes, LEB128, if streams are trimmed.
    """
    if is_trimmed:
        return b"".join((*(leb128(len(stream), LENGTH_BITS) for stream in streams), *streams))
    words = np.array([len(stream) // 4 for stream in streams], "<u4")
    return words.tobytes() + b"".join(streams)


def separated(data: bytes, count: int, is_trimmed: bool = False) -> list[bytes]:
    """Inverse of :func:`joined`.

    Raises
    ------
    FormatError
        If the lengths are not those of what is there.
    """
    if is_trimmed:
        sizes, start = [], 0
        for _ in range(count):
            size, start = read_leb128(data, start, LENGTH_BITS, "section of tiles")
            sizes.append(size)
    elif len(data) < 4 * count:
        raise FormatError("section of tiles ends before their lengths do")
    else:
        sizes = (4 * np.frombuffer(data, "<u4", count).astype(np.int64)).tolist()
        start = 4 * count
    if start + sum(sizes) != len(data):
        raise FormatError("tiles do not add up to their section")
    ends = accumulate(sizes, initial=start)
    return [data[first:last] for first, last in pairwise(ends)]


def _chunks(bits: int) -> Iterator[tuple[int, int]]:
    while bits > 0:
        width = min(bits, RAW_BITS_AT_ONCE)
        bits -= width
        yield bits, width
