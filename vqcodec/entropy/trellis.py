"""Trellis-coded quantisation: two quantisers, and the state that says which of them is next.

Coders ``context-tiles-2`` and ``-3`` code *labels*. Label ``k`` stands for the even integer
``2 k`` with the first quantiser, and for the odd one ``2 k - sign(k)`` (or zero) with the second.
Every site of the lattices of a split has a state, 0 before its first coefficient; the first half
of the states uses the first quantiser, the others the second, and the parity of each label leads
to the next state. An encoder that looks ahead has a lattice twice as fine as the labels it pays
for, and the more states there are, the less error it is left with.

Source: dependent quantisation of ITU-T H.266 (Schwarz et al., Hybrid video coding with
trellis-coded quantization, DCC 2019), along the bands and phases of a site, so that all sites are
decoded at once. Eight states: of all linear ones that leave the least error (after Ungerboeck,
Channel coding with multilevel/phase signals, 1982), that which costs least where little is coded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelUnavailableError

QUANTISERS = 2
MOST_STATES = 64


@dataclass(frozen=True)
class Trellis:
    """States of the sites and how labels lead from one to the next.

    Attributes
    ----------
    next_states : tuple of (int, int)
        State after a label, by state and the label's parity. Even labels lead from different
        states to different ones, and so do odd ones.

    Raises
    ------
    ModelUnavailableError
        If that is not so.
    """

    next_states: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        count = len(self.next_states)
        every = np.arange(count)[:, None]
        is_even = count % QUANTISERS == 0 and 0 < count <= MOST_STATES
        if not is_even or np.any(np.sort(np.array(self.next_states), axis=0) != every):
            raise ModelUnavailableError("states of a trellis do not lead from one to the next")

    @cached_property
    def _next(self) -> NDArray[np.int8]:
        return np.array(self.next_states, np.int8)

    @cached_property
    def before(self) -> NDArray[np.int64]:
        """State before a label, by its parity and the state after it, ``(2, states)``."""
        found: NDArray[np.int64] = np.argsort(self._next, axis=0).T
        return found

    def quantisers_of(self, states: NDArray[np.signedinteger[Any]]) -> NDArray[np.int64]:
        """Which quantiser comes next: 0 or 1 for each state."""
        return (states >= len(self.next_states) // QUANTISERS).astype(np.int64)

    def after(self, states: NDArray[np.int8], labels: NDArray[np.int64]) -> NDArray[np.int8]:
        """States after labels."""
        following: NDArray[np.int8] = self._next[states, labels & 1]
        return following


#: Of coder ``context-tiles-2``.
FOUR_STATES = Trellis(((0, 2), (2, 0), (1, 3), (3, 1)))
#: Of vqcodec's models for coder ``context-tiles-3``.
EIGHT_STATES = Trellis(((0, 4), (2, 5), (4, 0), (5, 2), (6, 3), (3, 6), (1, 7), (7, 1)))


def integers_of(labels: NDArray[np.int64], quantisers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers that labels stand for."""
    integers: NDArray[np.int64] = 2 * labels - np.sign(labels).astype(np.int64) * quantisers
    return integers


def labels_of(integers: NDArray[Any]) -> NDArray[Any]:
    """Labels of integers, whichever quantiser they are of."""
    labels: NDArray[Any] = np.sign(integers) * ((np.abs(integers) + 1) >> 1)
    return labels
