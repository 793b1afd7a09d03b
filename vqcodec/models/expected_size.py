"""What a frame is likely to take at a step, from how many of its coefficients are how large."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..header import STEP_INDEX_RANGE
from ..layout import STEPS_PER_OCTAVE, step_of

SIGNIFICANT = 0.6
#: Bits for each significant coefficient, for each bit of entropy of where those are, and for each
#: octave that one lies above the least significant: fitted to eight scans of ``train``, with and
#: without rate-distortion optimisation; the former less 1.2 %, which `vqcodec-t1-3` saves. Those of
#: a trellis, which is looked along or not, are fitted to seven at up to eight steps, and within 5 %
#: in nine of ten cases. By trellis and optimisation.
BITS = {
    (False, True): (4.031, -0.103, 0.666),
    (False, False): (0.042, 0.515, 1.536),
    (True, True): (4.993, -0.041, 0.0),
    (True, False): (4.03, 0.207, 0.0),
}

LOWEST, HIGHEST = STEP_INDEX_RANGE


@dataclass(frozen=True)
class Magnitudes:
    """Coefficients that are significant (above 0.6 of a step) at each step index from the lowest.

    Attributes
    ----------
    coded : int
        Coefficients that have codes.
    significant : ndarray of int64
        ``(indices,)``, how many of them are significant.
    log2_sums : ndarray of float64
        Sum of the logarithms of those.
    square_sums : ndarray of float64
        Sum of their squares.
    squares : float
        Sum of all squares.
    """

    coded: int
    significant: NDArray[np.int64]
    log2_sums: NDArray[np.float64]
    square_sums: NDArray[np.float64]
    squares: float

    def bits(self, step_index: int, is_optimised: bool, is_trellis: bool = False) -> float:
        """About the bits of all coefficients at a step; grows as the step shrinks.

        With a trellis, the step is that of a plain quantiser of the same error.
        """
        at = step_index - LOWEST
        significant = int(self.significant[at])
        if not significant:
            return 0.0
        share = min(significant / self.coded, 0.5)
        entropy = -share * math.log2(share) - (1 - share) * math.log2(1 - share)
        octaves = self.log2_sums[at] - significant * math.log2(SIGNIFICANT * step_of(step_index))
        by_value, by_place, by_octave = BITS[is_trellis, is_optimised]
        return float(by_value * significant + by_place * self.coded * entropy + by_octave * octaves)

    def squared_error(self, step_index: int) -> float:
        """About the squared error at a step.

        Coefficients that are not significant vanish, the others are off by anything up to half
        of a step.
        """
        at = step_index - LOWEST
        rounded = float(self.significant[at]) * step_of(step_index) ** 2 / 12
        return max(self.squares - float(self.square_sums[at]), 0.0) + rounded


def magnitudes_of(
    details: Iterable[NDArray[np.float32]], support: Sequence[NDArray[np.bool_]]
) -> Magnitudes:
    """Count the coefficients of a frame.

    Parameters
    ----------
    details : iterable of ndarray
        Six arrays ``(7, d, h, w)``, in units of the robust range.
    support : sequence of ndarray
        Same shapes: which of them have codes.
    """
    indices = HIGHEST - LOWEST + 1
    counts = np.zeros(indices + 1, np.int64)
    log2_sums, square_sums = np.zeros(indices + 1), np.zeros(indices + 1)
    for part, coded in _bands(details, support):
        size = np.abs(part[coded])
        size = size[size > 0]
        log2 = np.log2(size)
        first = np.floor(STEPS_PER_OCTAVE * (math.log2(SIGNIFICANT) - log2)) + (1 - LOWEST)
        place = np.clip(first, 0, indices).astype(np.int64)
        counts += np.bincount(place, minlength=indices + 1)
        log2_sums += np.bincount(place, log2, indices + 1)
        square_sums += np.bincount(place, size * size, indices + 1)
    return Magnitudes(
        coded=sum(int(np.count_nonzero(coded)) for coded in support),
        significant=np.cumsum(counts)[:-1],
        log2_sums=np.cumsum(log2_sums)[:-1],
        square_sums=np.cumsum(square_sums)[:-1],
        squares=float(square_sums.sum()),
    )


def _bands(
    details: Iterable[NDArray[np.float32]], support: Sequence[NDArray[np.bool_]]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """A band at a time, to need little memory."""
    for parts, coded in zip(details, support, strict=True):
        yield from zip(parts, coded, strict=True)
