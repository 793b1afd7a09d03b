"""Training of the networks that find background inside of the coded region.

Few scans have a ragged background of their own; others get one, as thresholds and rounding would
leave it: what is dark becomes zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..background import solid_background
from ..boxes import bounding_box, crop
from ..entropy.hole_contexts import LATTICES, TileContext, bordered, hole_input_limits, inner
from ..entropy.holes import (
    BRIGHT_TABLE,
    HOLE_TABLES,
    HoleModel,
    PreviewedTile,
    fitted_edge,
    previewed_tiles,
    tables_of,
)
from ..entropy.levels import context_index
from ..entropy.network import IntegerNetworks
from ..entropy.stream import TableSet
from ..entropy.tables import integer_frequencies
from ..entropy.tiling import tile_places
from ..envelope import envelope
from ..models.frame_codec import FrameEncoder
from ..models.wavelet_family import WaveletModel, wavelet_model
from ..registry import read_weights
from .context_export import integer_networks
from .context_samples import STEP_RANGE, is_rare, pick_stripped
from .mask_prior import logistic_shares, train
from .scans import FloatVolume, augment, darkened, load_scan, scans_of

ROWS_PER_TILE = 400
HIDDEN = (32, 12)
SAMPLING_EFFORT = 3
#: Of the draws from a scan with a ragged background of its own, those that keep it as it is.
KEPT_SHARE = 0.5

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ragged:
    """A coded crop whose region holds background: its tiles with holes, and those holes."""

    tiles: tuple[PreviewedTile, ...]
    holes: tuple[Mask, ...]
    told_index: int


def ragged_scans(root: Path, weights: Path, count: int, seed: int) -> Iterator[Ragged]:
    """Augmented training scans with a ragged background, coded at random steps."""
    rng = np.random.default_rng(seed)
    scans = scans_of(root, "train")
    model = wavelet_model(read_weights(weights).tensors)
    low, high = np.log2(STEP_RANGE)
    made = 0
    while made < count:
        scan = pick_stripped(scans, rng)
        x = augment(load_scan(scan), scan.voxel_mm, rng)
        if not is_rare(scan) or rng.random() > KEPT_SHARE:
            x = darkened(x, rng)
        background = solid_background(x)
        region = None if background is None else envelope(~background)
        if region is None or background is None:
            continue
        made += 1
        box = bounding_box(region)
        cut = [np.ascontiguousarray(crop(part, *box)) for part in (x, region, background)]
        print(made, scan.path.name, cut[0].shape, flush=True)
        yield coded(model, cut[0], cut[1], cut[1] & cut[2], round(-64 * rng.uniform(low, high)))


def coded(
    model: WaveletModel, x_DHW: FloatVolume, region: Mask, holes: Mask, step_index: int
) -> Ragged:
    """Every tile with holes of a crop, as the encoder would code it."""
    encoder = FrameEncoder(model, x_DHW, region, torch.device("cpu"), SAMPLING_EFFORT)
    step_index += model.finer_by
    _, coefficients = encoder.encode(step_index)
    cut = {tile: bordered(holes, tile) for tile in tile_places(region.shape)}
    used = [tile for tile, part in cut.items() if inner(part).any()]
    tiles = tuple(previewed_tiles(coefficients, region, step_index, used))
    told_index = context_index(model.entropy, step_index)
    return Ragged(tiles, tuple(cut[tile] for tile in used), told_index)


def lattices(ragged: Ragged) -> Iterator[tuple[TileContext, int, NDArray[np.intp], Mask]]:
    """Every lattice of every tile: context, number, voxels, and which of them are holes."""
    edge = fitted_edge(ragged.tiles, ragged.holes)
    for tile, holes in zip(ragged.tiles, ragged.holes, strict=True):
        context = TileContext(tile.levels, tile.region, edge, ragged.told_index)
        for lattice in range(LATTICES):
            voxels = context.voxels(lattice)
            found = holes.reshape(-1)[voxels]
            yield context, lattice, voxels, found
            context.store(voxels, found)


def collect(
    scans: Iterator[Ragged],
) -> tuple[list[NDArray[np.int8]], list[NDArray[np.float32]]]:
    """Rows of dark voxels for each network, and whether they are holes."""
    rng = np.random.default_rng(0)
    inputs: list[list[NDArray[np.int8]]] = [[] for _ in range(LATTICES)]
    targets: list[list[NDArray[np.float32]]] = [[] for _ in range(LATTICES)]
    for ragged in scans:
        for context, lattice, voxels, found in lattices(ragged):
            dark = np.flatnonzero(context.is_dark(voxels))
            picks = rng.choice(dark, min(ROWS_PER_TILE, dark.size), replace=False)
            inputs[lattice].append(context.inputs(voxels[picks]).T)
            targets[lattice].append(found[picks].astype(np.float32))
    return [np.concatenate(rows) for rows in inputs], [np.concatenate(t) for t in targets]


def table_counts(scans: Iterator[Ragged], networks: IntegerNetworks) -> NDArray[np.float64]:
    """How often voxels of each class are foreground and holes, ``(HOLE_TABLES, 2)``."""
    model = HoleModel(networks, TableSet(np.full((HOLE_TABLES, 2), 1 << 23, np.uint32)))
    counts = np.zeros((HOLE_TABLES, 2))
    for ragged in scans:
        for context, lattice, voxels, found in lattices(ragged):
            flat = tables_of(model, context, lattice, voxels) * 2 + found
            counts += np.bincount(flat, minlength=counts.size).reshape(counts.shape)
    return counts


def build_holes(root: Path, out: Path, weights: Path, scans: int, steps: int) -> None:
    """Train the networks, count their tables and save ``out/holes.npz``.

    Parameters
    ----------
    weights : Path
        Weights file whose encoder codes the scans.
    scans : int
        To train on; a third as many more are counted.
    """
    limits = hole_input_limits()
    rows = collect(ragged_scans(root, weights, scans, 11))
    tensors = integer_networks(train(*rows, steps, HIDDEN), limits)
    networks = tensors.networks(limits)
    counts = table_counts(ragged_scans(root, weights, max(scans // 3, 4), 12), networks)
    shares = np.append(logistic_shares(), 1e-4)
    prior = np.stack((1 - shares, shares), 1)
    tables = integer_frequencies(counts + 4 * prior, floor=16)
    ideal = -(counts * np.log2(tables / 2.0**24)).sum()
    print(
        f"holes: {counts[:, 1].sum():.0f} in {counts.sum():.0f} voxels, "
        f"{counts[BRIGHT_TABLE, 1]:.0f} of them bright, {ideal / counts[:, 1].sum():.3f} bits each"
    )
    np.savez(out / "holes.npz", tables=tables, **vars(tensors))
