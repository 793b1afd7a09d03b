"""Labels of a split that are cheapest together: the Viterbi algorithm along each site.

The cost of a coefficient is that of :mod:`vqcodec.models.quantise`, ``weight * (c -
reconstruction)**2 + trade * bits``. Which of the two quantisers it is coded with depends on the
parities of the labels before it, so the encoder keeps the best way into each state of the trellis
and decides at the end of the site. The tables that will code a label are not known before its
neighbours' labels are: those of a provisional coding stand in for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..entropy.coder import Ahead, Phase, Quantiser
from ..entropy.levels import LARGEST_VALUE, Look
from ..entropy.split_model import SplitModel
from ..entropy.support import shifted_or
from ..entropy.tables import CLASSES, ESCAPE, LARGEST_SYMBOL_VALUE
from ..entropy.trellis import QUANTISERS, Trellis
from ..grids import ENTRIES, ZERO_ENTRY
from ..layout import BANDS, PHASES
from .quantise import Targets, centroid_shifts, of_phase, rounded, table_bits

PROVISIONAL_ROUNDING = 0.38
#: Dead zone of each quantiser where nothing is looked ahead at, in steps of the lattice.
GREEDY_ROUNDING = (0.4, 0.2)
#: Smaller coefficients, in steps of the lattice, get the label zero and are not looked at.
LEAST_CODED = 0.75
SITES_AT_ONCE = 1 << 14
#: Bands times phases: coefficients of a site.
COEFFICIENTS = len(BANDS) * len(PHASES)
IMPOSSIBLE = np.float32(1e18)


@dataclass(frozen=True)
class _Sites:
    """Coefficients of a split by coding order and site, all ``(56, sites)``; see ``Classes``.

    What is coded and does not matter gets the label zero.
    """

    is_coded: NDArray[np.bool_]
    matters: NDArray[np.bool_]
    c: NDArray[np.float32]
    weight: NDArray[np.float32] | None
    table: NDArray[np.int16]
    sign: NDArray[np.int8]
    base: NDArray[np.int32]

    def at(self, phases: slice | int, sites: slice | NDArray[np.intp]) -> _Sites:
        """Some of the phases and sites; of one phase, all are ``(sites,)``."""
        weight = None if self.weight is None else self.weight[phases, sites]
        return _Sites(
            self.is_coded[phases, sites],
            self.matters[phases, sites],
            self.c[phases, sites],
            weight,
            self.table[phases, sites],
            self.sign[phases, sites],
            self.base[phases, sites],
        )


def greedy_quantiser(targets: Targets) -> Quantiser:
    """Quantiser that looks at nothing but the coefficient and the state."""

    def quantise(at: Phase) -> NDArray[np.int64]:
        c = np.clip(of_phase(targets.scaled, at), -LARGEST_VALUE, LARGEST_VALUE)
        second = np.zeros(len(c), np.int64) if at.quantisers is None else at.quantisers
        rounding = np.asarray(GREEDY_ROUNDING, np.float32)[second]
        return rounded(c / 2, rounding + second / 2)

    return quantise


def trellis_quantiser(
    targets: Targets,
    model: SplitModel,
    trellis: Trellis,
    codebook: NDArray[np.float32],
    trade: float,
    look: Look,
) -> Quantiser:
    """Quantiser of one split that trades distortion for rate.

    Parameters
    ----------
    targets : Targets
        In steps of the lattice, which are half of a label's.
    codebook : ndarray of float32
        ``(256,)``, the first-stage codebook, in the same steps.
    trade : float
        Squared error, in squared steps of the lattice, that one bit is worth (lambda).
    look : callable
        Gives all phases of the split with tables for provisional labels.
    """

    def provisional(at: Phase) -> NDArray[np.int64]:
        c = np.clip(of_phase(targets.scaled, at) / 2, -(LARGEST_VALUE // 2), LARGEST_VALUE // 2)
        return rounded(c, PROVISIONAL_ROUNDING)

    matters = _near(np.abs(targets.scaled) >= LEAST_CODED)
    sites = _sites_of(targets, look(matters, provisional))
    prices = _Prices(model, codebook, trade)
    labels = np.zeros(sites.c.shape, np.int32)
    for start in range(0, sites.c.size // len(sites.c), SITES_AT_ONCE):
        some = slice(start, start + SITES_AT_ONCE)
        labels[:, some] = cheapest_labels(sites.at(slice(None), some), prices, trellis)

    def quantise(at: Phase) -> NDArray[np.int64]:
        chosen: NDArray[np.int64] = labels[at.band * len(PHASES) + at.phase, at.coded].astype(
            np.int64
        )
        return chosen

    return quantise


def _near(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where any of the 3x3x3 coefficients around was found, in bands ``(7, tiles, d, h, w)``."""
    near: NDArray[np.bool_] = found.copy()
    for axis in (-3, -2, -1):
        planes = np.moveaxis(near, axis, 0)
        before = planes.copy()
        shifted_or(planes, before, -1)
        shifted_or(planes, before, 1)
    return near


