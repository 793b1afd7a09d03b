"""Coding of quantised wavelet coefficients, one split at a time.

A split is coded band by band and, in each band, lattice by lattice (``layout.PHASES``): a
whole phase is classified from what is decoded already, then its symbols are written. Splits
run from the coarsest to the finest; each grid level has its own stream or, where it is cut
into tiles, one for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..layout import BANDS, PHASES
from .batches import Check, proceed
from .escapes import read_signed, write_signed
from .neighbourhood import lattice_of
from .split_context import SplitContext
from .split_model import SplitModel
from .stream import Decoder, Encoder
from .tables import CLASSES, ESCAPE, LARGEST_SYMBOL_VALUE, Classes, classify, symbols_of
from .trellis import integers_of


@dataclass(frozen=True)
class Phase:
    """One lattice of one band on its way through the coder.

    ``coded`` is the flat index of every coded coefficient within the lattices of all tiles,
    ``bounds`` where each tile's part of it begins and ends, ``(tiles + 1,)``. ``quantisers``,
    with a trellis, says which of the two each coefficient is coded with; the second one's
    tables follow those of the first.
    """

    band: int
    phase: int
    coded: NDArray[np.intp]
    bounds: NDArray[np.intp]
    classes: Classes
    quantisers: NDArray[np.int64] | None = None

    def integers(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Quantised coefficients of what is coded: labels, with a trellis."""
        return values if self.quantisers is None else integers_of(values, self.quantisers)


@dataclass(frozen=True)
class Ahead:
    """A phase that is looked at before its split is coded.

    Attributes
    ----------
    at : Phase
        Of the coefficients that matter.
    coded : ndarray of int
        Flat index of every coded coefficient; see :class:`Phase`.
    """

    at: Phase
    coded: NDArray[np.intp]


@dataclass(frozen=True)
class CodedSplit:
    """A split as the decoder knows it.

    Attributes
    ----------
    q : ndarray of int32
        ``(7, tiles, d, h, w)``.
    offsets : ndarray of float32 or None
        Same shape, in steps: what is to be added to the codebook's entries.
    """

    q: NDArray[np.int32]
    offsets: NDArray[np.float32] | None


#: Given a phase, what is coded of it, ``(N,)`` in the order of ``Phase.coded``: quantised values,
#: or labels with a trellis.
Quantiser = Callable[[Phase], NDArray[np.int64]]


