"""Training of the mask networks: samples from foreground masks, logistic loss, tables."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as nn_functional
from numpy.typing import NDArray
from scipy import ndimage

from ..background import solid_background
from ..boxes import bounding_box, crop
from ..entropy.mask import (
    LEVEL_GROUPS,
    LOGIT_CLASSES,
    MASK_CLASSES,
    MASK_INPUTS,
    PREDICTED,
    LatticeContext,
    MaskModel,
    encode_mask,
    known_inputs,
    lattice_levels,
    lattice_phases,
    mask_input_limits,
    phase_tables,
)
from ..entropy.network import IntegerNetworks
from ..entropy.stream import TableSet
from ..entropy.tables import integer_frequencies
from ..envelope import envelope
from .context_export import integer_networks
from .context_samples import pick_stripped
from .prior import INPUT_UNIT, ContextNetworks
from .scans import FloatVolume, Scan, darkened, load_scan, regrid, scans_of

ROWS = (1000, 600, 200)
HIDDEN = (64, 24)
RAGGED_SHARE, SMOOTHED_SHARE = 0.3, 0.1
BLUR_VOXELS = (0.6, 2.0)

Lattice = tuple[LatticeContext, int, int, NDArray[np.intp], NDArray[np.bool_]]


def lattices(mask: NDArray[np.bool_]) -> Iterator[Lattice]:
    """Every predicted lattice of a mask: context, level, phase, positions, voxels."""
    levels = lattice_levels(mask.shape)
    for level in range(len(levels) - 2, -1, -1):
        fine = mask[tuple(slice(None, None, 1 << level) for _ in range(3))]
        context = LatticeContext(np.ascontiguousarray(fine[::2, ::2, ::2]))
        for phase, coded, steps in lattice_phases(fine.shape):
            voxels = fine[steps].reshape(-1)
            yield context, level, phase, coded, voxels
            padded = np.zeros(context.shape, bool)
            padded.reshape(-1)[coded] = voxels
            context.store(phase, padded)


def training_masks(root: Path, count: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Regions that the encoder would code of training scans that have a zero background.

    Scans get another grid, and some of them a ragged outline; rare sources are drawn more often
    than they are. Some regions are smoothed, as those of other programs are.
    """
    rng = np.random.default_rng(seed)
    scans = scans_of(root, "train")
    loaded = functools.cache(_cut)
    made = 0
    while made < count:
        scan = pick_stripped(scans, rng)
        if (x := loaded(scan)) is None:
            continue
        if rng.random() < RAGGED_SHARE:
            x = darkened(x, rng)
        moved = regrid((x != 0).astype(np.float32), scan.voxel_mm, rng, orders=(1,)) != 0
        region = envelope(moved)
        region = moved if region is None else region
        if rng.random() < SMOOTHED_SHARE:
            blurred = ndimage.gaussian_filter(
                np.pad(region, 3).astype(np.float32), rng.uniform(*BLUR_VOXELS)
            )
            region = blurred > rng.uniform(0.35, 0.65)
        made += 1
        yield np.ascontiguousarray(crop(region, *bounding_box(region)))


def _cut(scan: Scan) -> FloatVolume | None:
    x = load_scan(scan)
    background = solid_background(x)
    return None if background is None else np.pad(crop(x, *bounding_box(~background)), 2)


def collect(
    masks: Iterator[NDArray[np.bool_]],
) -> tuple[list[list[NDArray[np.int8]]], list[list[NDArray[np.float32]]]]:
    """Rows per network of open positions."""
    rng = np.random.default_rng(0)
    inputs: list[list[NDArray[np.int8]]] = [[] for _ in range(LEVEL_GROUPS * PREDICTED)]
    targets: list[list[NDArray[np.float32]]] = [[] for _ in range(LEVEL_GROUPS * PREDICTED)]
    for mask in masks:
        for context, level, phase, coded, voxels in lattices(mask):
            group = min(level, LEVEL_GROUPS - 1)
            open_positions = np.flatnonzero(~context.alike.reshape(-1)[coded])
            if open_positions.size == 0:
                continue
            picks = rng.choice(open_positions, min(ROWS[group], open_positions.size), replace=False)
            columns = [entry[0] for entry in known_inputs(phase)] + [MASK_INPUTS - 1]
            rows = np.zeros((len(picks), MASK_INPUTS), np.int8)
            rows[:, columns] = context.matrix(phase, coded[picks]).T
            network = group * PREDICTED + phase - 1
            inputs[network].append(rows)
            targets[network].append(voxels[picks].astype(np.float32))
    return inputs, targets


