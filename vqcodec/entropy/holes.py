"""Background voxels inside of the region that is coded: the *holes*.

The outline of a skull-stripped scan can be dear: where dark voxels were set to zero, by rounding
or a threshold, it follows the noise. The encoder may then code a smoother region that covers all
of the foreground, and state afterwards, knowing how bright every voxel is about to be, which
voxels of that region are background all the same.

Tile by tile, and in a tile lattice by lattice, exact integer networks see how much brighter the
preview (:mod:`vqcodec.entropy.preview`) is than the edge of the holes, the region, and which
neighbours are holes; voxels that are bright take a fixed table instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..errors import FormatError
from .hole_contexts import (
    BRIGHT_CONTRASTS,
    HOLE_INPUTS,
    LATTICES,
    Edge,
    TileContext,
    bordered,
    inner,
)
from .level_contexts import Coefficients
from .mask import LOGIT_CLASSES, logit_classes
from .network import Networks
from .preview import LEVEL_RANGE, brightness, low_pass_of_fine, tile_voxels
from .stream import Decoder, Encoder, TableSet, joined, separated
from .tiling import TILE_SIDE, Sides, tile_places

BRIGHT_TABLE = LOGIT_CLASSES
HOLE_TABLES = BRIGHT_TABLE + 1
HEAD_BYTES = 2

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class HoleModel:
    """Networks, one for each lattice, and tables ``(HOLE_TABLES, 2)``.

    ``is_trimmed`` says whether streams end at a byte.
    """

    networks: Networks
    tables: TableSet
    is_trimmed: bool = False


@dataclass(frozen=True)
class PreviewedTile:
    """A tile before its holes are known, with a border of two voxels.

    Attributes
    ----------
    levels : ndarray of int8
        Brightness, ``(68, 68, 68)``.
    region : ndarray of bool
        What is coded, same shape.
    """

    levels: NDArray[np.int8]
    region: Mask


def previewed_tiles(
    coefficients: Coefficients, region: Mask, step_index: int, tiles: Sequence[Sides]
) -> Iterator[PreviewedTile]:
    """Some tiles of a crop whose coded region is ``(D, H, W)``."""
    low = low_pass_of_fine(coefficients, region.shape)
    for tile in tiles:
        levels = brightness(tile_voxels(low, coefficients, tile), step_index)
        yield PreviewedTile(levels, bordered(region, tile))


def tables_of(
    model: HoleModel, context: TileContext, lattice: int, voxels: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Table of each voxel of a lattice."""
    found = np.full(len(voxels), BRIGHT_TABLE, np.int64)
    dark = np.flatnonzero(context.is_dark(voxels))
    columns = np.arange(HOLE_INPUTS)
    at_once = model.networks.positions_at_once
    for some in np.split(dark, range(at_once, len(dark), at_once)):
        logits = model.networks.outputs(lattice, columns, context.inputs(voxels[some]))[0]
        found[some] = logit_classes(logits)
    return found


def fitted_edge(tiles: Sequence[PreviewedTile], holes: Sequence[Mask]) -> Edge:
    """Edge whose logistic curve over brightness says best which voxels are holes.

    Parameters
    ----------
    holes : sequence of ndarray of bool
        Of each tile, with its border.
    """
    low, high = LEVEL_RANGE
    counts = np.zeros((2, high - low + 1))
    for tile, found in zip(tiles, holes, strict=True):
        inside, levels, is_hole = inner(tile.region), inner(tile.levels), inner(found)
        for row, chosen in zip(counts, (inside, inside & is_hole), strict=True):
            row += np.bincount(levels[chosen].astype(np.int64) - low, minlength=row.size)
    seen = np.flatnonzero(counts[0])
    levels, total, found = (seen + low) / 16.0, counts[0, seen], counts[1, seen]

    def bits(parameters: NDArray[np.float64]) -> float:
        logits = parameters[1] * (parameters[0] - levels)
        cost = total * np.logaddexp(0, logits) - found * logits
        return float(cost.sum() / total.sum() + 1e-6 * (parameters**2).sum())

    fit = minimize(bits, np.array([0.0, 4.0]), method="Nelder-Mead")
    middle, slope = float(fit.x[0]) * 16.0, max(float(fit.x[1]) / 16.0, 2.0**-9)
    steepness = round(4 * (math.log2(slope) + 5))
    return Edge(
        min(max(round(middle), low), high), min(max(steepness, 0), len(BRIGHT_CONTRASTS) - 1)
    )


