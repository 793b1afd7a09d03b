"""Section 17 of the specification: holes."""

from __future__ import annotations

from itertools import product

import numpy as np

from .coefficients import CUBE, LATTICES, RING, is_trimmed, told_step
from .container import require
from .networks import Tensors, all_around, around, outputs
from .streams import Stream
from .tiles import Tile, tiles_of

BRIGHT = (384, 322, 271, 228, 192, 161, 135, 114, 96, 80, 67, 57, 48, 40, 33, 28)
BANDS = ((0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1))


def merged_axis(low: np.ndarray, high: np.ndarray, axis: int) -> np.ndarray:
    e, o = (np.moveaxis(part, axis, 0) for part in (low, high))
    e, o = (3563 * e) >> 12, (4709 * o) >> 12

    def before(x: np.ndarray) -> np.ndarray:
        return x + np.concatenate((x[:1], x[:-1]))

    def after(x: np.ndarray) -> np.ndarray:
        return x + np.concatenate((x[1:], x[-1:]))

    e = e - ((1817 * before(o)) >> 12)
    o = o - ((3616 * after(e)) >> 12)
    e = e + ((217 * before(o)) >> 12)
    o = o + ((6497 * after(e)) >> 12)
    both = np.stack((e, o), axis=1).reshape(2 * len(e), *e.shape[1:])
    return np.moveaxis(both, 0, axis)


def merged(low: np.ndarray, bands: np.ndarray) -> np.ndarray:
    parts = {(0, 0, 0): low, **dict(zip(BANDS, bands, strict=True))}
    parts = {key: np.clip(part, -(1 << 31), 1 << 31) for key, part in parts.items()}
    for axis in range(3):
        keys = product((0, 1), repeat=2 - axis)
        parts = {k: merged_axis(parts[(0, *k)], parts[(1, *k)], axis) for k in keys}
    return parts[()]


def low_of_fine(
    details: list[np.ndarray], low_pass: np.ndarray, sides: tuple[int, ...]
) -> np.ndarray:
    """L, from the coefficients of all splits and the sides of the box."""
    fine = tuple(-(-n // 4) for n in sides)
    middle = tuple(-(-n // 4) for n in fine)
    low = 64 * low_pass.astype(np.int64)
    for split, shape in ((5, None), (4, middle), (3, None), (2, fine)):
        low = merged(low, 64 * details[split].astype(np.int64))
        if shape is not None:
            low = low[tuple(slice(n) for n in shape)]
    return low


def window(band: np.ndarray, tile: Tile, side: int, border: int) -> np.ndarray:
    """The coefficients of a tile, 0 in others and beyond the sides."""
    out = np.zeros((7, *[side + 2 * border] * 3), np.int64)
    cut = band[(slice(None), *(slice(t * side, (t + 1) * side) for t in tile))]
    place = tuple(slice(border, border + n) for n in cut.shape[1:])
    out[(slice(None), *place)] = 64 * cut
    return out


def brightness(
    low: np.ndarray, details: list[np.ndarray], tile: Tile, step_index: int
) -> np.ndarray:
    """Voxels 64t - 8 to 64t + 71."""
    places = [
        np.clip(np.arange(16 * t - 2, 16 * t + 18), 0, n - 1)
        for t, n in zip(tile, low.shape, strict=True)
    ]
    voxels = merged(low[np.ix_(*places)], window(details[1], tile, 16, 2))
    voxels = np.clip(merged(voxels, window(details[0], tile, 32, 4)), -(1 << 31), 1 << 31)
    scale = round(2 ** (20 - step_index % 64 / 64))
    return np.clip((voxels * scale) >> (19 + step_index // 64), -64, 127)


def decode_holes(
    data: bytes,
    details: list[np.ndarray],
    low_pass: np.ndarray,
    region: np.ndarray,
    step_index: int,
    tensors: Tensors,
) -> np.ndarray:
    """Which voxels of the region, of the box's shape, are background."""
    require("holes/first" in tensors, "the model has no holes")
    require(len(data) >= 2 and data[0] <= 191 and data[1] <= 15, "edge of the holes")
    level, steepness = data[0] - 64, data[1]
    holes = np.zeros(region.shape, np.int64)
    low = low_of_fine(details, low_pass, region.shape)
    surrounded = np.pad(region, 2).astype(np.int64)
    voxels = np.moveaxis(np.indices(region.shape), 0, -1)
    for tile, part in tiles_of(data[2:], low_pass.shape, is_trimmed(tensors)):
        if not part:
            continue
        stream = Stream(part, is_trimmed(tensors))
        above = brightness(low, details, tile, step_index) - level
        contrast = np.clip(above, -64, 95)
        known = np.zeros(surrounded.shape, np.int64)
        for number, lattice in enumerate(LATTICES):
            here = region & (voxels >> 6 == tile).all(axis=-1) & (voxels % 2 == lattice).all(-1)
            p = np.argwhere(here)
            local = p - 64 * np.array(tile)
            x = np.empty((len(p), 83), np.int64)
            x[:, :27] = all_around(contrast, 8, local, CUBE)
            x[:, 27:53] = all_around(known, 2, p, RING)
            x[:, 53:79] = np.where(all_around(surrounded, 2, p, RING), -8, 8)
            wide = list(product(range(-2, 3), repeat=3))
            x[:, 79] = (1 - all_around(surrounded, 2, p, wide)).sum(axis=1)
            told = told_step(step_index, tensors)
            x[:, 80], x[:, 81], x[:, 82] = 8 * steepness, min(max(told >> 3, 0), 120), 16
            logits = outputs(tensors, "holes", number, x)[:, 0]
            tables = np.clip((logits + (1 << 19)) >> 14, 0, 63)
            tables[around(above, 8, local, (0, 0, 0)) >= BRIGHT[steepness]] = 64
            symbols = np.array(stream.grouped(tables.tolist(), tensors["holes/tables"]), np.int64)
            holes[tuple(p.T)] = symbols
            known[tuple((p + 2).T)] = np.where(symbols == 1, 8, -8)
    return holes == 1
