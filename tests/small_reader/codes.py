"""Section 14 of the specification: the level streams of family ``paper``."""

from __future__ import annotations

import numpy as np

from .coefficients import CUBE, LATTICES, RING
from .container import require
from .networks import Tensors, all_around, around, outputs
from .streams import Stream

LEVELS = {"coarse": 64, "middle": 16, "fine": 4}


def padded_to_coarse_sites(foreground: np.ndarray) -> np.ndarray:
    missing = [-n % 64 for n in foreground.shape]
    return np.pad(foreground, [(n // 2, n - n // 2) for n in missing])


def site_eighths(padded: np.ndarray, side: int) -> np.ndarray:
    d, h, w = (n // side for n in padded.shape)
    counts = padded.reshape(d, side, h, side, w, side).sum(axis=(1, 3, 5), dtype=np.int64)
    return -(-8 * counts // side**3)


def scaled(values: np.ndarray, shift: int) -> np.ndarray:
    return np.clip((values + (1 << (shift - 1))) >> shift, -127, 127)


def frequencies(z: list[int], powers: list[int]) -> list[int]:
    """Of the symbols of one site with outputs ``z``."""
    highest = max(z)
    distances = [(highest - each) >> 8 for each in z]
    weights = [powers[d & 255] >> min(d >> 8, 40) for d in distances]
    total = sum(weights)
    found = [1 + 16776704 * weight // total for weight in weights]
    found[found.index(max(found))] += (1 << 24) - sum(found)
    return found


class Level:
    """A level of a model, and of one box what is known of it so far."""

    def __init__(
        self, tensors: Tensors, name: str, stages: int, eighths: np.ndarray, field: np.ndarray
    ) -> None:
        self.tensors, self.name = tensors, name
        self.entries = []
        for stage in range(stages):
            entries = tensors.get(f"quantisers.{name}.codebooks.{stage}.entries")
            require(entries is not None, "more stages than the model has")
            self.entries.append(np.rint(64 * entries.astype(np.float64)).astype(np.int64))
        self.vector, self.own, self.offset = (
            tensors[f"codes/{name}/{part}"] for part in ("vector", "own", "offset")
        )
        self.n, self.m = tensors[f"codes/{name}/shifts"].tolist()
        self.eighths, self.field = eighths, field
        sites = eighths.shape
        self.codes = np.zeros((stages, *sites), np.uint8)
        self.embeddings = np.zeros((*sites, len(self.offset)), np.int64)
        self.vectors = np.zeros((*(n + 2 for n in sites), self.vector.shape[1]), np.int64)

    def inputs(self, p: np.ndarray, number: int) -> np.ndarray:
        """Inputs of sites at ``p`` of a lattice, without the elements of the site's own codes."""
        parts = []
        if self.name != "coarse":
            field = np.pad(self.field, 1)
            parts.append(all_around(field, 1, p, CUBE))
        parts += [around(self.vectors, 1, p, offset) for offset in RING]
        parts.append(np.zeros((len(p), self.own.shape[1]), np.int64))
        eighths = np.pad(self.eighths, 1)
        parts.append(all_around(eighths, 1, p, CUBE))
        parts.append(np.tile(64 * np.eye(8, dtype=np.int64)[number], (len(p), 1)))
        parts.append(np.full((len(p), 1), 64))
        return np.concatenate(parts, axis=1)

    def decode(self, stream: Stream) -> None:
        positions = np.argwhere(np.ones(self.eighths.shape, bool))
        powers = self.tensors["codes/powers"].tolist()
        for number, lattice in enumerate(LATTICES):
            p = positions[(positions % 2 == lattice).all(axis=1)]
            if not len(p):
                continue
            inputs = self.inputs(p, number)
            own = inputs.shape[1] - self.own.shape[1] - len(CUBE) - 8 - 1
            empty = self.eighths[tuple(p.T)] == 0
            sums = np.zeros((len(p), len(self.offset)), np.int64) - self.offset
            for stage, entries in enumerate(self.entries):
                if stage > 0:
                    inputs[:, own : own + self.own.shape[1]] = scaled(sums @ self.own, self.n)
                z = outputs(self.tensors, f"codes/{self.name}/{stage}", ..., inputs).tolist()
                codes = [
                    row.index(max(row)) if is_empty else stream.symbol(frequencies(row, powers))
                    for row, is_empty in zip(z, empty, strict=True)
                ]
                self.codes[stage][tuple(p.T)] = codes
                sums += entries[codes]
            self.embeddings[tuple(p.T)] = sums
            self.vectors[tuple((p + 1).T)] = scaled(sums @ self.vector, self.n)

    def children_field(self) -> np.ndarray:
        children = self.tensors[f"codes/{self.name}/children"]
        above = np.concatenate((self.embeddings, self.field[..., None]), axis=-1)
        finer = scaled(above @ children, self.m)
        d, h, w = self.field.shape
        finer = finer.reshape(d, h, w, 4, 4, 4).transpose(0, 3, 1, 4, 2, 5)
        return finer.reshape(4 * d, 4 * h, 4 * w)


def decode_codes(
    streams: list[bytes], foreground: np.ndarray, stages: list[int], tensors: Tensors
) -> dict[str, np.ndarray]:
    """Grids of a box; streams and stages are of fine, middle, coarse."""
    padded = padded_to_coarse_sites(foreground)
    field = np.zeros([n // 64 for n in padded.shape], np.int64)
    grids = {}
    for index, (name, side) in zip((2, 1, 0), LEVELS.items(), strict=True):
        level = Level(tensors, name, stages[index], site_eighths(padded, side), field)
        level.decode(Stream(streams[index]))
        grids[name] = level.codes
        if name != "fine":
            field = level.children_field()
    return grids
