"""Coding of quantised wavelet coefficients, one split at a time (coder ``context-range-1``).

A split is coded band by band and, in each band, lattice by lattice (``layout.PHASES``): a
whole phase is classified from what is decoded already, then its symbols are written grouped
by table. Splits run from the coarsest to the finest; each grid level has its own stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..layout import BANDS, PHASES
from .escapes import read_signed, write_signed
from .neighbourhood import SplitContext, lattice_of
from .network import IntegerNetworks
from .stream import Decoder, Encoder, TableSet
from .tables import ESCAPE, LARGEST_SYMBOL_VALUE, Classes, classify, symbols_of

ROWS_AT_ONCE = 1 << 15


@dataclass(frozen=True)
class SplitModel:
    """Networks and tables of one group of splits.

    Attributes
    ----------
    networks : IntegerNetworks
    tables : TableSet
        ``(CLASSES, SYMBOLS)``.
    escapes : TableSet
        ``(1, BUCKETS)``.
    """

    networks: IntegerNetworks
    tables: TableSet
    escapes: TableSet


@dataclass(frozen=True)
class Phase:
    """One lattice of one band on its way through the coder.

    ``coded`` is the flat index, within the padded lattice, of every coded coefficient.
    """

    band: int
    phase: int
    coded: NDArray[np.intp]
    classes: Classes


#: Given a phase, its quantised values ``(N,)`` in the order of ``Phase.coded``.
Quantiser = Callable[[Phase], NDArray[np.int64]]


def _coded_positions(
    support_DHW: NDArray[np.bool_], phase: int, lattice_shape: tuple[int, int, int]
) -> NDArray[np.intp]:
    padded = np.zeros(lattice_shape, bool)
    part = lattice_of(support_DHW, phase)
    padded[: part.shape[0], : part.shape[1], : part.shape[2]] = part
    return np.flatnonzero(padded)


def _classes(
    model: SplitModel, context: SplitContext, band: int, phase: int, coded: NDArray[np.intp]
) -> Classes:
    entries = context.inputs(band, phase)
    columns = np.array([entry.column for entry in entries])
    depth, height, width = context.lattice_shape
    rows = max(1, ROWS_AT_ONCE // (height * width))
    network = band * len(PHASES) + phase
    locations, scales = [], []
    for start in range(0, depth, rows):
        stop = min(start + rows, depth)
        first, last = np.searchsorted(coded, (start * height * width, stop * height * width))
        if first == last:
            continue
        matrix = context.matrix(band, phase, start, stop).reshape(len(entries), -1)
        wanted = coded[first:last] - start * height * width
        if len(wanted) < matrix.shape[1]:
            matrix = matrix[:, wanted]
        location, log2_scale = model.networks.outputs(network, columns, matrix)
        locations.append(location)
        scales.append(log2_scale)
    if not locations:
        return classify(np.zeros(0, np.int64), np.zeros(0, np.int64))
    return classify(np.concatenate(locations), np.concatenate(scales))


def _phases(
    model: SplitModel, context: SplitContext, support: NDArray[np.bool_]
) -> Iterator[Phase]:
    for band in range(len(BANDS)):
        for phase in range(len(PHASES)):
            coded = _coded_positions(support[band], phase, context.lattice_shape)
            yield Phase(band, phase, coded, _classes(model, context, band, phase, coded))


def _store(
    context: SplitContext, q_BDHW: NDArray[np.int32], at: Phase, values: NDArray[np.int64]
) -> None:
    lattice = np.zeros(context.lattice_shape, np.int32)
    lattice.reshape(-1)[at.coded] = values
    target = lattice_of(q_BDHW[at.band], at.phase)
    target[...] = lattice[: target.shape[0], : target.shape[1], : target.shape[2]]
    context.store(at.band, at.phase, target)


def encode_split(
    encoder: Encoder,
    model: SplitModel,
    context: SplitContext,
    support: NDArray[np.bool_],
    quantise: Quantiser,
) -> NDArray[np.int32]:
    """Quantise and write one split.

    Parameters
    ----------
    support : ndarray of bool
        ``(7, d, h, w)``, coefficients that are coded.
    quantise : callable
        Chooses the integers of a phase, knowing the tables that will code them.

    Returns
    -------
    ndarray of int32
        ``(7, d, h, w)``, what the decoder will read.
    """
    q = np.zeros(support.shape, np.int32)
    for at in _phases(model, context, support):
        values = quantise(at)
        residual = at.classes.residual(values)
        symbols = symbols_of(residual)
        encoder.symbols(symbols, at.classes.table, model.tables)
        escaped = residual[symbols == ESCAPE]
        if escaped.size:
            excess = np.sign(escaped) * (np.abs(escaped) - LARGEST_SYMBOL_VALUE)
            write_signed(encoder, excess, model.escapes, 0)
        _store(context, q, at, values)
    return q


def decode_split(
    decoder: Decoder,
    model: SplitModel,
    context: SplitContext,
    support: NDArray[np.bool_],
) -> NDArray[np.int32]:
    """Inverse of :func:`encode_split`.

    Raises
    ------
    FormatError
        If the stream cannot have been written with these tables.
    """
    q = np.zeros(support.shape, np.int32)
    for at in _phases(model, context, support):
        symbols = decoder.symbols(at.classes.table, model.tables)
        residual = symbols - LARGEST_SYMBOL_VALUE
        escaped = np.flatnonzero(symbols == ESCAPE)
        if escaped.size:
            excess = read_signed(decoder, escaped.size, model.escapes, 0)
            residual[escaped] = np.sign(excess) * (np.abs(excess) + LARGEST_SYMBOL_VALUE)
        _store(context, q, at, at.classes.value(residual))
    return q
