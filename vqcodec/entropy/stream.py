"""Range-coded streams: symbols with integer frequencies, grouped by table.

The coder is constriction's range coder (32-bit words, 64-bit state, 24-bit frequencies). Its
categorical model turns floats into frequencies as ``cumulative(i) = i + floor(sum(p[:i]))``
when the given numbers sum to ``2**24 - symbols``; handing it ``frequency - 1`` therefore
reproduces the integer table exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import constriction
import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError

RAW_BITS_AT_ONCE = 12
SYMBOLS_AT_ONCE = 1 << 16


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
    order = np.argsort(tables, kind="stable")
    ordered = tables[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    for positions in np.split(order, starts[1:]):
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

    def finish(self) -> bytes:
        """The stream, as little-endian 32-bit words."""
        return self._coder.get_compressed().astype("<u4").tobytes()  # type: ignore[no-any-return]


class Decoder:
    """Reads symbols from one range-coded stream.

    Raises
    ------
    FormatError
        From any method, when the stream cannot have been written with these tables.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) % 4:
            raise FormatError("entropy-coded stream is not a whole number of words")
        words = np.frombuffer(data, "<u4").astype(np.uint32)
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


def joined(streams: Sequence[bytes]) -> bytes:
    """Streams one behind the other, after the number of words (``u32``) of each."""
    words = np.array([len(stream) // 4 for stream in streams], "<u4")
    return words.tobytes() + b"".join(streams)


def separated(data: bytes, count: int) -> list[bytes]:
    """Inverse of :func:`joined`.

    Raises
    ------
    FormatError
        If the lengths are not those of what is there.
    """
    if len(data) < 4 * count:
        raise FormatError("section of tiles ends before their lengths do")
    ends = 4 * count + 4 * np.cumsum(np.frombuffer(data, "<u4", count).astype(np.int64))
    if ends[-1] != len(data):
        raise FormatError("tiles do not add up to their section")
    return [
        data[end - size : end]
        for end, size in zip(ends, np.diff(ends, prepend=4 * count), strict=True)
    ]


def _chunks(bits: int) -> Iterator[tuple[int, int]]:
    while bits > 0:
        width = min(bits, RAW_BITS_AT_ONCE)
        bits -= width
        yield bits, width
