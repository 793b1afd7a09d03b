"""Sections 11.9 to 11.11, 15 and 18 of the specification: the level streams."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod

import numpy as np

from .container import require
from .geometry import coded_coefficients, foreground_eighths
from .networks import Tensors, all_around, outputs
from .streams import Stream
from .tiles import Tile, WideSums, is_inside, tiles_of

LATTICES = ((0, 0, 0), (1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0))
CUBE = list(product((-1, 0, 1), repeat=3))
RING = [offset for offset in CUBE if offset != (0, 0, 0)]
FOUR_STATES = np.array(((0, 2), (2, 0), (1, 3), (3, 1)))
CROSS = [(0, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
PLACES = (655, 1966, 3932, 6554, 10486, 16384, 26214, 39322, 55706, 78643, 111411, 163840)


class Split:
    """Decoded coefficients of a split, and their magnitudes and signed values with a border."""

    def __init__(self, shape: tuple[int, ...], tensors: Tensors) -> None:
        self.q = np.zeros((7, *shape), np.int64)
        self.maps = tensors["maps/magnitude"], tensors["maps/signed"]
        self.inputs = np.zeros((7, 2, *(n + 2 for n in shape)), np.int64)

    def store(self, band: int, lattice: tuple[int, int, int], places: np.ndarray, q: list) -> None:
        """Coefficients at ``places``, zeros in the rest of the lattice."""
        self.q[band][tuple(places.T)] = q
        z, y, x = lattice
        values = self.q[band, z::2, y::2, x::2]
        magnitude, signed = (part[np.minimum(abs(values), len(part) - 1)] for part in self.maps)
        inner = self.inputs[band, :, 1:-1, 1:-1, 1:-1]
        inner[0, z::2, y::2, x::2] = magnitude
        inner[1, z::2, y::2, x::2] = np.where(values < 0, -signed, signed)


def columns(
    own: Split, parent: Split | None, eighths: np.ndarray, step: int, band: int, p: np.ndarray
) -> np.ndarray:
    """Inputs ``(positions, 283)`` of coefficients at ``p``."""
    x = np.zeros((len(p), 283), np.int64)
    for part in (0, 1):
        first = 26 * part
        x[:, first : first + 26] = all_around(own.inputs[band, part], 1, p, RING)
        for sibling in range(band):
            first = 52 + 14 * sibling + 7 * part
            x[:, first : first + 7] = all_around(own.inputs[sibling, part], 1, p, CROSS)
        if parent is not None:
            first = 136 + 27 * part
            x[:, first : first + 27] = all_around(parent.inputs[band, part], 1, p >> 1, CUBE)
            for j, other in enumerate([other for other in range(7) if other != band]):
                first = 190 + 14 * j + 7 * part
                values = all_around(parent.inputs[other, part], 1, p >> 1, CROSS)
                x[:, first : first + 7] = values
    x[:, 274:281] = all_around(np.pad(eighths, 1), 1, p, CROSS)
    x[:, 281] = min(max(step >> 3, 0), 120)
    x[:, 282] = 16
    return x


def decode_lattice(
    stream: Stream,
    tensors: Tensors,
    group: str,
    network: int,
    inputs: np.ndarray,
    second: np.ndarray,
) -> list[int]:
    """What is coded of one lattice, in raster order: coefficients, or labels with a trellis.

    ``second`` is 1 where a label is of the second quantiser.
    """
    location, scale = outputs(tensors, group, network, inputs).T
    place = (abs(location)[:, None] >= np.array(PLACES)).sum(axis=1)
    table = 13 * np.clip((scale + 360448) >> 14, 0, 47) + place
    base = np.where(place == 12, (abs(location) + 32768) >> 16, 0)
    table = table + 624 * second
    read = stream.in_order if is_tiled(tensors) else stream.grouped
    symbols = read(table.tolist(), tensors[f"{group}/symbols"])
    residuals = [symbol - 8 for symbol in symbols]
    escapes = [index for index, symbol in enumerate(symbols) if symbol == 17]
    rows = [table[index] % 624 // 13 if is_tiled(tensors) else 0 for index in escapes]
    values = stream.signed(rows, tensors[f"{group}/escapes"])
    for index, e in zip(escapes, values, strict=True):
        residuals[index] = e + 8 if e > 0 else e - 8 if e < 0 else 0
    signs = np.where(location < 0, -1, 1)
    return [int(s) * (r + int(b)) for s, r, b in zip(signs, residuals, base, strict=True)]


def is_tiled(tensors: Tensors) -> bool:
    """Whether the model is for a coder whose fine level is cut into tiles."""
    return "maps/wide" in tensors


def is_trellis(tensors: Tensors) -> bool:
    """Whether the model is for coder ``context-tiles-2`` or ``-3``."""
    return len(tensors["contexts/0/symbols"]) == 1248


def is_trimmed(tensors: Tensors) -> bool:
    """Whether the model is for coder ``context-tiles-3``."""
    return "trellis/next_states" in tensors


def told_step(step: int, tensors: Tensors) -> int:
    """Step index that networks are told."""
    return step - 64 if is_trellis(tensors) else step


class Frame:
    """What is known of a frame before its coefficients are read."""

    def __init__(self, foreground: np.ndarray, step: int, tensors: Tensors) -> None:
        self.step, self.tensors = told_step(step, tensors), tensors
        self.coded, self.eighths = coded_coefficients(foreground), foreground_eighths(foreground)

    def decode_split(
        self, stream: Stream, split: int, coarser: Mapping[int, Split], tile: Tile | None = None
    ) -> Split:
        """Coefficients of a split, or of one tile of it: the others are as if there were none."""
        tensors, eighths = self.tensors, self.eighths
        own = Split(eighths[split].shape, tensors)
        parent, grandparent = coarser.get(split + 1), coarser.get(split + 2)
        wide = None
        if is_tiled(tensors):
            wide = WideSums(tensors["maps/wide"], own.inputs[:, 0, 1:-1, 1:-1, 1:-1])
            if parent is not None:
                inside = is_inside(eighths[split + 1].shape, split + 1, tile)
                wide.see_parent(parent.inputs[:, 0, 1:-1, 1:-1, 1:-1], eighths[split + 1], inside)
            if grandparent is not None:
                wide.see_grandparent(grandparent.inputs[:, 0, 1:-1, 1:-1, 1:-1])
        following = np.asarray(tensors.get("trellis/next_states", FOUR_STATES), np.int64)
        states = np.zeros([-(-n // 2) for n in eighths[split].shape], np.int64)
        group, here = f"contexts/{min(split, 3)}", is_inside(eighths[split].shape, split, tile)
        for band, number in product(range(7), range(8)):
            places = np.argwhere(self.coded[split][band] & here)
            places = places[(places % 2 == LATTICES[number]).all(axis=1)]
            if not len(places):
                continue
            x = columns(own, parent, eighths[split], self.step, band, places)
            if wide is not None:
                x = np.concatenate((x, wide.columns(band, number, places)), axis=1)
            site = tuple((places >> 1).T)
            second = states[site] // (len(following) // 2)
            q = decode_lattice(stream, tensors, group, 8 * band + number, x, second)
            if is_trellis(tensors):
                labels = np.array(q)
                states[site] = following[states[site], labels % 2]
                q = list(2 * labels - np.sign(labels) * second)
            own.store(band, LATTICES[number], places, q)
        return own


def decode_levels(
    streams: list[bytes], foreground: np.ndarray, step: int, tensors: Tensors
) -> tuple[list[np.ndarray], np.ndarray]:
    """Coefficients of the six splits, finest first, and the low-pass."""
    frame = Frame(foreground, step, tensors)
    trimmed = is_trimmed(tensors)
    coarse, middle = Stream(streams[2], trimmed), Stream(streams[1], trimmed)
    shape = frame.eighths[5].shape
    differences = coarse.signed([0] * prod(shape), tensors["low_pass/escapes"])
    low_pass = np.cumsum(differences).reshape(shape)
    splits: dict[int, Split] = {}
    for split, stream in ((5, coarse), (4, coarse), (3, middle), (2, middle)):
        splits[split] = frame.decode_split(stream, split, splits)
    details = [np.zeros((7, *eighths.shape), np.int64) for eighths in frame.eighths]
    fine = tiles_of(streams[0], shape, trimmed) if is_tiled(tensors) else [(None, streams[0])]
    for tile, data in fine:
        stream, seen = Stream(data, trimmed), {**splits}
        for split in (1, 0):
            seen[split] = frame.decode_split(stream, split, seen, tile)
            details[split] += seen[split].q
    for split, whole in splits.items():
        details[split] = whole.q
    largest = max(int(abs(part).max()) for part in (*details, low_pass))
    require(largest < 1 << 23, "a coefficient is too large")
    return details, low_pass
