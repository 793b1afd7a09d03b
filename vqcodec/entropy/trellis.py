"""Trellis-coded quantisation: two quantisers, and the state that says which of them is next.

Coder ``context-tiles-2`` codes *labels*. Label ``k`` stands for the even integer ``2 k`` with the
first quantiser, and for the odd one ``2 k - sign(k)`` (or zero) with the second. Every site of the
lattices of a split has a state, 0 before its first coefficient; states 0 and 1 use the first
quantiser, 2 and 3 the second, and the parity of each label leads to the next state. An encoder
that looks ahead has a lattice twice as fine as the labels it pays for.

Source: dependent quantisation of ITU-T H.266 (Schwarz et al., Hybrid video coding with
trellis-coded quantization, DCC 2019), along the bands and phases of a site, so that all sites are
decoded at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: State after a label, by state and the label's parity.
NEXT_STATES = ((0, 2), (2, 0), (1, 3), (3, 1))
QUANTISERS = 2

_NEXT = np.array(NEXT_STATES, np.int8)


def quantisers_of(states: NDArray[np.int8]) -> NDArray[np.int64]:
    """Which quantiser comes next: 0 or 1 for each state."""
    return states.astype(np.int64) >> 1


def next_states(states: NDArray[np.int8], labels: NDArray[np.int64]) -> NDArray[np.int8]:
    """States after labels."""
    following: NDArray[np.int8] = _NEXT[states, labels & 1]
    return following


def integers_of(labels: NDArray[np.int64], quantisers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers that labels stand for."""
    integers: NDArray[np.int64] = 2 * labels - np.sign(labels).astype(np.int64) * quantisers
    return integers


def labels_of(integers: NDArray[Any]) -> NDArray[Any]:
    """Labels of integers, whichever quantiser they are of."""
    labels: NDArray[Any] = np.sign(integers) * ((np.abs(integers) + 1) >> 1)
    return labels
