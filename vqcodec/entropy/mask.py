"""Lossless coding of the foreground mask (coder ``lattice-mask-1``).

The mask is coded from a coarse sub-lattice to the full one: once every second voxel (per
axis) is known, the other seven interleaved lattices follow, each predicted by an exact
integer network from the known voxels of the 5x5x5 cube around it. Voxels whose wider
neighbourhood on the known lattice is all alike take a fixed table instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .gathering import gather
from .network import OUTPUT_BITS, Networks
from .stream import Decoder, Encoder, TableSet

Offset = tuple[int, int, int]
Mask = NDArray[np.bool_]

#: Lattices in coding order; the first is known from the coarser level.
ORDER: tuple[Offset, ...] = (
    (0, 0, 0),
    (0, 0, 1),
    (0, 1, 0),
    (1, 0, 0),
    (0, 1, 1),
    (1, 0, 1),
    (1, 1, 0),
    (1, 1, 1),
)
PREDICTED = len(ORDER) - 1
LEVEL_GROUPS = 3
CUBE: tuple[Offset, ...] = tuple(
    (z, y, x) for z, y, x in product((-2, -1, 0, 1, 2), repeat=3) if (z, y, x) != (0, 0, 0)
)
MASK_INPUTS = len(CUBE) + 1
VOXEL_VALUE = 8
SMALLEST_SIDE = 2
LOGIT_CLASSES = 64
LOGIT_CLASS_BITS = OUTPUT_BITS - 2
LOGIT_ORIGIN = 8 << OUTPUT_BITS
ALL_BACKGROUND, ALL_FOREGROUND = LOGIT_CLASSES, LOGIT_CLASSES + 1
MASK_CLASSES = LOGIT_CLASSES + 2


@dataclass(frozen=True)
class MaskModel:
    """Networks ``(LEVEL_GROUPS * 7)``, tables ``(LEVEL_GROUPS * MASK_CLASSES, 2)``.

    ``is_trimmed`` says whether streams end at a byte.
    """

    networks: Networks
    tables: TableSet
    is_trimmed: bool = False


def mask_input_limits() -> NDArray[np.float64]:
    """Largest magnitude of every input of the mask networks."""
    return np.full(MASK_INPUTS, float(VOXEL_VALUE))


@cache
def known_inputs(phase: int) -> tuple[tuple[int, int, Offset], ...]:
    """(column, lattice, shift) of every voxel of the cube known when a lattice is coded."""
    entries = []
    for column, offset in enumerate(CUBE):
        z, y, x = (p + o for p, o in zip(ORDER[phase], offset, strict=True))
        lattice = ORDER.index((z % 2, y % 2, x % 2))
        if lattice < phase:
            entries.append((column, lattice, (z // 2, y // 2, x // 2)))
    return tuple(entries)


def lattice_levels(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Shapes of the nested sub-lattices, the full one first."""
    levels = [shape]
    while max(levels[-1]) > SMALLEST_SIDE:
        levels.append(tuple(-(-n // 2) for n in levels[-1]))
    return levels


class LatticeContext:
    """The eight interleaved lattices of one level, as far as they are known.

    Attributes
    ----------
    coarse : ndarray of bool
        The lattice known from the coarser level.
    alike : ndarray of bool
        Cells whose 4x4x4 neighbourhood on it holds one value only.
    """

    def __init__(self, coarse: Mask) -> None:
        self.shape = coarse.shape
        d, h, w = coarse.shape
        self._voxels = np.full((len(ORDER), d + 3, h + 3, w + 3), -VOXEL_VALUE, np.int8)
        self.store(0, coarse)
        wide = np.pad(coarse, ((1, 2), (1, 2), (1, 2)))
        self.alike = ~_mixed(wide)
        self.coarse = coarse

    def store(self, phase: int, voxels: Mask) -> None:
        """Record a lattice (shape of the coarse one)."""
        d, h, w = self.shape
        values = np.where(voxels, VOXEL_VALUE, -VOXEL_VALUE)
        self._voxels[phase, 1 : d + 1, 1 : h + 1, 1 : w + 1] = values

    def matrix(self, phase: int, wanted: NDArray[np.intp]) -> NDArray[np.int8]:
        """Inputs ``(K, N)`` of the wanted flat positions, constant last."""
        z, y, x = np.unravel_index(wanted, self.shape)
        _, dp, hp, wp = self._voxels.shape
        entries = known_inputs(phase)
        out = np.empty((len(entries) + 1, len(wanted)), np.int8)
        starts = [
            ((lattice * dp + dz + 1) * hp + dy + 1) * wp + dx + 1
            for _, lattice, (dz, dy, dx) in entries
        ]
        gather(self._voxels, np.array(starts), (z * hp + y) * wp + x, out[:-1])
        out[-1] = VOXEL_VALUE
        return out


def _mixed(wide: Mask) -> Mask:
    """Whether a 4x4x4 window (from one before to two after) holds both values."""
    low, high = wide, wide
    for axis in range(3):
        n = wide.shape[axis] - 3
        windows = [np.arange(shift, shift + n) for shift in range(4)]
        low = np.logical_and.reduce([low.take(w, axis) for w in windows])
        high = np.logical_or.reduce([high.take(w, axis) for w in windows])
    return high & ~low


def logit_classes(logits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class of each output of a network that foretells one of two symbols."""
    classes: NDArray[np.int64] = (logits + LOGIT_ORIGIN) >> LOGIT_CLASS_BITS
    return np.clip(classes, 0, LOGIT_CLASSES - 1)


def phase_tables(
    model: MaskModel, context: LatticeContext, level: int, phase: int, coded: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Table of each coded voxel of a lattice."""
    group = min(level, LEVEL_GROUPS - 1)
    alike = context.alike.reshape(-1)[coded]
    coarse = context.coarse.reshape(-1)[coded]
    tables = np.where(coarse, ALL_FOREGROUND, ALL_BACKGROUND).astype(np.int64)
    open_positions = np.flatnonzero(~alike)
    columns = np.array([entry[0] for entry in known_inputs(phase)] + [MASK_INPUTS - 1])
    network = group * PREDICTED + phase - 1
    at_once = model.networks.positions_at_once
    for start in range(0, len(open_positions), at_once):
        chunk = open_positions[start : start + at_once]
        logits = model.networks.outputs(network, columns, context.matrix(phase, coded[chunk]))[0]
        tables[chunk] = logit_classes(logits)
    return tables + group * MASK_CLASSES


def lattice_phases(
    shape: tuple[int, ...],
) -> Iterator[tuple[int, NDArray[np.intp], tuple[slice, ...]]]:
    """Each predicted lattice: its number, flat coded positions, slices of the finer level."""
    coarse = tuple(-(-n // 2) for n in shape)
    for phase in range(1, len(ORDER)):
        steps = tuple(slice(p, None, 2) for p in ORDER[phase])
        sides = [-(-(n - p) // 2) for n, p in zip(shape, ORDER[phase], strict=True)]
        inside = np.zeros(coarse, bool)
        inside[: sides[0], : sides[1], : sides[2]] = True
        yield phase, np.flatnonzero(inside), steps


def _padded_lattice(
    values: NDArray[np.generic], coded: NDArray[np.intp], shape: tuple[int, ...]
) -> Mask:
    out = np.zeros(shape, bool)
    out.reshape(-1)[coded] = values.reshape(-1)
    return out


def encode_mask(mask: Mask, model: MaskModel) -> bytes:
    """Code a mask ``(D, H, W)``; lossless."""
    levels = lattice_levels(mask.shape)
    encoder = Encoder()
    top = len(levels) - 1
    coarse = mask[tuple(slice(None, None, 1 << top) for _ in range(3))]
    encoder.raw(coarse.reshape(-1).astype(np.int64), 1)
    for level in range(top - 1, -1, -1):
        fine = mask[tuple(slice(None, None, 1 << level) for _ in range(3))]
        context = LatticeContext(coarse)
        for phase, coded, steps in lattice_phases(fine.shape):
            voxels = fine[steps]
            tables = phase_tables(model, context, level, phase, coded)
            encoder.symbols(voxels.reshape(-1).astype(np.int64), tables, model.tables)
            context.store(phase, _padded_lattice(voxels, coded, context.shape))
        coarse = fine
    return encoder.finish(model.is_trimmed)


def decode_mask(data: bytes, shape: tuple[int, ...], model: MaskModel) -> Mask:
    """Inverse of :func:`encode_mask`.

    Raises
    ------
    FormatError
        If the stream cannot have been written with these tables.
    """
    levels = lattice_levels(shape)
    decoder = Decoder(data, model.is_trimmed)
    coarse: Mask = decoder.raw(int(np.prod(levels[-1])), 1).astype(bool).reshape(levels[-1])
    for level in range(len(levels) - 2, -1, -1):
        context = LatticeContext(coarse)
        fine = np.zeros(levels[level], bool)
        fine[::2, ::2, ::2] = coarse
        for phase, coded, steps in lattice_phases(fine.shape):
            tables = phase_tables(model, context, level, phase, coded)
            voxels = decoder.symbols(tables, model.tables).astype(bool)
            fine[steps] = voxels.reshape(fine[steps].shape)
            context.store(phase, _padded_lattice(voxels, coded, context.shape))
        coarse = fine
    return coarse
