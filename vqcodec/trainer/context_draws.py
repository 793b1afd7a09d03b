"""All that the context networks read of one encoded scan, without a row for every coefficient.

A row of inputs is 327 numbers, most of which its neighbours' rows hold too. A draw keeps the
arrays they come from, once, and where each input of each network lies in them; rows are
gathered where they are needed, by the thousand on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..entropy.coder import CodedSplit
from ..entropy.context_model import ContextModel
from ..entropy.level_contexts import LevelContexts
from ..entropy.levels import context_index
from ..entropy.neighbourhood import INPUTS_WITH_WIDE, lattice_of
from ..entropy.split_context import SplitContext
from ..entropy.tiling import tile_places
from ..entropy.trellis import Trellis, labels_of
from ..layout import BANDS, PHASES, SPLITS
from .context_samples import NETWORKS, Quantised, companding_tables

#: Shapes that sources have: with the borders of coefficients, of parents, with none, by tile.
SHAPES = 4
ROWS = (8192, 4096, 2048, 512, 96, 16)


@dataclass(frozen=True)
class SplitDraw:
    """What the networks of one split read of one scan.

    Attributes
    ----------
    values : ndarray of int8
        ``(V,)``, all sources one behind the other; the first is zero.
    bases : ndarray of int32
        ``(56, INPUTS_WITH_WIDE)``, where each input's source begins in ``values``.
    shapes : ndarray of int8
        Same shape: which of the corners is to be added; ``SHAPES`` for none.
    corners : ndarray of int32
        ``(56, rows, SHAPES + 1)``, where rows lie in sources of each shape.
    targets : ndarray of int16
        ``(56, rows)``, what is coded: quantised coefficients, or labels with a trellis.
    seconds : ndarray of int8
        ``(56, rows)``, 1 where a label is of the second quantiser.
    """

    values: NDArray[np.int8]
    bases: NDArray[np.int32]
    shapes: NDArray[np.int8]
    corners: NDArray[np.int32]
    targets: NDArray[np.int16]
    seconds: NDArray[np.int8]

    def rows(self, some: slice) -> NDArray[np.int8]:
        """Inputs of some rows of every network, ``(56, rows, INPUTS_WITH_WIDE)``."""
        picked = np.broadcast_to(
            self.shapes[:, None], (*self.targets[:, some].shape, self.shapes.shape[1])
        )
        places = np.take_along_axis(self.corners[:, some], picked.astype(np.int64), axis=2)
        gathered: NDArray[np.int8] = self.values[self.bases[:, None] + places]
        return gathered


class _Sources:
    """Arrays that readings come from, each kept once."""

    def __init__(self, fixed: tuple[int, ...]) -> None:
        self._arrays: list[NDArray[np.int8]] = [np.array(fixed, np.int8)]
        self._starts: dict[int, int] = {}
        self._size = len(fixed)

    def start_of(self, array: NDArray[np.int8]) -> int:
        """Where an array will begin; what it holds is read at the end."""
        address = array.__array_interface__["data"][0]
        if address not in self._starts:
            self._starts[address] = self._size
            self._arrays.append(array)
            self._size += array.size
        return self._starts[address]

    def joined(self) -> NDArray[np.int8]:
        """Everything, one behind the other."""
        return np.concatenate([array.reshape(-1) for array in self._arrays])


def _split_draw(
    context: SplitContext,
    support: NDArray[np.bool_],
    q: NDArray[np.int32],
    rows: int,
    rng: np.random.Generator,
    trellis: Trellis | None,
) -> SplitDraw:
    sources = _Sources((0,))
    shapes: dict[tuple[int, ...], int] = {}
    bases = np.zeros((NETWORKS, INPUTS_WITH_WIDE), np.int32)
    kinds = np.full(bases.shape, SHAPES, np.int8)
    corners = np.zeros((NETWORKS, rows, SHAPES + 1), np.int32)
    targets = np.zeros((NETWORKS, rows), np.int16)
    seconds = np.zeros((NETWORKS, rows), np.int8)
    states = np.zeros(q[0].size // len(PHASES), np.int8)
    for band in range(len(BANDS)):
        for phase in range(len(PHASES)):
            network = band * len(PHASES) + phase
            values = lattice_of(q[band], phase)
            coded = np.flatnonzero(lattice_of(support[band], phase))
            if len(coded):
                picks = coded[rng.integers(len(coded), size=rows)]
                what = values.reshape(-1)
                if trellis is not None:
                    what = labels_of(what)
                    seconds[network] = trellis.quantisers_of(states)[picks]
                    states[coded] = trellis.after(states[coded], what[coded])
                targets[network] = what[picks]
                columns = context.columns(band, phase)
                for reading in context.readings(band, phase):
                    read = columns[reading.rows]
                    bases[network, read] = sources.start_of(reading.source) + reading.starts
                    if reading.shape:
                        kinds[network, read] = shapes.setdefault(reading.shape, len(shapes))
                for shape, kind in shapes.items():
                    corners[network, :, kind] = context.corners(shape)[picks]
            context.store(band, phase, values)
    return SplitDraw(sources.joined(), bases, kinds, corners, targets, seconds)


def split_draws(
    quantised: Quantised,
    rng: np.random.Generator,
    rows: tuple[int, ...] = ROWS,
    model: ContextModel | None = None,
) -> Iterator[tuple[int, SplitDraw]]:
    """Draws of every split of a scan, coarsest first, with ``rows`` rows each.

    Parameters
    ----------
    model : ContextModel, optional
        That the scan was coded with, for its maps and whether it is for a trellis.
    """
    companding = companding_tables() if model is None else model.companding
    trellis, told = None, quantised.step_index
    if model is not None:
        trellis, told = model.groups[0].trellis, context_index(model, told)
    cut = tile_places(quantised.geometry.foreground.shape)
    levels = LevelContexts(companding, quantised.geometry, told)
    for split in range(SPLITS - 1, -1, -1):
        places = cut if split <= 1 else None
        context, support = levels.start(split, places)
        q = context.tiling.cut(quantised.splits[split])
        yield split, _split_draw(context, support, q, rows[split], rng, trellis)
        levels.record(split, context, CodedSplit(q, None), places)
