"""Training of the restoration network on what the codec itself decodes.

``collect`` encodes augmented training scans at random steps and keeps original and decoded
crops; ``train`` fits the network to their difference in units of the step, on random patches.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..background import solid_background
from ..boxes import bounding_box, crop
from ..entropy.level_contexts import Coefficients
from ..layout import padded_to_four, pads_to_four
from ..models.frame_codec import FrameEncoder
from ..models.restoration import (
    BLOCK,
    TRAINED_STEPS,
    RestorationNetwork,
    from_blocks,
    network_inputs,
)
from ..models.wavelet_family import WaveletModel, reconstruct_coefficients, wavelet_model
from ..registry import read_weights
from .context_samples import pick_scan
from .scans import augment, load_scan, scans_of

STEP_RANGE = TRAINED_STEPS
PATCH = 48
AVERAGE_DECAY = 0.995
#: What is darker, in units of the robust range, is air around a whole head and counts less.
AIR, AIR_WEIGHT = 0.06, 0.3


@dataclass(frozen=True)
class Pair:
    """One scan before and after the codec, float16, and its foreground; all ``(D, H, W)``."""

    original: NDArray[np.float16]
    decoded: NDArray[np.float16]
    foreground: NDArray[np.bool_]
    step: float


def encoder_of(model: WaveletModel, x_DHW: NDArray[np.float32]) -> FrameEncoder:
    """Encoder of a scan's foreground, on the CPU."""
    background = solid_background(x_DHW)
    foreground = np.ones(x_DHW.shape, bool) if background is None else ~background
    box = bounding_box(foreground)
    x, inside = (np.ascontiguousarray(crop(part, *box)) for part in (x_DHW, foreground))
    return FrameEncoder(model, x, inside, torch.device("cpu"))


def pair_of(encoder: FrameEncoder, coefficients: Coefficients, step_index: int) -> Pair:
    """What an encoder was given and what its coefficients decode to, without restoration."""
    model, x, inside = encoder.model, encoder.x_DHW, encoder.region
    shape = padded_to_four(x.shape)
    pads = pads_to_four(x.shape)
    plain, whole = replace(model, restoration=None), np.ones(shape, bool)
    decoded = reconstruct_coefficients(plain, coefficients, step_index, whole, encoder.device)
    return Pair(
        np.pad(x, pads).astype(np.float16),
        decoded.numpy().astype(np.float16),
        np.pad(inside, pads),
        model.plain_step(step_index),
    )


def make_pair(model: WaveletModel, x_DHW: NDArray[np.float32], step_index: int) -> Pair:
    """Encode and decode one scan, without restoration."""
    encoder = encoder_of(model, x_DHW)
    _, coefficients = encoder.encode(step_index)
    return pair_of(encoder, coefficients, step_index)


def collect(root: Path, weights: Path, out: Path, count: int, split: str) -> None:
    """Write ``count`` pairs into ``out``, one ``.npz`` each; existing ones are kept."""
    out.mkdir(parents=True, exist_ok=True)
    model = wavelet_model(read_weights(weights).tensors)
    pool = scans_of(root, split)
    low, high = np.log2(STEP_RANGE)
    for number in range(count):
        path = out / f"pair{number:04d}.npz"
        if path.exists():
            continue
        rng = np.random.default_rng([777, number])
        scan = pick_scan(pool, rng) if split == "train" else pool[number % len(pool)]
        x = load_scan(scan)
        if split == "train":
            x = augment(x, scan.voxel_mm, rng)
        step_index = round(-64 * rng.uniform(low, high))
        pair = make_pair(model, x, step_index)
        np.savez(path, **vars(pair))
        print(number, scan.path.name, step_index, flush=True)


def load_pairs(folder: Path) -> list[Pair]:
    """All pairs of a folder."""
    pairs = []
    for path in sorted(folder.glob("pair*.npz")):
        with np.load(path) as saved:
            fields = {name: saved[name] for name in ("original", "decoded", "foreground")}
            pairs.append(Pair(**fields, step=float(saved["step"])))
    return pairs


