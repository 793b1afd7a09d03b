"""Integer inputs of the context networks: what is decoded already around a coefficient.

For a coefficient of one band and phase the inputs are, each as a companded magnitude and a
companded signed value: the 26 neighbours in its band (those of earlier phases), the centre
and six faces in every earlier band of the same split, the 27 nearest in the same band of the
next coarser split and the centre and six faces in its other six bands; then the foreground
fraction of the cell and its six neighbours, the quantiser step and a constant. Inputs that
are not decoded yet do not exist for that phase; the columns keep their numbers.

Bands are held as their eight interleaved lattices with a border of one, so that every input
of a whole phase is a contiguous view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
CONSTANT_VALUE = 16
STEP_MAX = 120
COMPANDED_MAX = 48

MAGNITUDE, SIGNED = 0, 1


@dataclass(frozen=True)
class Input:
    """One column and where its values lie.

    Attributes
    ----------
    column : int
        Row of the first weight matrix.
    kind : str
        ``own`` (same split), ``parent`` (next coarser split), ``fraction``, ``step`` or
        ``constant``.
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


@cache
def inputs_of(band: int, phase: int, has_parent: bool) -> tuple[Input, ...]:
    """Inputs that exist for a band and phase, by ascending column."""
    found = [*_own_inputs(band, phase), *_side_inputs(phase)]
    if has_parent:
        found += _parent_inputs(band)
    return tuple(sorted(found, key=lambda entry: entry.column))


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


def _side_inputs(phase: int) -> Iterator[Input]:
    for k, offset in enumerate(CROSS):
        lattice, shift = _corner_and_shift(phase, offset)
        yield Input(FRACTIONS + k, "fraction", MAGNITUDE, 0, lattice, shift)
    yield Input(STEP, "step")
    yield Input(CONSTANT, "constant")


def input_limits() -> NDArray[np.float64]:
    """Largest magnitude of every input, ``(INPUTS,)``."""
    limits = np.full(INPUTS, float(COMPANDED_MAX))
    limits[STEP] = STEP_MAX
    limits[CONSTANT] = CONSTANT_VALUE
    return limits


def lattice_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Shape that every lattice of a band is padded to: half the band, rounded up."""
    d, h, w = (-(-n // 2) for n in shape)
    return d, h, w


def lattice_of(band_DHW: NDArray[Any], phase: int) -> NDArray[Any]:
    """The coefficients of one phase, a strided view."""
    z, y, x = PHASES[phase]
    return band_DHW[z::2, y::2, x::2]


class SplitContext:
    """What is decoded of one split, in the form that the context networks read.

    Parameters
    ----------
    shape : sequence of int
        ``(d, h, w)`` of a band.
    parent : ndarray of int32 or None
        Decoded bands of the next coarser split, ``(7, d', h', w')``.
    fractions : ndarray of uint8
        Foreground eighths of this split's cells, ``(d, h, w)``.
    step_index : int
        The quantiser step is ``2 ** (-step_index / 64)``.
    magnitude_map, signed_map : ndarray of int8
        Companding tables over ``abs(q)``; the last entry stands for all above.
    """

    def __init__(
        self,
        shape: Sequence[int],
        parent: NDArray[np.int32] | None,
        fractions: NDArray[np.uint8],
        step_index: int,
        magnitude_map: NDArray[np.int8],
        signed_map: NDArray[np.int8],
    ) -> None:
        self.lattice_shape = lattice_shape(shape)
        self.has_parent = parent is not None
        self._magnitude_map = magnitude_map
        self._signed_map = signed_map
        self._step = min(max(step_index >> 3, 0), STEP_MAX)
        bordered = tuple(n + 2 for n in self.lattice_shape)
        self._own = np.zeros((len(BANDS), len(CORNERS), 2, *bordered), np.int8)
        self._fractions = np.zeros((len(CORNERS), *bordered), np.int8)
        for phase in range(len(PHASES)):
            self._place(self._fractions[self._corner(phase)], lattice_of(fractions, phase))
        if parent is not None:
            self._parent = np.zeros((len(BANDS), 2, *(n + 2 for n in parent.shape[1:])), np.int8)
            inner = self._parent[:, :, 1:-1, 1:-1, 1:-1]
            inner[:, MAGNITUDE], inner[:, SIGNED] = self._compand(parent)

    @staticmethod
    def _corner(phase: int) -> int:
        return CORNERS.index(PHASES[phase])

    @staticmethod
    def _place(bordered: NDArray[Any], values: NDArray[Any]) -> None:
        d, h, w = values.shape
        bordered[1 : d + 1, 1 : h + 1, 1 : w + 1] = values

    def _compand(self, q: NDArray[np.int32]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        clipped = np.minimum(np.abs(q), len(self._magnitude_map) - 1)
        signed = self._signed_map[clipped]
        return self._magnitude_map[clipped], np.where(q < 0, -signed, signed)

    def store(self, band: int, phase: int, q_DHW: NDArray[np.int32]) -> None:
        """Record the coefficients of a phase, shape of :func:`lattice_of`."""
        magnitude, signed = self._compand(q_DHW)
        target = self._own[band, self._corner(phase)]
        self._place(target[MAGNITUDE], magnitude)
        self._place(target[SIGNED], signed)

    def inputs(self, band: int, phase: int) -> tuple[Input, ...]:
        """Columns of :meth:`matrix` for a band and phase."""
        return inputs_of(band, phase, self.has_parent)

    def matrix(self, band: int, phase: int, start: int, stop: int) -> NDArray[np.int8]:
        """Inputs of lattice rows ``start`` to ``stop`` along axis 0.

        Returns
        -------
        ndarray of int8
            ``(len(inputs), stop - start, h, w)``.
        """
        _, h, w = self.lattice_shape
        entries = self.inputs(band, phase)
        out = np.empty((len(entries), stop - start, h, w), np.int8)
        for row, entry in zip(out, entries, strict=True):
            row[...] = self._view(entry, start, stop)
        return out

    def _view(self, entry: Input, start: int, stop: int) -> NDArray[np.int8] | int:
        if entry.kind == "constant":
            return CONSTANT_VALUE
        if entry.kind == "step":
            return self._step
        if entry.kind == "parent":
            source = self._parent[entry.band, entry.part]
        elif entry.kind == "fraction":
            source = self._fractions[entry.lattice]
        else:
            source = self._own[entry.band, entry.lattice, entry.part]
        _, h, w = self.lattice_shape
        z, y, x = entry.shift
        view: NDArray[np.int8] = source[
            start + 1 + z : stop + 1 + z,
            1 + y : h + 1 + y,
            1 + x : w + 1 + x,
        ]
        return view