def _sites_of(targets: Targets, phases: Iterable[Ahead]) -> _Sites:
    shape = (COEFFICIENTS, targets.scaled.size // COEFFICIENTS)
    weight = None if targets.weights is None else np.zeros(shape, np.float32)
    sites = _Sites(
        np.zeros(shape, bool),
        np.zeros(shape, bool),
        np.zeros(shape, np.float32),
        weight,
        np.zeros(shape, np.int16),
        np.ones(shape, np.int8),
        np.zeros(shape, np.int32),
    )
    for number, ahead in enumerate(phases):
        at = ahead.at
        where = at.coded
        sites.is_coded[number, ahead.coded] = True
        sites.matters[number, where] = True
        c = of_phase(targets.scaled, at)
        sites.c[number, where] = np.clip(c, -LARGEST_VALUE, LARGEST_VALUE)
        if weight is not None and targets.weights is not None:
            weight[number, where] = of_phase(targets.weights, at)
        sites.table[number, where] = at.classes.table
        sites.sign[number, where] = at.classes.sign
        sites.base[number, where] = at.classes.base
    return sites


class _Prices:
    """What a label costs."""

    def __init__(self, model: SplitModel, codebook: NDArray[np.float32], trade: float) -> None:
        self._bits = np.float32(trade) * table_bits(model)
        self._offsets = model.offsets
        self._moved = centroid_shifts(codebook)

    def of(self, labels: NDArray[np.int32], quantiser: int, at: _Sites) -> NDArray[np.float32]:
        """Cost of a label for each coefficient of one phase, ``(N,)``."""
        residual = at.sign * labels - at.base
        symbols = residual + LARGEST_SYMBOL_VALUE
        symbols[np.abs(residual) > LARGEST_SYMBOL_VALUE] = ESCAPE
        tables = at.table + quantiser * CLASSES if quantiser else at.table
        q = 2 * labels - np.sign(labels) if quantiser else 2 * labels
        error = at.c - q
        error -= self._moved[np.clip(q + ZERO_ENTRY, 0, ENTRIES - 1)]
        if self._offsets is not None:
            error -= at.sign * self._offsets[tables, symbols]
        error *= error
        if at.weight is not None:
            error *= at.weight
        error += self._bits[tables, symbols]
        return error


def _candidates(at: _Sites, prices: _Prices) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Least cost and its label, by quantiser and parity, ``(2, 2, N)`` each."""
    costs = np.empty((QUANTISERS, 2, len(at.c)), np.float32)
    labels = np.empty(costs.shape, np.int32)
    signs = np.where(at.c < 0, -1, 1).astype(np.int32)
    for quantiser in range(QUANTISERS):
        size = (np.abs(at.c) + quantiser) / 2
        for parity in range(2):
            nearest = 2 * np.rint((size - parity) / 2).astype(np.int32) + parity
            np.maximum(nearest, parity, out=nearest)
            best = signs * nearest
            least = prices.of(best, quantiser, at)
            others = (signs * np.maximum(nearest - 2, parity), -signs if parity else 0 * signs)
            for tried in others:
                price = prices.of(tried, quantiser, at)
                better = price < least
                best, least = np.where(better, tried, best), np.where(better, price, least)
            labels[quantiser, parity], costs[quantiser, parity] = best, least
    return costs, labels


def cheapest_labels(sites: _Sites, prices: _Prices, trellis: Trellis) -> NDArray[np.int32]:
    """Labels ``(56, sites)`` of least total cost at each site; zero where none is coded."""
    before_even, before_odd = trellis.before
    quantiser = trellis.quantisers_of(np.arange(len(before_even)))
    totals = np.full((len(quantiser), sites.c.shape[1]), IMPOSSIBLE, np.float32)
    totals[0] = 0
    steps = []
    for number in range(len(sites.c)):
        quiet = np.flatnonzero(sites.is_coded[number] & ~sites.matters[number])
        totals[:, quiet] = totals[before_even, quiet[:, None]].T
        where = np.flatnonzero(sites.matters[number])
        costs, labels = _candidates(sites.at(number, where), prices)
        before = totals[:, where]
        is_odd = np.empty(before.shape, bool)
        for into, (even, odd) in enumerate(zip(before_even, before_odd, strict=True)):
            one = before[even] + costs[quantiser[even], 0]
            other = before[odd] + costs[quantiser[odd], 1]
            np.less(other, one, out=is_odd[into])
            totals[into, where] = np.minimum(one, other)
        steps.append((quiet, where, is_odd, labels))
    states = totals.argmin(axis=0)
    chosen = np.zeros(sites.c.shape, np.int32)
    for number in range(len(steps) - 1, -1, -1):
        quiet, where, is_odd, labels = steps[number]
        states[quiet] = before_even[states[quiet]]
        at = np.arange(len(where))
        into = states[where]
        parity = is_odd[into, at].astype(np.int64)
        states[where] = trellis.before[parity, into]
        chosen[number, where] = labels[quantiser[states[where]], parity, at]
    return chosen