def encode_holes(
    model: HoleModel,
    coefficients: Coefficients,
    region: Mask,
    holes: Mask,
    step_index: int,
    told_index: int | None = None,
) -> bytes:
    """Section of the holes of a crop.

    Parameters
    ----------
    region, holes : ndarray of bool
        ``(D, H, W)``: what is coded, and which of it is background.
    told_index : int, optional
        Step index that the networks are told, where it is not that of the coefficients.
    """
    told = step_index if told_index is None else told_index
    streams = dict.fromkeys(tile_places(region.shape), b"")
    cut = {tile: bordered(holes, tile) for tile in streams}
    used = [tile for tile in streams if inner(cut[tile]).any()]
    tiles = list(previewed_tiles(coefficients, region, step_index, used))
    edge = fitted_edge(tiles, [cut[tile] for tile in used]) if used else Edge(0, 0)
    for place, tile in zip(used, tiles, strict=True):
        context = TileContext(tile.levels, tile.region, edge, told)
        encoder, here = Encoder(), cut[place].reshape(-1)
        for lattice in range(LATTICES):
            voxels = context.voxels(lattice)
            tables = tables_of(model, context, lattice, voxels)
            encoder.symbols(here[voxels].astype(np.int64), tables, model.tables)
            context.store(voxels, here[voxels])
        streams[place] = encoder.finish(model.is_trimmed)
    head = bytes([edge.level - LEVEL_RANGE[0], edge.steepness])
    return head + joined(list(streams.values()), model.is_trimmed)


def decode_holes(
    model: HoleModel,
    coefficients: Coefficients,
    region: Mask,
    data: bytes,
    step_index: int,
    wanted: Sequence[Sides] | None = None,
    told_index: int | None = None,
) -> Mask:
    """Inverse of :func:`encode_holes`, of some tiles or of all: false in the others.

    Raises
    ------
    FormatError
        If the section cannot have been written with this model.
    """
    if len(data) < HEAD_BYTES:
        raise FormatError("section of holes is cut short")
    told = step_index if told_index is None else told_index
    edge = Edge(data[0] + LEVEL_RANGE[0], data[1])
    if edge.level > LEVEL_RANGE[1] or edge.steepness >= len(BRIGHT_CONTRASTS):
        raise FormatError("edge of holes is beyond what can be written")
    every = tile_places(region.shape)
    parts = separated(data[HEAD_BYTES:], len(every), model.is_trimmed)
    streams = dict(zip(every, parts, strict=True))
    used = [tile for tile in (every if wanted is None else wanted) if streams[tile]]
    holes = np.zeros(region.shape, bool)
    for place, tile in zip(
        used, previewed_tiles(coefficients, region, step_index, used), strict=True
    ):
        context = TileContext(tile.levels, tile.region, edge, told)
        decoder, here = Decoder(streams[place], model.is_trimmed), np.zeros(tile.region.shape, bool)
        for lattice in range(LATTICES):
            voxels = context.voxels(lattice)
            found = decoder.symbols(tables_of(model, context, lattice, voxels), model.tables)
            here.reshape(-1)[voxels] = found
            context.store(voxels, here.reshape(-1)[voxels])
        z, y, x = (slice(t * TILE_SIDE, (t + 1) * TILE_SIDE) for t in place)
        d, h, w = holes[z, y, x].shape
        holes[z, y, x] = inner(here)[:d, :h, :w]
    return holes
