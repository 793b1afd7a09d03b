"""Integer volumes to one range-coded stream and back (coder ``lattice-residual-1``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..entropy.stream import Decoder, Encoder, TableSet
from ..errors import FormatError
from .contexts import (
    ESCAPE,
    LARGEST_SYMBOL,
    SYMBOLS,
    TABLES,
    Contexts,
    calm_table,
    contexts_of,
    low_bits,
    symbols_of,
)
from .fitting import fitted
from .lattices import Field, every, of_phase, strides
from .parameters import PhaseParameters, read_parameters, write_parameters
from .surroundings import FRACTION_BITS, ROWS_AT_ONCE, Fields, Surroundings, chunks
from .tables import codes_of, frequencies_of, read_tables, write_tables

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]

NARROW = 1 << 26
MOST = (1 << 32) - 1
BUCKET_BITS = 6
MOST_BUCKET = 34
LARGEST_MOVE = 1 << 34


@dataclass(frozen=True)
class Grid:
    """The volume to code, but for its voxels.

    Attributes
    ----------
    care : ndarray of bool
        ``(D, H, W)``, which voxels are coded; the others come back as anything.
    most : int
        Voxels are 0 to this, at most ``MOST``.
    step : int
        Odd: voxels come back within ``step // 2``, and as they were where it is 1.
    start : int
        What voxels are before any is known.
    """

    care: Mask
    most: int
    step: int
    start: int


@dataclass(frozen=True)
class Lattice:
    """One lattice on its way: its surroundings, and where in the volume and in fields it is.

    ``level`` is the binary logarithm of its stride.
    """

    level: int
    surroundings: Surroundings
    voxels: tuple[tuple[slice, ...], tuple[slice, ...]]
    care: Mask
    at: Places


Visit = Callable[[Lattice], tuple[Integers, Integers]]


def encode_integers(voxels: NDArray[np.integer], grid: Grid) -> tuple[bytes, NDArray[np.integer]]:
    """Code a volume.

    Parameters
    ----------
    voxels : ndarray of integers
        ``(D, H, W)``, 0 to ``grid.most`` where ``grid.care``.

    Returns
    -------
    data : bytes
    decoded : ndarray of integers
        What :func:`decode_integers` makes of it.
    """
    parts: list[_Coded] = []

    def visit(lattice: Lattice) -> tuple[Integers, Integers]:
        level, phase = lattice.voxels
        wanted = voxels[level][phase][lattice.care].astype(np.int64)
        parameters = fitted(lattice.surroundings, lattice.at, wanted, grid.step)
        predicted, contexts = _contexts(lattice, parameters, grid)
        folded = contexts.folded(wanted, grid.step)
        parts.append(
            _Coded(
                parameters,
                lattice.surroundings.reference,
                contexts.table.astype(np.int16),
                folded.astype(np.int32 if grid.most < NARROW else np.int64),
            )
        )
        return predicted, contexts.value(folded, grid.step, grid.most)

    decoded = _walk(grid, visit)
    counts = np.zeros(TABLES * SYMBOLS, np.int64)
    for part in parts:
        tables = part.tables.astype(np.int64)
        symbols = symbols_of(part.folded.astype(np.int64), low_bits(tables))
        counts += np.bincount(tables * SYMBOLS + symbols, minlength=TABLES * SYMBOLS)
    encoder = Encoder()
    codes = codes_of(counts.reshape(TABLES, SYMBOLS))
    write_tables(encoder, codes)
    models = TableSet(frequencies_of(codes))
    for part in parts:
        write_parameters(encoder, part.parameters, part.reference)
        _write(encoder, part.folded.astype(np.int64), part.tables.astype(np.int64), models)
    return encoder.finish(), decoded


def decode_integers(data: bytes, grid: Grid) -> NDArray[np.integer]:
    """Inverse of :func:`encode_integers`: ``(D, H, W)``.

    Raises
    ------
    FormatError
        The stream cannot have been written so.
    """
    decoder = Decoder(data)
    models = read_tables(decoder)

    def visit(lattice: Lattice) -> tuple[Integers, Integers]:
        parameters = read_parameters(decoder, lattice.surroundings)
        predicted, contexts = _contexts(lattice, parameters, grid)
        folded = _read(decoder, contexts.table, grid.step, models)
        return predicted, contexts.value(folded, grid.step, grid.most)

    return _walk(grid, visit)


@dataclass(frozen=True)
class _Coded:
    parameters: PhaseParameters
    reference: int
    tables: NDArray[np.int16]
    folded: NDArray[np.integer]


def _walk(grid: Grid, visit: Visit) -> NDArray[np.integer]:
    """Go through all lattices of all levels; ``visit`` gives predictions and voxels."""
    dtype = np.int32 if grid.most < NARROW else np.int64
    shape = grid.care.shape
    decoded = np.full(shape, grid.start, dtype)
    errors = np.zeros(shape, dtype)
    for stride in strides(shape):
        level = every(stride)
        values, missed = decoded[level], errors[level]
        fields = Fields(Field(values.shape, dtype), Field(values.shape, dtype))
        is_top = max(values.shape) == 1
        if not is_top:
            fields.values.store(0, values[of_phase(0)])
            fields.errors.store(0, missed[of_phase(0)])
        for phase in (0,) if is_top else range(1, 8):
            place = of_phase(phase)
            care = grid.care[level][place]
            if care.size == 0:
                continue
            surroundings = Surroundings(fields, phase, values.shape)
            values[place] = _filling(surroundings, fields.values, care, grid)
            if care.any():
                at = fields.values.places(care)
                predicted, found = visit(
                    Lattice(stride.bit_length() - 1, surroundings, (level, place), care, at)
                )
                values[place][care] = found
                missed[place][care] = np.abs((found << FRACTION_BITS) - predicted)
            fields.values.store(phase, values[place])
            fields.errors.store(phase, missed[place])
    return decoded


def _filling(
    surroundings: Surroundings, field: Field, care: Mask, grid: Grid
) -> NDArray[np.integer]:
    """A lattice with plain predictions where voxels are not coded."""
    filled = np.full(care.shape, grid.start, np.int64)
    if surroundings.inputs and not care.all():
        weights = surroundings.plain_weights()
        at = field.places(~care)
        half = 1 << (FRACTION_BITS - 1)
        parts = [
            (surroundings.predicted(some, weights) + half) >> FRACTION_BITS for some in chunks(at)
        ]
        filled[~care] = np.clip(np.concatenate(parts), 0, grid.most)
    return filled


def _contexts(
    lattice: Lattice, parameters: PhaseParameters, grid: Grid
) -> tuple[Integers, Contexts]:
    """Predictions and contexts of a lattice, class by class, few voxels at once."""
    surroundings, at = lattice.surroundings, lattice.at
    plain, *classes = parameters.with_plain(surroundings)
    predicted = np.empty(at.shape, np.int64)
    spread = np.zeros(at.shape, np.int64)
    calm = np.empty(at.shape, bool)
    for start in range(0, len(at), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        here = at[rows]
        activity = surroundings.activity(here)
        calm[rows] = activity == 0
        number = np.where(calm[rows], -1, parameters.class_of(activity))
        predicted[rows] = surroundings.predicted(here, plain.weights)
        for index, each in enumerate(classes):
            group = np.flatnonzero(number == index)
            some = here[group]
            guess = surroundings.predicted(some, each.weights)
            predicted[rows][group] = guess
            spread[rows][group] = surroundings.expected(some, guess, each.spread, grid.step)
    if not surroundings.inputs:
        predicted += grid.start << FRACTION_BITS
    contexts = contexts_of(predicted, spread, grid.step, grid.most)
    contexts.table[calm] = calm_table(lattice.level)
    return predicted, contexts


def _write(encoder: Encoder, folded: Integers, tables: Integers, models: TableSet) -> None:
    """Symbols, sizes and signs of escapes, low bits."""
    bits = low_bits(tables)
    symbols = symbols_of(folded, bits)
    encoder.symbols(symbols, tables, models)
    beyond = (folded >> bits)[symbols == ESCAPE]
    sizes = np.abs(beyond) - LARGEST_SYMBOL
    buckets = np.array([int(size).bit_length() - 1 for size in sizes], np.int64)
    encoder.raw(buckets, BUCKET_BITS)
    for bucket in np.unique(buckets):
        some = sizes[buckets == bucket]
        encoder.raw(some - (1 << int(bucket)), int(bucket))
    encoder.raw((beyond < 0).astype(np.int64), 1)
    for width in np.unique(bits[bits > 0]):
        some = folded[bits == width]
        encoder.raw(some & ((1 << int(width)) - 1), int(width))


def _read(decoder: Decoder, tables: Integers, step: int, models: TableSet) -> Integers:
    """Inverse of :func:`_write`."""
    bits = low_bits(tables)
    symbols = decoder.symbols(tables, models)
    high = symbols - LARGEST_SYMBOL
    escapes = np.flatnonzero(symbols == ESCAPE)
    buckets = decoder.raw(len(escapes), BUCKET_BITS)
    if np.any(buckets > MOST_BUCKET):
        raise FormatError("an escape of section 'residual' is beyond every voxel")
    sizes = np.zeros(len(escapes), np.int64)
    for bucket in np.unique(buckets):
        some = np.flatnonzero(buckets == bucket)
        sizes[some] = decoder.raw(len(some), int(bucket)) + (1 << int(bucket)) + LARGEST_SYMBOL
    negative = decoder.raw(len(escapes), 1).astype(bool)
    high[escapes] = np.where(negative, -sizes, sizes)
    if np.any(np.abs(high) > (LARGEST_MOVE // step >> bits) + 1):
        raise FormatError("an escape of section 'residual' is beyond every voxel")
    folded = high << bits
    for width in np.unique(bits[bits > 0]):
        some = np.flatnonzero(bits == width)
        folded[some] |= decoder.raw(len(some), int(width))
    return folded
