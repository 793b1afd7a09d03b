"""Training of the restoration network on pairs, on a GPU if there is one, for a set time."""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..models.restoration import BLOCK, RestorationNetwork
from .draw_files import FIRST_DRAWS, REPORT_SECONDS, new_files, rate_factor
from .restoration import PATCH, Pair, errors

AVERAGE_DECAY = 0.999


class _DevicePair:
    """Pair on the GPU, with a border for the patches' halo."""

    def __init__(self, pair: Pair, halo: int, device: torch.device) -> None:
        self.step = pair.step
        self._edge = halo * BLOCK
        borders = [self._edge] * 6
        decoded = torch.from_numpy(pair.decoded).to(device)[None, None]
        self.decoded = nn.functional.pad(decoded.float(), borders, mode="replicate")[0, 0].half()
        self.original = torch.from_numpy(pair.original).to(device)
        seen = torch.from_numpy(pair.foreground).to(device).half()
        self.foreground = nn.functional.pad(seen, borders)
        # Where patches may begin: on blocks, and with a third of foreground in their middle.
        self.starts = _starts(pair.foreground)

    def window(self, start: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Original (patch), decoded and foreground (with halo)."""
        inner = tuple(slice(s, s + PATCH) for s in start.tolist())
        outer = tuple(slice(s, s + PATCH + 2 * self._edge) for s in start.tolist())
        return self.original[inner], self.decoded[outer], self.foreground[outer]


def _starts(foreground: NDArray[np.bool_]) -> NDArray[np.int64]:
    room = np.array(foreground.shape) - PATCH
    if room.min() < 0:
        return np.zeros((0, 3), np.int64)
    axes = [np.arange(0, r + 1, 4) for r in room]
    totals = np.pad(foreground.astype(np.int64).cumsum(0).cumsum(1).cumsum(2), [(1, 0)] * 3)
    starts = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    low, high = starts + PATCH // 4, starts + 3 * PATCH // 4
    total = np.zeros(len(starts), np.int64)
    for corner in np.ndindex(2, 2, 2):
        z, y, x = (np.where(c, high[:, a], low[:, a]) for a, c in enumerate(corner))
        total += (1 if sum(corner) % 2 else -1) * totals[z, y, x]
    return starts[total >= 0.3 * (PATCH // 2) ** 3]


def train_restoration(
    network: RestorationNetwork,
    draws: Path,
    out: Path,
    *,
    seconds: float,
    device: torch.device,
    rate: float,
    patches: int = 32,
    keeps_files: bool = False,
    start_share: float = 0.0,
) -> None:
    """Train a restoration network; ``out`` holds its weights, averaged over steps.

    Parameters
    ----------
    start_share : float
        From 0 to 1, share of the first weights in what is written: the mean of what a network was
        and what it has become on few scans does better on others than either (Wortsman et al.
        2022, arXiv 2109.01903).
    """
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = network.to(device).train()
    averaged = copy.deepcopy(network).requires_grad_(False)
    start = {name: tensor.clone() for name, tensor in averaged.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
    pairs: list[_DevicePair] = []
    taken: set[str] = set()
    began = reported = time.time()
    steps, lately = 0, torch.ones((), device=device)
    unseen: list[float] = []

    def drawn(chosen: list[_DevicePair]) -> tuple[Tensor, ...]:
        windows = [pair.window(pair.starts[rng.integers(len(pair.starts))]) for pair in chosen]
        parts = [torch.stack(part).float() for part in zip(*windows, strict=True)]
        return (*parts, torch.tensor([pair.step for pair in chosen], device=device))

    while (elapsed := time.time() - began) < seconds:
        for path in new_files(draws, "pair*.npz", taken):
            with np.load(path) as saved:
                fields = {name: saved[name] for name in ("original", "decoded", "foreground")}
                pair = _DevicePair(Pair(**fields, step=float(saved["step"])), network.halo, device)
            if not keeps_files:
                path.unlink()
            if len(pair.starts):
                with torch.no_grad():
                    before, after = errors(averaged, drawn([pair] * 4))
                unseen.append(10 * math.log10(before.mean().item() / after.mean().item()))
                pairs.append(pair)
        if len(pairs) < FIRST_DRAWS:
            time.sleep(0.5)
            continue
        for group in optimiser.param_groups:
            group["lr"] = rate * rate_factor(elapsed / seconds)
        chosen = [pairs[k] for k in rng.integers(len(pairs), size=patches)]
        batch = drawn(chosen)
        with torch.autocast(device.type, torch.bfloat16):
            before, after = errors(network, batch)
        loss = (after / before.clamp_min(1e-3)).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimiser.step()
        steps += 1
        lately = lately.lerp(loss.detach(), 0.02)
        decay = min(AVERAGE_DECAY, steps / (steps + 10))
        with torch.no_grad():
            for kept, new in zip(averaged.parameters(), network.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        if time.time() - reported > REPORT_SECONDS or elapsed + 1 > seconds:
            reported = time.time()
            state = averaged.state_dict()
            torch.save({name: w.lerp(start[name], start_share) for name, w in state.items()}, out)
            print(
                f"{out.stem} {elapsed:.0f} s {steps} steps, {len(pairs)} pairs: loss "
                f"{lately.item():.4f} unseen {np.mean(unseen or [0]):.3f} dB ({len(unseen)})",
                flush=True,
            )
            unseen = []
