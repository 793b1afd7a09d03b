"""Which integers the context networks read: what is decoded already around a coefficient.

For a coefficient of one band and phase the inputs are, each as a companded magnitude and a
companded signed value: the 26 neighbours in its band (those of earlier phases), the centre
and six faces in every earlier band of the same split, the 27 nearest in the same band of the
next coarser split and the centre and six faces in its other six bands; then the foreground
fraction of the cell and its six neighbours, the quantiser step and a constant. Coder
``context-tiles-1`` adds sums of magnitudes over wider windows (``wide``). Inputs that are not
decoded yet do not exist for that phase; the columns keep their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import BANDS, CORNERS, PHASES

Offset = tuple[int, int, int]

CUBE: tuple[Offset, ...] = tuple((z, y, x) for z, y, x in product((-1, 0, 1), repeat=3))
RING = tuple(offset for offset in CUBE if offset != (0, 0, 0))
CROSS = ((0, 0, 0), *(offset for offset in CUBE if sum(map(abs, offset)) == 1))

IN_BAND = 0
SIBLINGS = IN_BAND + 2 * len(RING)
PARENT = SIBLINGS + 2 * len(CROSS) * (len(BANDS) - 1)
OTHER_PARENTS = PARENT + 2 * len(CUBE)
FRACTIONS = OTHER_PARENTS + 2 * len(CROSS) * (len(BANDS) - 1)
STEP = FRACTIONS + len(CROSS)
CONSTANT = STEP + 1
INPUTS = CONSTANT + 1
WIDE_PARENT = INPUTS
WIDE_GRANDPARENT = WIDE_PARENT + len(BANDS)
PARENT_MEAN = WIDE_GRANDPARENT + len(BANDS)
WIDE_SIBLINGS = PARENT_MEAN + len(BANDS)
WIDE_OWN = WIDE_SIBLINGS + len(BANDS) - 1
INPUTS_WITH_WIDE = WIDE_OWN + 1
CONSTANT_VALUE = 16
STEP_MAX = 120
COMPANDED_MAX = 48
WIDE_MAX = 120

MAGNITUDE, SIGNED = 0, 1
PARTS = 2


@dataclass(frozen=True)
class Input:
    """One column and where its values lie.

    Attributes
    ----------
    column : int
        Row of the first weight matrix.
    kind : str
        ``own`` (same split), ``parent`` (next coarser split), ``fraction``, ``step``,
        ``constant``, or ``wide`` (sums over windows).
    part : int
        ``MAGNITUDE`` or ``SIGNED``.
    band, lattice : int
        Source band and, except for parents, its interleaved lattice.
    shift : tuple of int
        Displacement within the lattice, or within the parent band.
    """

    column: int
    kind: str
    part: int = MAGNITUDE
    band: int = 0
    lattice: int = 0
    shift: Offset = (0, 0, 0)


def _corner_and_shift(phase: int, offset: Offset) -> tuple[int, Offset]:
    z, y, x = (p + o for p, o in zip(PHASES[phase], offset, strict=True))
    return CORNERS.index((z % 2, y % 2, x % 2)), (z // 2, y // 2, x // 2)


@dataclass(frozen=True)
class Surroundings:
    """What there is around a split: coarser splits, and sums over wider windows."""

    has_parent: bool
    has_grandparent: bool = False
    has_wide: bool = False


@cache
def inputs_of(band: int, phase: int, around: Surroundings) -> tuple[Input, ...]:
    """Inputs that exist for a band and phase, by ascending column."""
    found = [*_own_inputs(band, phase), *_side_inputs(phase)]
    if around.has_parent:
        found += _parent_inputs(band)
    if around.has_wide:
        found += _wide_inputs(band, phase, around)
    return tuple(sorted(found, key=lambda entry: entry.column))


@dataclass(frozen=True, eq=False)
class Run:
    """Inputs of one kind that follow each other.

    Attributes
    ----------
    kind : str
        See :class:`Input`.
    rows : slice
        Which they are of all inputs that exist.
    blocks : ndarray of int
        ``(rows,)``, which ``(tiles, d, h, w)`` of the array of its kind each is read from; the
        column, of ``wide`` ones.
    shifts : ndarray of int
        ``(rows, 3)``.
    """

    kind: str
    rows: slice
    blocks: NDArray[np.intp]
    shifts: NDArray[np.intp]


@cache
def columns_of(band: int, phase: int, around: Surroundings) -> NDArray[np.intp]:
    """Columns of the inputs that exist for a band and phase, ascending."""
    return np.array([entry.column for entry in inputs_of(band, phase, around)])


@cache
def runs_of(band: int, phase: int, around: Surroundings) -> tuple[Run, ...]:
    """The inputs that exist for a band and phase, in runs; ``wide`` ones are alone."""
    runs: list[list[Input]] = []
    for entry in inputs_of(band, phase, around):
        if not runs or entry.kind == "wide" or runs[-1][-1].kind != entry.kind:
            runs.append([])
        runs[-1].append(entry)
    found, first = [], 0
    for run in runs:
        rows = slice(first, first + len(run))
        blocks = np.array([_block(entry) for entry in run])
        shifts = np.array([entry.shift for entry in run])
        found.append(Run(run[0].kind, rows, blocks, shifts))
        first = rows.stop
    return tuple(found)


def _block(entry: Input) -> int:
    if entry.kind == "own":
        return (entry.band * len(CORNERS) + entry.lattice) * PARTS + entry.part
    if entry.kind == "parent":
        return entry.band * PARTS + entry.part
    return entry.column if entry.kind == "wide" else entry.lattice


def _own_inputs(band: int, phase: int) -> Iterator[Input]:
    decoded = {CORNERS.index(corner) for corner in PHASES[:phase]}
    for part in (MAGNITUDE, SIGNED):
        for k, offset in enumerate(RING):
            lattice, shift = _corner_and_shift(phase, offset)
            if lattice in decoded:
                yield Input(IN_BAND + part * len(RING) + k, "own", part, band, lattice, shift)
        for sibling in range(band):
            start = SIBLINGS + (2 * sibling + part) * len(CROSS)
            for k, offset in enumerate(CROSS):
                yield Input(start + k, "own", part, sibling, *_corner_and_shift(phase, offset))


def _parent_inputs(band: int) -> Iterator[Input]:
    others = [other for other in range(len(BANDS)) if other != band]
    for part in (MAGNITUDE, SIGNED):
        for k, shift in enumerate(CUBE):
            yield Input(PARENT + part * len(CUBE) + k, "parent", part, band, 0, shift)
        for j, other in enumerate(others):
            start = OTHER_PARENTS + (2 * j + part) * len(CROSS)
            for k, shift in enumerate(CROSS):
                yield Input(start + k, "parent", part, other, 0, shift)


def _wide_inputs(band: int, phase: int, around: Surroundings) -> Iterator[Input]:
    for source in range(len(BANDS)):
        if around.has_parent:
            yield Input(WIDE_PARENT + source, "wide")
            yield Input(PARENT_MEAN + source, "wide")
        if around.has_grandparent:
            yield Input(WIDE_GRANDPARENT + source, "wide")
        if source < band:
            yield Input(WIDE_SIBLINGS + source, "wide")
    if phase:
        yield Input(WIDE_OWN, "wide")


def _side_inputs(phase: int) -> Iterator[Input]:
    for k, offset in enumerate(CROSS):
        lattice, shift = _corner_and_shift(phase, offset)
        yield Input(FRACTIONS + k, "fraction", MAGNITUDE, 0, lattice, shift)
    yield Input(STEP, "step")
    yield Input(CONSTANT, "constant")


def input_limits(has_wide: bool) -> NDArray[np.float64]:
    """Largest magnitude of every input, ``(INPUTS,)`` or ``(INPUTS_WITH_WIDE,)``."""
    limits = np.full(INPUTS_WITH_WIDE if has_wide else INPUTS, float(COMPANDED_MAX))
    limits[STEP] = STEP_MAX
    limits[CONSTANT] = CONSTANT_VALUE
    limits[INPUTS:] = WIDE_MAX
    return limits


def lattice_of(band_DHW: NDArray[Any], phase: int) -> NDArray[Any]:
    """The coefficients of one phase, a strided view of the last three axes."""
    z, y, x = PHASES[phase]
    return band_DHW[..., z::2, y::2, x::2]
