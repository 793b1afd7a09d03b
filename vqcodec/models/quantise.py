"""Choosing integers for coefficients: rate-distortion optimised, table by table.

For a coefficient c (in steps) the candidates are the nearest integer, the next one towards
zero, and zero; the one with the least ``(c - reconstruction)**2 + trade * bits`` wins, where
the bits are those of the shipped table that will code it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..entropy.coder import Phase, SplitModel
from ..entropy.frame import LARGEST_VALUE
from ..entropy.neighbourhood import lattice_of, lattice_shape
from ..entropy.tables import ESCAPE, FREQUENCY_TOTAL, symbols_of

ESCAPE_BITS = 8.0


@dataclass(frozen=True)
class RateDistortion:
    """Encoder trade-off.

    Attributes
    ----------
    trade : float
        Squared error, in squared steps, that one bit is worth (lambda).
    """

    trade: float = 0.08


def table_bits(model: SplitModel) -> NDArray[np.float32]:
    """Code length of every symbol of every table, in bits, ``(CLASSES, SYMBOLS)``."""
    bits = -np.log2(model.tables.frequencies / FREQUENCY_TOTAL)
    bits[:, ESCAPE] += ESCAPE_BITS
    return bits.astype(np.float32)


def coefficients_of_phase(scaled_BDHW: NDArray[np.float32], at: Phase) -> NDArray[np.float32]:
    """Coefficients (in steps) of a phase in coding order, ``(N,)``."""
    band = scaled_BDHW[at.band]
    padded = np.zeros(lattice_shape(band.shape), np.float32)
    part = lattice_of(band, at.phase)
    padded[: part.shape[0], : part.shape[1], : part.shape[2]] = part
    values: NDArray[np.float32] = padded.reshape(-1)[at.coded]
    return values


def rate_distortion_quantiser(
    scaled_BDHW: NDArray[np.float32],
    model: SplitModel,
    points: NDArray[np.float32],
    settings: RateDistortion,
) -> Callable[[Phase], NDArray[np.int64]]:
    """Quantiser of one split.

    Parameters
    ----------
    scaled_BDHW : ndarray of float32
        Coefficients divided by the step.
    points : ndarray of float32
        ``(256,)``, the first-stage codebook: where entry ``k`` is reconstructed, in steps.
    """
    bits = table_bits(model)
    shrink = np.arange(128, dtype=np.float32) - points[128:]

    def cost(
        magnitude: NDArray[np.float32],
        candidate: NDArray[np.int64],
        sign: NDArray[np.int64],
        at: Phase,
    ) -> NDArray[np.float32]:
        reconstructed = candidate - shrink[np.minimum(candidate, 127)]
        symbols = symbols_of(at.classes.residual(sign * candidate))
        price: NDArray[np.float32] = bits[at.classes.table, symbols]
        total: NDArray[np.float32] = (magnitude - reconstructed) ** 2 + settings.trade * price
        return total

    def quantise(at: Phase) -> NDArray[np.int64]:
        c = coefficients_of_phase(scaled_BDHW, at)
        magnitude = np.minimum(np.abs(c), np.float32(LARGEST_VALUE))
        out = np.zeros(c.shape, np.int64)
        busy = np.flatnonzero((magnitude >= 0.5) | (at.classes.base > 0))
        if busy.size == 0:
            return out
        narrowed = Phase(at.band, at.phase, at.coded[busy], at.classes.take(busy))
        m = magnitude[busy]
        sign = np.where(c[busy] < 0, -1, 1).astype(np.int64)
        nearest = np.floor(m + 0.5).astype(np.int64)
        best, least = nearest, cost(m, nearest, sign, narrowed)
        for candidate in (np.maximum(nearest - 1, 0), np.zeros_like(nearest)):
            price = cost(m, candidate, sign, narrowed)
            better = price < least
            best, least = np.where(better, candidate, best), np.where(better, price, least)
        out[busy] = sign * best
        return out

    return quantise
