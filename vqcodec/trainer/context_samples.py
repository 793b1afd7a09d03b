"""Training samples of the context networks, drawn from augmented scans.

Every job turns one scan into quantised coefficients at a random step and keeps, per split,
band and phase, a fixed number of (inputs, coefficient) rows, so that the samples of all
networks stack into one array.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..background import solid_background
from ..boxes import bounding_box, crop
from ..entropy.coder import CodedSplit
from ..entropy.companding import Companding
from ..entropy.level_contexts import FrameGeometry, LevelContexts, frame_geometry
from ..entropy.neighbourhood import INPUTS_WITH_WIDE, WIDE_MAX, lattice_of
from ..entropy.tiling import tile_places
from ..layout import BANDS, PHASES, SPLITS, pads_to_four, step_of
from ..models.fill import fill_background
from ..models.frame_codec import FrameEncoder
from ..models.quantise import DEADZONE_ROUNDING
from ..models.wavelet import analyse
from ..models.wavelet_family import WaveletModel, wavelet_model
from ..registry import read_weights
from .scans import Scan, augment, load_scan, scans_of

ROWS_PER_JOB = (900, 900, 600, 200, 36, 6)
STEP_RANGE = (0.008, 0.22)
STRIPPED_HEADS, WHOLE_HEADS = "OpenNeuro ds002748", "OpenfMRI ds000011"
SOURCE_SHARES = {STRIPPED_HEADS: 0.5, WHOLE_HEADS: 0.3}
RARE_SHARE = 0.3
NETWORKS = len(BANDS) * len(PHASES)


@dataclass(frozen=True)
class Quantised:
    """Integer coefficients of one training volume, ``(7, d, h, w)`` for each split."""

    splits: tuple[NDArray[np.int32], ...]
    geometry: FrameGeometry
    step_index: int


def companding_tables() -> Companding:
    """Four classes an octave for magnitudes, linear to 12 for signed, eleven an octave for sums."""
    q = np.arange(512)
    magnitude = np.round(4 * np.log2(1 + q)).astype(np.int8)
    linear = np.minimum(q, 12)
    signed = np.where(q <= 12, linear, 12 + np.round(4 * np.log2(np.maximum(q, 12) / 12)))
    sums = np.arange(8192)
    wide = np.minimum(np.round(11 * np.log2(1 + sums / 4)), WIDE_MAX).astype(np.int8)
    return Companding(magnitude, signed.astype(np.int8), wide)


def quantise_for_training(
    x_DHW: NDArray[np.float32], step_index: int, model: WaveletModel | None = None
) -> Quantised:
    """Coefficients of a volume as the encoder would store them.

    With a model, its encoder's own choices; without one, a dead zone of 0.6.
    """
    background = solid_background(x_DHW)
    foreground = np.ones(x_DHW.shape, bool) if background is None else ~background
    box = bounding_box(foreground)
    x_DHW, foreground = crop(x_DHW, *box), crop(foreground, *box)
    geometry = frame_geometry(foreground)
    if model is not None:
        encoder = FrameEncoder(model, np.ascontiguousarray(x_DHW), foreground, torch.device("cpu"))
        splits = encoder.encode(step_index)[1].details
        return Quantised(splits, geometry, step_index)
    x = torch.from_numpy(np.pad(x_DHW, pads_to_four(x_DHW.shape), mode="edge"))
    care = geometry.foreground
    step = step_of(step_index)
    if not care.all():
        x = fill_background(x, torch.from_numpy(care), step, 8)
    splits = tuple(
        (np.sign(d) * np.floor(np.abs(d) / step + DEADZONE_ROUNDING) * s).astype(np.int32)
        for d, s in zip(
            (part.numpy() for part in analyse(x).details), geometry.support, strict=True
        )
    )
    return Quantised(splits, geometry, step_index)


def draw_rows(
    quantised: Quantised, rows: Sequence[int], rng: np.random.Generator
) -> Iterator[tuple[int, NDArray[np.int8], NDArray[np.int32]]]:
    """Random coded coefficients of every network, split by split.

    Yields
    ------
    split : int
    inputs : ndarray of int8
        ``(56, rows of the split, INPUTS_WITH_WIDE)``; columns that do not exist for a network
        are zero.
    targets : ndarray of int32
        ``(56, rows of the split)``.
    """
    places = tile_places(quantised.geometry.foreground.shape)
    step_index = quantised.step_index
    levels = LevelContexts(companding_tables(), quantised.geometry, step_index)
    for split in range(SPLITS - 1, -1, -1):
        cut = places if split <= 1 else None
        context, support = levels.start(split, cut)
        q = context.tiling.cut(quantised.splits[split])
        inputs = np.zeros((NETWORKS, rows[split], INPUTS_WITH_WIDE), np.int8)
        targets = np.zeros((NETWORKS, rows[split]), np.int32)
        for band in range(len(BANDS)):
            for phase in range(len(PHASES)):
                values = lattice_of(q[band], phase)
                coded = np.flatnonzero(lattice_of(support[band], phase))
                if len(coded):
                    picks = coded[rng.integers(len(coded), size=rows[split])]
                    network = band * len(PHASES) + phase
                    columns = context.columns(band, phase)
                    inputs[network][:, columns] = context.matrix(band, phase, picks).T
                    targets[network] = values.reshape(-1)[picks]
                context.store(band, phase, values)
        levels.record(split, context, CodedSplit(q, None), cut)
        yield split, inputs, targets


def pick_scan(scans: tuple[Scan, ...], rng: np.random.Generator) -> Scan:
    """A random scan; sources are drawn by ``SOURCE_SHARES``, the rest share what is left."""
    draw = rng.random()
    for source, share in SOURCE_SHARES.items():
        if draw < share:
            pool = [scan for scan in scans if scan.source == source]
            break
        draw -= share
    else:
        pool = [scan for scan in scans if is_rare(scan)]
    return (pool or list(scans))[int(rng.integers(len(pool or scans)))]


def pick_stripped(scans: tuple[Scan, ...], rng: np.random.Generator) -> Scan:
    """A random scan that is no whole head; rare sources are drawn more often than they are."""
    stripped = [scan for scan in scans if scan.source != WHOLE_HEADS]
    rare = [scan for scan in stripped if is_rare(scan)]
    pool = rare if rare and rng.random() < RARE_SHARE else stripped
    return pool[int(rng.integers(len(pool)))]


def is_rare(scan: Scan) -> bool:
    """Whether a scan is of a source that has no share of its own."""
    return scan.source not in SOURCE_SHARES


def collect(
    root: Path,
    out: Path,
    jobs: range,
    total: int,
    split_name: str = "train",
    weights: Path | None = None,
) -> None:
    """Write the rows of some jobs into ``out/inputs{split}.npy`` and ``targets{split}.npy``."""
    out.mkdir(parents=True, exist_ok=True)
    model = wavelet_model(read_weights(weights).tensors) if weights else None
    scans = scans_of(root, split_name)
    for job in jobs:
        started = time.perf_counter()
        rng = np.random.default_rng([20201, job])
        scan = pick_scan(scans, rng)
        x = load_scan(scan)
        if split_name == "train":
            x = augment(x, scan.voxel_mm, rng)
        low, high = np.log2(STEP_RANGE)
        step_index = round(-64 * rng.uniform(low, high))
        quantised = quantise_for_training(x, step_index, model)
        for split, inputs, targets in draw_rows(quantised, ROWS_PER_JOB, rng):
            for name, part in (("inputs", inputs), ("targets", targets)):
                _open(out / f"{name}{split}.npy", (total, *part.shape), part.dtype)[job] = part
        (out / "done.txt").open("a").write(f"{job}\n")
        print(
            job,
            scan.path.name,
            x.shape,
            step_index,
            f"{time.perf_counter() - started:.1f} s",
            flush=True,
        )


def _open(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[np.generic]:
    if path.exists():
        return np.lib.format.open_memmap(path, mode="r+")
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