def _classes(
    model: SplitModel, context: SplitContext, band: int, phase: int, coded: NDArray[np.intp]
) -> Classes:
    """Classes of a phase."""
    if coded.size == 0:
        return classify(np.zeros(0, np.int64), np.zeros(0, np.int64))
    network, columns = band * len(PHASES) + phase, context.columns(band, phase)
    count = -(-len(coded) // model.networks.positions_at_once)
    outputs = [
        model.networks.outputs(network, columns, context.matrix(band, phase, some))
        for some in np.array_split(coded, count)
    ]
    location, log2_scale = np.concatenate(outputs, axis=1)
    return classify(location, log2_scale)


def _phases(
    model: SplitModel,
    context: SplitContext,
    support: NDArray[np.bool_],
    check: Check,
    states: NDArray[np.int8] | None = None,
) -> Iterator[Phase]:
    tiles, sites = len(context.tiling.chosen), int(np.prod(context.tiling.lattice))
    for band, phase in np.ndindex(len(BANDS), len(PHASES)):
        check()
        coded = np.flatnonzero(lattice_of(support[band], phase))
        bounds = np.searchsorted(coded, np.arange(tiles + 1) * sites)
        classes = _classes(model, context, band, phase, coded)
        quantisers = None
        if states is not None and model.trellis is not None:
            quantisers = model.trellis.quantisers_of(states[coded])
            classes = replace(classes, table=classes.table + CLASSES * quantisers)
        yield Phase(band, phase, coded, bounds, classes, quantisers)


class _Split:
    """Arrays of a split while it is coded."""

    def __init__(self, model: SplitModel, context: SplitContext, shape: tuple[int, ...]) -> None:
        self._table, self._trellis = model.offsets, model.trellis
        self._context = context
        self._lattices = (len(context.tiling.chosen), *context.tiling.lattice)
        self._q = np.zeros(shape, np.int32)
        self._offsets = None if self._table is None else np.zeros(shape, np.float32)
        sites = int(np.prod(self._lattices))
        self.states = None if model.trellis is None else np.zeros(sites, np.int8)

    def store(self, at: Phase, values: NDArray[np.int64], symbols: NDArray[np.int64]) -> None:
        """Record what is coded of a phase."""
        q = np.zeros(self._lattices, np.int32)
        q.reshape(-1)[at.coded] = at.integers(values)
        if self.states is not None and self._trellis is not None:
            self.states[at.coded] = self._trellis.after(self.states[at.coded], values)
        lattice_of(self._q[at.band], at.phase)[...] = q
        self._context.store(at.band, at.phase, q)
        if self._table is not None and self._offsets is not None:
            offsets = np.zeros(self._lattices, np.float32)
            towards = self._table[at.classes.table, symbols]
            offsets.reshape(-1)[at.coded] = at.classes.sign * towards
            lattice_of(self._offsets[at.band], at.phase)[...] = offsets

    def coded(self) -> CodedSplit:
        """What was stored."""
        return CodedSplit(self._q, self._offsets)


def phases_ahead(
    model: SplitModel,
    context: SplitContext,
    support: NDArray[np.bool_],
    matters: NDArray[np.bool_],
    quantise: Quantiser,
    check: Check = proceed,
) -> Iterator[Ahead]:
    """All phases of a split, one by one, as they would be with the first quantiser alone.

    Parameters
    ----------
    matters : ndarray of bool
        ``(7, tiles, d, h, w)``: coefficients that are looked at; the others count as zero.
    quantise : callable
        Chooses their labels without knowing the states.
    check : callable
        Called before every phase.
    """
    lattices = (len(context.tiling.chosen), *context.tiling.lattice)
    for at in _phases(model, context, support & matters, check):
        q = np.zeros(lattices, np.int32)
        q.reshape(-1)[at.coded] = 2 * quantise(at)
        context.store(at.band, at.phase, q)
        yield Ahead(at, np.flatnonzero(lattice_of(support[at.band], at.phase)))


def encode_split(
    encoders: Sequence[Encoder],
    model: SplitModel,
    context: SplitContext,
    support: NDArray[np.bool_],
    quantise: Quantiser,
    check: Check = proceed,
) -> CodedSplit:
    """Quantise and write one split.

    Parameters
    ----------
    encoders : sequence of Encoder
        One for each tile.
    support : ndarray of bool
        ``(7, tiles, d, h, w)``, coefficients that are coded.
    quantise : callable
        Chooses the integers of a phase, knowing the tables that will code them.
    check : callable
        Called before every phase.

    Returns
    -------
    CodedSplit
        What the decoder will read.
    """
    split = _Split(model, context, support.shape)
    for at in _phases(model, context, support, check, split.states):
        values = quantise(at)
        residual = at.classes.residual(values)
        symbols = symbols_of(residual)
        for encoder, first, last in zip(encoders, at.bounds, at.bounds[1:], strict=False):
            if first < last:
                part = slice(first, last)
                model.write(encoder, symbols[part], at.classes.table[part])
                escaped = residual[part][symbols[part] == ESCAPE]
                if escaped.size:
                    excess = np.sign(escaped) * (np.abs(escaped) - LARGEST_SYMBOL_VALUE)
                    tables = model.escape_tables(at.classes.table[part][symbols[part] == ESCAPE])
                    write_signed(encoder, excess, model.escapes, tables)
        split.store(at, values, symbols)
    return split.coded()


def decode_split(
    decoders: Sequence[Decoder],
    model: SplitModel,
    context: SplitContext,
    support: NDArray[np.bool_],
    check: Check = proceed,
) -> CodedSplit:
    """Inverse of :func:`encode_split`.

    Raises
    ------
    FormatError
        If a stream cannot have been written with these tables.
    """
    split = _Split(model, context, support.shape)
    for at in _phases(model, context, support, check, split.states):
        symbols = np.zeros(len(at.coded), np.int64)
        residual = np.zeros(len(at.coded), np.int64)
        for decoder, first, last in zip(decoders, at.bounds, at.bounds[1:], strict=False):
            if first < last:
                part = slice(first, last)
                read = model.read(decoder, at.classes.table[part])
                symbols[part], residual[part] = read, read - LARGEST_SYMBOL_VALUE
                escaped = first + np.flatnonzero(read == ESCAPE)
                if escaped.size:
                    tables = model.escape_tables(at.classes.table[escaped])
                    excess = read_signed(decoder, model.escapes, tables)
                    residual[escaped] = np.sign(excess) * (np.abs(excess) + LARGEST_SYMBOL_VALUE)
        split.store(at, at.classes.value(residual), symbols)
    return split.coded()
