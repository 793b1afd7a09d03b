"""Reading a file back as soon as it is made, beside whatever else is done with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frame_grids import DecodedFrame, EntropyModel
from .vqz import VQZ


@contextmanager
def read_back(vqz: VQZ, model: EntropyModel, written: Sequence[DecodedFrame]) -> Iterator[None]:
    """Decode a file's streams in a thread, and hold them against what was written to them.

    Where entropy decoding leaves a core idle, what the block does (synthesis, restoration) takes
    it, and the other way round.

    Parameters
    ----------
    written : sequence of DecodedFrame
        What the streams are to decode to.

    Raises
    ------
    FormatError
        They do not decode to codes of the hash in the header. Raised when the block ends.
    RuntimeError
        They decode to something else than was written: a bug. Likewise.
    """
    with ThreadPoolExecutor(1, "read-back") as pool:
        checked = pool.submit(_check, vqz, model, written)
        yield
        checked.result()


def _check(vqz: VQZ, model: EntropyModel, written: Sequence[DecodedFrame]) -> None:
    for found, wanted in zip(vqz.decode_codes(model), written, strict=True):
        if not _same(found, wanted):
            raise RuntimeError("a file does not decode to what was written to it")


def _same(one: DecodedFrame, other: DecodedFrame) -> bool:
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = [
        (one.region, other.region),
        (one.foreground, other.foreground),
    ]
    pairs += [(one.grids[name], grid) for name, grid in other.grids.items()]
    for mine, theirs in zip(one.offsets, other.offsets, strict=True):
        if (mine is None) != (theirs is None):
            return False
        if mine is not None and theirs is not None:
            pairs.append((mine, theirs))
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs)
