"""Frequency tables of a section: what the encoder counted, in a few bits a symbol."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..entropy.stream import Decoder, Encoder, TableSet
from ..errors import FormatError
from .contexts import SYMBOLS, TABLES

FREQUENCY_TOTAL = 1 << 24
STEPS_PER_OCTAVE = 4
WEIGHT_CODE_BITS = 6
#: floor(2^(10 + k/4)), exactly.
_QUARTERS = (1024, 1217, 1448, 1722)
WEIGHTS = np.array(
    [0]
    + [
        _QUARTERS[code % STEPS_PER_OCTAVE] << (code // STEPS_PER_OCTAVE)
        for code in range((1 << WEIGHT_CODE_BITS) - 1)
    ],
    np.int64,
)

#: Buckets of signed integers: small ones are taken to be likelier.
_SIXTEENTH = 1 << 20
_PARAMETER_FREQUENCIES = (
    [3 * _SIXTEENTH] * 4 + [_SIXTEENTH] * 2 + [1 << 18] * 6 + [1 << 16] * 4 + [1 << 15] * 8
)
PARAMETERS = TableSet(np.array([_PARAMETER_FREQUENCIES], np.uint32))


def codes_of(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Weight codes ``(TABLES, SYMBOLS)`` of counted symbols; 0 for what never occurs."""
    most = np.maximum(counts.max(axis=1, keepdims=True), 1)
    share = np.maximum(counts, 1) / most
    top = len(WEIGHTS) - 1
    codes = np.rint(top + STEPS_PER_OCTAVE * np.log2(share)).astype(np.int64)
    return np.where(counts > 0, np.clip(codes, 1, top), 0)


def frequencies_of(codes: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Frequencies ``(TABLES, SYMBOLS)``, positive, with a sum of 2**24."""
    weights = WEIGHTS[codes]
    sums = np.maximum(weights.sum(axis=1, keepdims=True), 1)
    frequencies = 1 + (FREQUENCY_TOTAL - SYMBOLS) * weights // sums
    largest = frequencies.argmax(axis=1)[:, None]
    rest = FREQUENCY_TOTAL - frequencies.sum(axis=1, keepdims=True)
    filled = np.take_along_axis(frequencies, largest, axis=1) + rest
    np.put_along_axis(frequencies, largest, filled, axis=1)
    narrow: NDArray[np.uint32] = frequencies.astype(np.uint32)
    return narrow


def write_tables(encoder: Encoder, codes: NDArray[np.int64]) -> None:
    """Write which tables are in use, and of each the codes from its first symbol to its last."""
    used = codes.any(axis=1)
    encoder.raw(np.asarray(used, np.int64), 1)
    rows = np.flatnonzero(used)
    occurs = codes[rows] > 0
    first = occurs.argmax(axis=1)
    last = SYMBOLS - 1 - occurs[:, ::-1].argmax(axis=1)
    spans = np.empty((len(rows), 2), np.int64)
    spans[:, 0], spans[:, 1] = first, last
    encoder.raw(spans.reshape(-1), 7)
    parts = [codes[row, a : b + 1] for row, a, b in zip(rows, first, last, strict=True)]
    encoder.raw(np.concatenate([*parts, np.zeros(0, np.int64)]), WEIGHT_CODE_BITS)


def read_tables(decoder: Decoder) -> TableSet:
    """Inverse of :func:`write_tables`.

    Raises
    ------
    FormatError
        A table ends before it begins.
    """
    rows = np.flatnonzero(decoder.raw(TABLES, 1))
    spans = decoder.raw(2 * len(rows), 7).reshape(-1, 2)
    lengths = spans[:, 1] - spans[:, 0] + 1
    if np.any(lengths < 1):
        raise FormatError("a table of section 'residual' ends before it begins")
    codes = np.zeros((TABLES, SYMBOLS), np.int64)
    values = decoder.raw(int(lengths.sum()), WEIGHT_CODE_BITS)
    ends = np.cumsum(lengths)
    for row, (first, last), end, length in zip(rows, spans, ends, lengths, strict=True):
        codes[row, first : last + 1] = values[end - length : end]
    return TableSet(frequencies_of(codes))