def train(
    inputs: list[NDArray[np.int8]],
    targets: list[NDArray[np.float32]],
    steps: int,
    hidden: tuple[int, int] = HIDDEN,
) -> ContextNetworks:
    """Train all networks at once on rows drawn with replacement."""
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    model = ContextNetworks(len(inputs), inputs[0].shape[1], *hidden, start=(0.0,))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 3e-3, total_steps=steps, pct_start=0.1
    )
    for step in range(steps):
        picks = [rng.integers(len(rows), size=512) for rows in inputs]
        x = torch.from_numpy(np.stack([rows[p] for rows, p in zip(inputs, picks, strict=True)]))
        y = torch.from_numpy(np.stack([t[p] for t, p in zip(targets, picks, strict=True)]))
        logits = model(x.float() * INPUT_UNIT)[..., 0]
        loss = nn_functional.binary_cross_entropy_with_logits(logits, y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 300 == 299:
            print(step + 1, f"{loss.item() / np.log(2):.4f} bits", flush=True)
    return model


def table_counts(
    masks: Iterator[NDArray[np.bool_]], networks: IntegerNetworks
) -> NDArray[np.float64]:
    """Background and foreground counts of every mask class."""
    even = TableSet(np.full((LEVEL_GROUPS * MASK_CLASSES, 2), 1 << 23, np.uint32))
    model = MaskModel(networks, even)
    counts = np.zeros((LEVEL_GROUPS * MASK_CLASSES, 2))
    for mask in masks:
        for context, level, phase, coded, voxels in lattices(mask):
            tables = phase_tables(model, context, level, phase, coded)
            flat = np.bincount(tables * 2 + voxels, minlength=counts.size)
            counts += flat.reshape(counts.shape)
    return counts


def smoothed(counts: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Frequencies with a logistic prior from the class centres."""
    foreground = np.append(logistic_shares(), (1e-5, 1 - 1e-5))
    prior = np.tile(np.stack((1 - foreground, foreground), 1), (LEVEL_GROUPS, 1))
    return integer_frequencies(counts + 4 * prior, floor=16)


def logistic_shares() -> NDArray[np.float64]:
    """Probability of a one at the centre of each class of logits, ``(LOGIT_CLASSES,)``."""
    logits = (np.arange(LOGIT_CLASSES) + 0.5) / 4 - 8
    shares: NDArray[np.float64] = 1 / (1 + np.exp(-logits))
    return shares


def build_mask(root: Path, out: Path, masks: int, steps: int) -> None:
    """Train the mask networks, count their tables and save ``out/mask.npz``."""
    rows, answers = collect(training_masks(root, masks, 5))
    inputs, targets = [np.concatenate(r) for r in rows], [np.concatenate(t) for t in answers]
    limits = mask_input_limits()
    tensors = integer_networks(train(inputs, targets, steps), limits)
    networks = tensors.networks(limits)
    tables = smoothed(table_counts(training_masks(root, max(masks // 3, 8), 6), networks))
    np.savez(out / "mask.npz", tables=tables, **vars(tensors))
    model = MaskModel(networks, TableSet(tables))
    for scan in scans_of(root, "val"):
        background = solid_background(load_scan(scan))
        if background is not None:
            inside = ~background
            inside = np.ascontiguousarray(crop(inside, *bounding_box(inside)))
            print(scan.path.name, inside.shape, len(encode_mask(inside, model)), "bytes")
