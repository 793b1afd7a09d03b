"""Training of the context networks on draws, on a GPU if there is one, for a set time."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..entropy.groups import GROUPS
from ..registry import read_weights
from .build_contexts import existing_inputs
from .context_draws import SplitDraw
from .context_export import float_networks
from .draw_files import FIRST_DRAWS, REPORT_SECONDS, new_files, rate_factor
from .draw_workers import draws_of
from .prior import INPUT_UNIT, ContextNetworks, laplace_bits

#: Of the time, for each group of splits.
SHARES = (0.45, 0.35, 0.15, 0.05)
DRAWS_AT_ONCE, ROWS_AT_ONCE = 16, 64
STEPS_AT_ONCE = 40


def widened(model: ContextNetworks, hidden: int, hidden_2: int) -> ContextNetworks:
    """The same function with more hidden units, whose outputs weigh nothing yet."""
    networks, inputs, known = model.first.shape
    known_2, outputs = model.last.shape[1:]
    wide = ContextNetworks(networks, inputs, hidden, hidden_2, (0.0,) * outputs)
    with torch.no_grad():
        wide.first[:, :, :known] = model.first
        wide.second[:, known:, :known_2] = 0
        wide.second[:, :known, :known_2] = model.second
        wide.second_bias[..., :known_2] = model.second_bias
        wide.last[:, known_2:] = 0
        wide.last[:, :known_2] = model.last
        wide.last_bias.copy_(model.last_bias)
    return wide


class _DeviceDraw:
    """Draw of a split on the GPU."""

    def __init__(self, draw: SplitDraw, device: torch.device) -> None:
        self.rows = draw.targets.shape[1]
        self._values, self._bases, self._corners, self._targets = (
            torch.from_numpy(part).to(device)
            for part in (draw.values, draw.bases, draw.corners, draw.targets)
        )
        self._shapes = torch.from_numpy(draw.shapes).to(device)
        self._seconds = torch.from_numpy(draw.seconds).to(device)

    def batch(self, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs ``(56, rows, inputs)``, labels and quantisers of some rows."""
        corners = self._corners[:, rows]
        shapes = self._shapes.long()[:, None].expand(-1, corners.shape[1], -1)
        places = corners.gather(2, shapes) + self._bases[:, None]
        values = self._values.index_select(0, places.flatten()).view(places.shape)
        # Small integers are exact in it, and it halves the time of the largest product.
        inputs = values.bfloat16() * INPUT_UNIT
        return inputs, self._targets[:, rows].float(), self._seconds[:, rows]


def _batch(draws: list[_DeviceDraw], rng: np.random.Generator) -> tuple[Tensor, ...]:
    parts = []
    for number in rng.integers(len(draws), size=DRAWS_AT_ONCE):
        draw = draws[number]
        count = min(ROWS_AT_ONCE, draw.rows)
        start = int(rng.integers(draw.rows - count + 1))
        parts.append(draw.batch(slice(start, start + count)))
    return tuple(torch.cat(part, dim=1) for part in zip(*parts, strict=True))


class _GroupTraining:
    """Networks of one group, of several sizes, on the same batches."""

    def __init__(self, networks: list[ContextNetworks], rate: float, device: torch.device) -> None:
        exists = torch.from_numpy(existing_inputs()).to(device)
        self.networks = [network.to(device) for network in networks]
        for network in self.networks:
            with torch.no_grad():
                network.first.mul_(exists[:, :, None])
        self.optimisers = [
            torch.optim.AdamW(n.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.02)
            for n in self.networks
        ]
        self.draws: list[_DeviceDraw] = []
        self.running = torch.zeros(len(networks), device=device)
        self.unseen = torch.zeros(len(networks) + 1, device=device)
        self.steps = 0

    @torch.no_grad()
    def take(self, draw: SplitDraw, device: torch.device) -> None:
        """Add a draw, after a look at how well it is predicted before it is trained on."""
        held = _DeviceDraw(draw, device)
        x, q, second = held.batch(slice(0, 512))
        bits = [laplace_bits(q, network(x), second).mean() for network in self.networks]
        self.unseen += torch.stack([*bits, torch.ones_like(bits[0])])
        self.draws.append(held)

    def step(self, rng: np.random.Generator, factor: float, rate: float) -> None:
        """One step of every network."""
        x, q, second = _batch(self.draws, rng)
        found = []
        for network, optimiser in zip(self.networks, self.optimisers, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            bits = laplace_bits(q, network(x), second).mean()
            optimiser.zero_grad(set_to_none=True)
            bits.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            found.append(bits.detach())
        self.running.lerp_(torch.stack(found), 0.02 if self.steps else 1.0)
        self.steps += 1

    def report(self) -> str:
        """Bits a coefficient lately, and of draws before they were trained on."""
        unseen = (self.unseen[:-1] / self.unseen[-1].clamp_min(1)).tolist()
        self.unseen.zero_()
        lately = [round(bits, 4) for bits in self.running.tolist()]
        return f"{self.steps} steps {lately} unseen {[round(bits, 4) for bits in unseen]}"


def train_contexts(
    start: Path,
    draws: Path,
    out: Path,
    *,
    sizes: list[tuple[tuple[int, int], ...]],
    seconds: float,
    device: torch.device,
    rate: float,
) -> None:
    """Train all groups; ``contexts{group}-{size}.pt`` hold the networks."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    tensors = read_weights(start).tensors
    groups = []
    for group in range(len(GROUPS)):
        known = float_networks(tensors, f"contexts/{group}", existing_inputs().shape[1])
        own = (known.second.shape[1], known.second.shape[2])
        networks = [widened(known, *size[group]) for size in sizes] or [widened(known, *own)]
        groups.append(_GroupTraining(networks, rate, device))
    taken: set[str] = set()
    began = reported = time.time()
    while (elapsed := time.time() - began) < seconds:
        for path in new_files(draws, "draw*.npz", taken):
            with np.load(path) as saved:
                found = draws_of({name: saved[name] for name in saved.files})
            path.unlink()
            for group, splits in enumerate(GROUPS):
                for split in splits:
                    groups[group].take(found[split], device)
        if len(taken) < FIRST_DRAWS:
            time.sleep(0.5)
            continue
        factor = rate_factor(elapsed / seconds)
        for _ in range(STEPS_AT_ONCE):
            groups[int(rng.choice(len(GROUPS), p=SHARES))].step(rng, factor, rate)
        if time.time() - reported > REPORT_SECONDS or elapsed + 2 > seconds:
            reported = time.time()
            print(f"contexts {elapsed:.0f} s, {len(taken)} draws", flush=True)
            for number, training in enumerate(groups):
                print(f"  {number}: {training.report()}", flush=True)
                for size, network in enumerate(training.networks):
                    torch.save(network.state_dict(), out / f"contexts{number}-{size}.pt")
