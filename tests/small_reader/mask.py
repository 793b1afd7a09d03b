"""Section 11.6 of the specification: the mask stream."""

from __future__ import annotations

from itertools import product

import numpy as np

from .networks import Tensors, all_around, outputs
from .streams import Stream

LATTICES = ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1))
OFFSETS = [offset for offset in product(range(-2, 3), repeat=3) if offset != (0, 0, 0)]
WINDOW = list(product(range(-1, 3), repeat=3))


def decode_mask(data: bytes, shape: tuple[int, ...], tensors: Tensors) -> np.ndarray:
    """Foreground of ``shape``."""
    sides = [shape]
    while max(sides[-1]) > 2:
        sides.append(tuple((n + 1) // 2 for n in sides[-1]))
    stream = Stream(data, "trellis/next_states" in tensors)
    mask = np.array(stream.raw(int(np.prod(sides[-1])), 1)).reshape(sides[-1])
    for level in range(len(sides) - 2, -1, -1):
        mask = finer(stream, mask, sides[level], min(level, 2), tensors)
    return mask == 1


def finer(
    stream: Stream, coarse: np.ndarray, shape: tuple[int, ...], group: int, tensors: Tensors
) -> np.ndarray:
    known = np.zeros(shape, np.int64)
    known[::2, ::2, ::2] = np.where(coarse, 8, -8)
    surrounded = np.pad(coarse, 2)
    positions = np.argwhere(np.ones(shape, bool))
    for number in range(1, 8):
        here = positions[(positions % 2 == LATTICES[number]).all(axis=1)]
        if not len(here):
            continue
        windows = all_around(surrounded, 2, here // 2, WINDOW)
        inputs = np.full((len(here), len(OFFSETS) + 1), 8)
        padded = np.pad(known, 2, constant_values=-8)
        lattices = (np.array(LATTICES[number]) + OFFSETS) % 2
        is_known = [LATTICES.index((z, y, x)) < number for z, y, x in lattices.tolist()]
        inputs[:, :-1] = np.where(is_known, all_around(padded, 2, here, OFFSETS), 0)
        logits = outputs(tensors, "mask", 7 * group + number - 1, inputs)[:, 0]
        tables = np.clip((logits + (1 << 19)) >> 14, 0, 63)
        tables[windows.max(axis=1) == 0] = 64
        tables[windows.min(axis=1) == 1] = 65
        symbols = stream.grouped((66 * group + tables).tolist(), tensors["mask/tables"])
        known[tuple(here.T)] = np.where(np.array(symbols) == 1, 8, -8)
    return (known > 0).astype(np.int64)
