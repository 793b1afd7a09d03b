"""Choosing integers for coefficients, table by table.

For a coefficient c (in steps) the candidates are the nearest integer, the next one towards
zero, and zero; the one with the least ``weight * (c - reconstruction)**2 + trade * bits`` wins,
where the bits are those of the shipped table that will code it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..entropy.coder import Phase, Quantiser
from ..entropy.levels import LARGEST_VALUE
from ..entropy.neighbourhood import lattice_of
from ..entropy.split_model import SplitModel
from ..entropy.tables import ESCAPE, FREQUENCY_TOTAL, symbols_of
from ..grids import ENTRIES, ZERO_ENTRY

ESCAPE_BITS = 8.0
DEADZONE_ROUNDING = 0.4


@dataclass(frozen=True)
class Targets:
    """Coefficients of one split that are to be coded.

    Attributes
    ----------
    scaled : ndarray of float32
        ``(7, tiles, d, h, w)``, divided by the step.
    weights : ndarray of float32 or None
        Same shape: what the squared error of each counts.
    """

    scaled: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None


def table_bits(model: SplitModel) -> NDArray[np.float32]:
    """Code length of every symbol of every table, in bits, ``(CLASSES, SYMBOLS)``."""
    bits = -np.log2(model.tables.frequencies / FREQUENCY_TOTAL)
    bits[:, ESCAPE] += ESCAPE_BITS
    return bits.astype(np.float32)


def of_phase(values: NDArray[np.float32], at: Phase) -> NDArray[np.float32]:
    """Values ``(7, tiles, d, h, w)`` of a phase in coding order, ``(N,)``."""
    picked: NDArray[np.float32] = lattice_of(values[at.band], at.phase).reshape(-1)[at.coded]
    return picked


def deadzone_quantiser(targets: Targets) -> Quantiser:
    """Quantiser that looks at nothing but the coefficient."""

    def quantise(at: Phase) -> NDArray[np.int64]:
        c = of_phase(targets.scaled, at)
        return rounded(np.clip(c, -LARGEST_VALUE, LARGEST_VALUE), DEADZONE_ROUNDING)

    return quantise


def rounded(c: NDArray[Any], rounding: float | NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers below ``|c| + rounding``, with the sign of ``c``; half is no dead zone."""
    whole = np.floor(np.abs(c) + rounding).astype(np.int64)
    signed: NDArray[np.int64] = np.where(c < 0, -whole, whole)
    return signed


def centroid_shifts(codebook: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each first-stage entry, ``(256,)``, lies from the integer it stands for."""
    entries = np.arange(-ZERO_ENTRY, ENTRIES - ZERO_ENTRY, dtype=np.float32)
    shifts: NDArray[np.float32] = codebook - entries
    return shifts


def rate_distortion_quantiser(
    targets: Targets, model: SplitModel, codebook: NDArray[np.float32], trade: float
) -> Quantiser:
    """Quantiser of one split that trades distortion for rate.

    Parameters
    ----------
    codebook : ndarray of float32
        ``(256,)``, the first-stage codebook: where entry ``k`` is reconstructed, in steps.
    trade : float
        Squared error, in squared steps, that one bit is worth (lambda).
    """
    bits = table_bits(model)
    moved = centroid_shifts(codebook)

    def cost(
        c: NDArray[np.float32], q: NDArray[np.int64], weight: NDArray[np.float32] | None, at: Phase
    ) -> NDArray[np.float32]:
        symbols = symbols_of(at.classes.residual(q))
        error = c - q - moved[np.clip(q + ZERO_ENTRY, 0, ENTRIES - 1)]
        if model.offsets is not None:
            error -= at.classes.sign * model.offsets[at.classes.table, symbols]
        squared = error * error if weight is None else weight * error * error
        total: NDArray[np.float32] = squared + trade * bits[at.classes.table, symbols]
        return total

    def quantise(at: Phase) -> NDArray[np.int64]:
        every = of_phase(targets.scaled, at)
        out = np.zeros(every.shape, np.int64)
        busy = np.flatnonzero((np.abs(every) >= 0.5) | (at.classes.base > 0))
        if busy.size == 0:
            return out
        c = np.clip(every[busy], -LARGEST_VALUE, LARGEST_VALUE).astype(np.float32)
        weight = None if targets.weights is None else of_phase(targets.weights, at)[busy]
        narrowed = Phase(at.band, at.phase, at.coded[busy], at.bounds, at.classes.take(busy))
        sign = np.where(c < 0, -1, 1).astype(np.int64)
        nearest = np.floor(np.abs(c) + 0.5).astype(np.int64)
        best, least = nearest, cost(c, sign * nearest, weight, narrowed)
        for candidate in (np.maximum(nearest - 1, 0), np.zeros_like(nearest)):
            price = cost(c, sign * candidate, weight, narrowed)
            better = price < least
            best, least = np.where(better, candidate, best), np.where(better, price, least)
        out[busy] = sign * best
        return out

    return quantise
