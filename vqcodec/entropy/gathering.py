"""Rows of network inputs from flat arrays: the same places, seen from many displacements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Up to so many places, one look-up of all rows takes less time than one for each.
FEW = 512


def gather(
    source: NDArray[np.int8],
    starts: NDArray[np.intp],
    places: NDArray[np.intp],
    out: NDArray[np.int8],
) -> None:
    """Set ``out[row, n]`` to ``source[starts[row] + places[n]]``.

    Parameters
    ----------
    source : ndarray of int8
        Contiguous, of any shape; indices are flat.
    starts, places : ndarray of int
        ``(rows,)`` and ``(N,)``, none negative; no sum lies outside the source.
    out : ndarray of int8
        ``(rows, N)``, contiguous.
    """
    flat = source.reshape(-1)
    if len(places) <= FEW:
        flat.take(starts[:, None] + places, out=out, mode="clip")
        return
    for row, start in zip(out, starts.tolist(), strict=True):
        flat[start:].take(places, out=row, mode="clip")
