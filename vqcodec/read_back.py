"""Reading a file back as soon as it is made, beside whatever else is done with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from .frame_grids import DecodedFrame, EntropyModel
from .vqz import VQZ


@contextmanager
def read_back(vqz: VQZ, model: EntropyModel, written: Sequence[DecodedFrame]) -> Iterator[None]:
    """Decode a file's streams in a thread, and hold them against what was written to them.

    Entropy decoding keeps one core busy, synthesis and restoration (what the block does) the
    others.

    Parameters
    ----------
    written : sequence of DecodedFrame
        What the streams are to decode to.

    Raises
    ------
    FormatError
        They decode to something else. It is raised when the block ends.
    """
    with ThreadPoolExecutor(1, "read-back") as pool:
        checked = pool.submit(_check, vqz, model, written)
        yield
        checked.result()


def _check(vqz: VQZ, model: EntropyModel, written: Sequence[DecodedFrame]) -> None:
    for found, wanted in zip(vqz.decode_codes(model), written, strict=True):
        arrays = [(found.foreground, wanted.foreground)]
        arrays += [(found.grids[name], grid) for name, grid in wanted.grids.items()]
        arrays += [
            (one, other)
            for one, other in zip(found.offsets, wanted.offsets, strict=True)
            if one is not None and other is not None
        ]
        if not all(np.array_equal(one, other) for one, other in arrays):
            raise RuntimeError("a file does not decode to what was written to it")