def _window(
    pair: Pair, start: NDArray[np.int64], halo: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Original (patch), decoded (patch with halo) and foreground (with halo)."""
    inner = tuple(slice(s, s + PATCH) for s in start)
    index = [
        np.clip(np.arange(s - halo, s + PATCH + halo), 0, n - 1)
        for s, n in zip(start, pair.decoded.shape, strict=True)
    ]
    grid = np.ix_(*index)
    return (
        pair.original[inner].astype(np.float32),
        pair.decoded[grid].astype(np.float32),
        pair.foreground[grid].astype(np.float32),
    )


def _draw(
    pairs: list[Pair], count: int, halo: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    windows: list[tuple[NDArray[np.float32], ...]] = []
    steps: list[float] = []
    while len(windows) < count:
        pair = pairs[int(rng.integers(len(pairs)))]
        room = np.array(pair.decoded.shape) - PATCH
        if room.min() < 0:
            continue
        start = np.array([2 * rng.integers(r // 2 + 1) for r in room])
        centre = tuple(slice(s + PATCH // 4, s + 3 * PATCH // 4) for s in start)
        if pair.foreground[centre].mean() < 0.3:
            continue
        windows.append(_window(pair, start, halo * BLOCK))
        steps.append(pair.step)
    original, decoded, mask = (
        torch.from_numpy(np.stack(part)) for part in zip(*windows, strict=True)
    )
    return original, decoded, mask, torch.tensor(steps)


def errors(network: RestorationNetwork, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Mean squared foreground error, in squared steps, before and after; each ``(B,)``."""
    original, decoded, mask, steps = batch
    edge = network.halo * BLOCK
    inner = (slice(None), *[slice(edge, -edge)] * 3)
    inputs = network_inputs(decoded, mask, steps)[..., 1:-1, 1:-1, 1:-1]
    correction = from_blocks(network(inputs, steps.log2()))
    wanted = (original - decoded[inner]) / steps[:, None, None, None]
    is_whole_head = mask[inner].amin(dim=(1, 2, 3), keepdim=True) > 0
    weight = torch.where(is_whole_head & (original < AIR), AIR_WEIGHT, mask[inner])
    total = weight.sum(dim=(1, 2, 3)).clamp_min(1)
    before = (weight * wanted.square()).sum(dim=(1, 2, 3)) / total
    after = (weight * (wanted - correction).square()).sum(dim=(1, 2, 3)) / total
    return before, after


def gains(network: RestorationNetwork, pairs: list[Pair], patches: int = 6) -> NDArray[np.float64]:
    """PSNR gain of each pair, in dB, over a few patches."""
    network.eval()
    found = []
    with torch.no_grad():
        for number, pair in enumerate(pairs):
            batch = _draw([pair], patches, network.halo, np.random.default_rng(number))
            before, after = errors(network, batch)
            found.append(10 * np.log10(before.mean().item() / after.mean().item()))
    network.train()
    return np.array(found)


def train(
    pairs: list[Pair],
    held_out: list[Pair],
    out: Path,
    *,
    network: RestorationNetwork,
    steps: int,
    batch: int,
    learning_rate: float,
) -> RestorationNetwork:
    """Fit a network; checkpoints, averaged over steps, go to ``out`` every 200 steps."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    averaged = copy.deepcopy(network).requires_grad_(False)
    optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=steps, pct_start=0.08
    )
    started = time.perf_counter()
    for step in range(1, steps + 1):
        before, after = errors(network, _draw(pairs, batch, network.halo, rng))
        loss = (after / before.clamp_min(1e-3)).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for kept, new in zip(averaged.parameters(), network.parameters(), strict=True):
                kept.lerp_(new, 1 - AVERAGE_DECAY)
        if step % 200 == 0 or step == steps:
            torch.save(averaged.state_dict(), out)
            by_pair = gains(averaged, held_out)
            print(
                f"{step} loss {loss.item():.4f} held-out gain {by_pair.mean():.3f} dB "
                f"{np.round(by_pair, 2).tolist()} {time.perf_counter() - started:.0f} s",
                flush=True,
            )
    return averaged
