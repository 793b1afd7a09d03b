"""Section 15 of the specification: tiles, and sums over wider windows."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np

from .container import leb128, require

Tile = tuple[int, ...]


def tiles_of(
    section: bytes, shape: tuple[int, ...], is_trimmed: bool
) -> Iterator[tuple[Tile, bytes]]:
    """Each tile of a box with its stream; ``shape`` is that of the coarse grid."""
    count = prod(shape)
    if is_trimmed:
        lengths, rest = [], section
        for _ in range(count):
            length, rest = leb128(rest, 40)
            lengths.append(length)
        start = len(section) - len(rest)
    else:
        require(len(section) >= 4 * count, "section is shorter than its lengths")
        lengths = [4 * words for words in struct.unpack_from(f"<{count}I", section)]
        start = 4 * count
    require(len(section) == start + sum(lengths), "tiles do not add up to their section")
    for tile, length in zip(product(*map(range, shape)), lengths, strict=True):
        yield tile, section[start : start + length]
        start += length


def is_inside(shape: tuple[int, ...], split: int, tile: Tile | None) -> np.ndarray:
    """Which positions of a band are in a tile; all where the split is not cut."""
    places = np.moveaxis(np.indices(shape), 0, -1)
    return np.ones(shape, bool) if tile is None else (places >> (5 - split) == tile).all(axis=-1)


def window_sums(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """At every position p the sum over p + o for all offsets o from low to high on each axis."""
    for axis in (-3, -2, -1):
        n = values.shape[axis]
        lines = np.moveaxis(values, axis, -1)
        padded = np.pad(lines, [(0, 0)] * (values.ndim - 1) + [(-low, high)])
        summed = sum(padded[..., k : k + n] for k in range(high - low + 1))
        values = np.moveaxis(np.asarray(summed), -1, axis)
    return values


class WideSums:
    """Columns 283 to 310 for a split or a tile of it.

    Magnitudes are ``(7, d, h, w)`` of each split; those of the own one change while it is decoded.
    """

    def __init__(self, table: np.ndarray, own: np.ndarray) -> None:
        self.table, self.own = table, own
        self.parent: np.ndarray | None = None
        self.grandparent: np.ndarray | None = None
        self.means: list[int] = []

    def see_parent(self, parent: np.ndarray, eighths: np.ndarray, inside: np.ndarray) -> None:
        self.parent = window_sums(parent, -2, 2)
        cells = max(int(np.count_nonzero(eighths[inside])), 1)
        self.means = [min(16 * int(band[inside].sum()) // cells, 120) for band in parent]

    def see_grandparent(self, grandparent: np.ndarray) -> None:
        self.grandparent = window_sums(grandparent, -1, 1)

    def wide(self, sums: np.ndarray, p: np.ndarray) -> np.ndarray:
        return self.table[np.minimum(sums[tuple(p.T)], len(self.table) - 1)]

    def columns(self, band: int, number: int, p: np.ndarray) -> np.ndarray:
        x = np.zeros((len(p), 28), np.int64)
        for a in range(7):
            if self.parent is not None:
                x[:, a] = self.wide(self.parent[a], p >> 1)
                x[:, 14 + a] = self.means[a]
            if self.grandparent is not None:
                x[:, 7 + a] = self.wide(self.grandparent[a], p >> 2)
            if a < band:
                x[:, 21 + a] = self.wide(window_sums(self.own[a], -2, 3), p >> 1 << 1)
        if number > 0:
            x[:, 27] = self.wide(window_sums(self.own[band], -2, 3), p >> 1 << 1)
        return x
