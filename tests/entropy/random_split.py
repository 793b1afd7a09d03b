"""Random splits, cut into tiles or not, for the coder and for the small reader."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.small_reader.coefficients import LATTICES, Split
from vqcodec.entropy.coder import CodedSplit, Phase, encode_split
from vqcodec.entropy.context_model import ContextModel
from vqcodec.entropy.levels import LARGEST_VALUE
from vqcodec.entropy.neighbourhood import lattice_of
from vqcodec.entropy.split_context import Ancestors, SplitContext, parent_border
from vqcodec.entropy.stream import Encoder
from vqcodec.entropy.tiling import tiled, whole
from vqcodec.layout import padded_to_four

Sides = tuple[int, int, int]

#: Tiles are cut as those of this split, 16 samples long.
CUT_SPLIT, CUT_SIDE = 1, 16


def coefficients(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Mostly small, some of any size that can be written."""
    octaves, shares = [0, 1, 2, 5, 12, 23], [0.5, 0.2, 0.1, 0.1, 0.05, 0.05]
    size = 2.0 ** rng.choice(octaves, (7, *shape), p=shares)
    q = np.rint(rng.normal(size=(7, *shape)) * size)
    return np.clip(q, -LARGEST_VALUE, LARGEST_VALUE).astype(np.int32)


class Case:
    """A random split: coefficients, support, coarser splits and fractions.

    One that is cut sees its parent like split 0 (its own tile's only) or like split 1 (all).
    """

    def __init__(self, model: ContextModel, shape: Sides, seed: int, is_cut: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.model, self.shape, self.is_cut = model, shape, is_cut
        self.q = coefficients(rng, shape)
        self.support = rng.random((7, *shape)) < rng.choice([0.0, 0.3, 0.9, 1.0])
        self.q[~self.support] = 0
        parent_shape = tuple(n // 2 for n in padded_to_four(shape))
        self.fractions = rng.integers(0, 9, shape, dtype=np.uint8)
        self.parent_fractions = rng.integers(0, 9, parent_shape, dtype=np.uint8)
        self.parent_fractions[rng.random(parent_shape) < 0.5] = 0
        has_parent, has_grandparent = bool(is_cut or seed % 3), bool(is_cut or seed % 3 == 2)
        grand_shape = tuple(-(-n // 2) for n in parent_shape)
        self.parent = coefficients(rng, parent_shape) if has_parent else None
        self.grandparent = coefficients(rng, grand_shape) if has_grandparent else None
        self.is_closed = is_cut and seed % 2 == 1
        self.step_index = int(rng.integers(-256, 1025))
        counts = [-(-n // CUT_SIDE) for n in shape]
        self.places = tuple(product(*map(range, counts))) if is_cut else ((0, 0, 0),)
        unit = 4 if model.is_tiled else 2
        self.tiling = tiled(shape, CUT_SPLIT, self.places) if is_cut else whole(shape, unit)

    def context(self) -> SplitContext:
        return SplitContext(
            self.tiling, self._ancestors(), self.fractions, self.step_index, self.model.companding
        )

    def _ancestors(self) -> Ancestors:
        parent, grandparent, border = None, None, parent_border(self.model.companding)
        if self.parent is not None:
            parent = self.tiling.cut(self.parent, 2, 0 if self.is_closed else border)
            if self.is_closed:
                parent = np.pad(parent, [(0, 0)] * 2 + [(border, border)] * 3)
        if self.grandparent is not None and self.model.is_tiled:
            grandparent = self.tiling.cut(self.grandparent, 4, 1)
        shares = self.tiling.cut(self.parent_fractions, 2)
        return Ancestors(parent, np.count_nonzero(shares, axis=(1, 2, 3)), grandparent)

    def encoded(self, group: int, q: np.ndarray) -> tuple[list[bytes], list[Phase], CodedSplit]:
        """Streams of the tiles, every phase, and what the decoder will read."""
        phases, cut = [], self.tiling.cut(q)

        def quantise(at: Phase) -> np.ndarray:
            phases.append(at)
            values: np.ndarray = lattice_of(cut[at.band], at.phase).reshape(-1)[at.coded]
            return values.astype(np.int64)

        encoders = [Encoder() for _ in self.places]
        support = self.tiling.cut(self.support)
        model = self.model.groups[group]
        coded = encode_split(encoders, model, self.context(), support, quantise)
        np.testing.assert_array_equal(self.tiling.join(coded.q), q)
        return [encoder.finish() for encoder in encoders], phases, coded


def plain_split(model: ContextModel, q: np.ndarray, inside: np.ndarray) -> Split:
    """A split of the small reader with the coefficients of some positions."""
    tables = {
        "maps/magnitude": model.companding.magnitude.astype(np.int64),
        "maps/signed": model.companding.signed.astype(np.int64),
    }
    split = Split(q.shape[1:], tables)
    for band, lattice in product(range(7), LATTICES):
        store_plainly(split, band, lattice, q, inside)
    return split


def store_plainly(
    split: Split, band: int, lattice: Sides, q: np.ndarray, inside: np.ndarray
) -> None:
    places = np.argwhere(inside)
    places = places[(places % 2 == lattice).all(axis=1)]
    split.store(band, lattice, places, q[band][tuple(places.T)].tolist())
