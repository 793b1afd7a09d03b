"""What is known when a code is read: coarser picture, decoded neighbours, mask, own stages."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..layout import PHASES
from .code_model import FLAG, VECTOR_LIMIT, LevelModel

AROUND = tuple(product((-1, 0, 1), repeat=3))
NEIGHBOURS = tuple(place for place in AROUND if place != (0, 0, 0))
SIDE = 4

Shape = tuple[int, int, int]
Integers = NDArray[np.int64]


def scaled(values: Integers, shift: int) -> Integers:
    """Divide by ``2**shift``, rounding half up, and limit to -127...127."""
    halves = np.int64(1) << (shift - 1)
    limited: Integers = np.clip((values + halves) >> shift, -VECTOR_LIMIT, VECTOR_LIMIT)
    return limited


def site_fractions(foreground: NDArray[np.bool_], side: int) -> Integers:
    """Foreground of every site of ``side**3`` voxels, in eighths rounded up.

    Parameters
    ----------
    foreground : ndarray of bool
        ``(D, H, W)``, sides multiples of ``side``.
    """
    d, h, w = (length // side for length in foreground.shape)
    blocks = foreground.reshape(d, side, h, side, w, side)
    counts = blocks.sum(axis=(1, 3, 5), dtype=np.int64)
    eighths: Integers = -(-8 * counts // side**3)
    return eighths


def children_field(
    model: LevelModel, embedding_DN: Integers, field_DHW: Integers, shape: Shape
) -> Integers:
    """Expected means on the next finer grid, ``(4 d, 4 h, 4 w)``, in 1/64.

    Parameters
    ----------
    model : LevelModel
        Of the decoded level.
    embedding_DN : ndarray
        Embeddings of its sites, in raster order.
    field_DHW : ndarray
        Means expected of its sites by the level above; zeros at the coarse level.
    shape : tuple of int
        Of its grid.
    """
    inputs = np.concatenate((embedding_DN, field_DHW.reshape(1, -1)))
    d, h, w = shape
    blocks = scaled(model.children.T @ inputs, model.children_shift).reshape(
        SIDE, SIDE, SIDE, d, h, w
    )
    field: Integers = blocks.transpose(3, 0, 4, 1, 5, 2).reshape(SIDE * d, SIDE * h, SIDE * w)
    return field


class CodeContext:
    """Everything decoded so far of one level, and the network inputs it gives.

    Parameters
    ----------
    model : LevelModel
    field_DHW : ndarray or None
        Means expected by the coarser levels, on this grid; None at the coarse level.
    fractions_DHW : ndarray
        Foreground eighths of the sites.
    """

    def __init__(
        self, model: LevelModel, field_DHW: Integers | None, fractions_DHW: Integers
    ) -> None:
        self.model = model
        self.shape = fractions_DHW.shape
        self._vectors = np.zeros((model.vector.shape[1], *(n + 2 for n in self.shape)), np.int8)
        self._fractions = np.pad(fractions_DHW.astype(np.int8), 1)
        self._field = None if field_DHW is None else np.pad(field_DHW.astype(np.int8), 1)
        self.embedding = np.zeros((model.entries.shape[2], *self.shape), np.int64)

    def inputs(self, phase: int) -> NDArray[np.int8]:
        """Inputs of the sites of a phase, ``(K, N)``, with nothing of their own stages yet."""
        rows = [] if self._field is None else [self._seen(self._field, p, phase) for p in AROUND]
        for place in NEIGHBOURS:
            rows += [self._seen(vector, place, phase) for vector in self._vectors]
        count = rows[0].size
        rows += [np.zeros(count, np.int8)] * self.model.own.shape[1]
        rows += [self._seen(self._fractions, place, phase) for place in AROUND]
        flags = np.zeros((len(PHASES) + 1, count), np.int8)
        flags[[phase, -1]] = FLAG
        return np.concatenate((np.stack(rows), flags))

    def set_own(self, inputs_KN: NDArray[np.int8], embedding_DN: Integers) -> None:
        """Put what the earlier stages of the sites say into their inputs."""
        own = scaled(self.model.own.T @ (embedding_DN - self.model.offset[:, None]), self._shift)
        stop = inputs_KN.shape[0] - len(AROUND) - len(PHASES) - 1
        inputs_KN[stop - len(own) : stop] = own

    def store(self, phase: int, embedding_DN: Integers) -> None:
        """Take in the whole embeddings of the sites of a phase."""
        centred = embedding_DN - self.model.offset[:, None]
        z, y, x = self._lattice(phase)
        shape = self.embedding[0, z, y, x].shape
        self.embedding[:, z, y, x] = centred.reshape(-1, *shape)
        vectors = scaled(self.model.vector.T @ centred, self._shift).astype(np.int8)
        inner = self._vectors[:, 1:-1, 1:-1, 1:-1]
        inner[:, z, y, x] = vectors.reshape(-1, *shape)

    def sites(self, phase: int) -> NDArray[np.intp]:
        """Flat raster indices of the sites of a phase."""
        return np.arange(np.prod(self.shape)).reshape(self.shape)[self._lattice(phase)].reshape(-1)

    @property
    def _shift(self) -> int:
        return self.model.vector_shift

    @staticmethod
    def _lattice(phase: int) -> tuple[slice, slice, slice]:
        z, y, x = PHASES[phase]
        return slice(z, None, 2), slice(y, None, 2), slice(x, None, 2)

    def _seen(
        self, padded: NDArray[np.int8], place: tuple[int, ...], phase: int
    ) -> NDArray[np.int8]:
        """Values at an offset from the sites of a phase, in raster order; zero outside."""
        window = tuple(
            slice(1 + first + step, 1 + step + side, 2)
            for first, step, side in zip(PHASES[phase], place, self.shape, strict=True)
        )
        return padded[window].reshape(-1)
