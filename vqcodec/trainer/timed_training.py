"""Training on a GPU for a set time, on draws that processes on the CPU make meanwhile.

``python -m vqcodec.trainer.timed_training DATA RUN --start WEIGHTS --minutes 9 contexts``: goes
on from the networks of a weights file (with more hidden units, if asked), and leaves in the run
folder what the stages ``contexts`` and ``restoration`` of the recipe leave there. Draws lie
in ``--draws`` and are deleted once they are on the GPU; ``workers`` makes them.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..entropy.groups import GROUPS
from ..models.restoration import BLOCK, RestorationNetwork, restoration_network
from ..registry import read_weights
from .build_contexts import existing_inputs
from .context_draws import SplitDraw
from .context_export import float_networks
from .draw_workers import draws_of, start_workers
from .prior import INPUT_UNIT, ContextNetworks, laplace_bits
from .restoration import PATCH, Pair, errors

#: Of the time, for each group of splits.
SHARES = (0.45, 0.35, 0.15, 0.05)
DRAWS_AT_ONCE, ROWS_AT_ONCE = 16, 64
PATCHES_AT_ONCE = 32
FIRST_DRAWS = 12
WARM_UP = 0.03
LEAST_RATE = 0.01
AVERAGE_DECAY = 0.999
REPORT_SECONDS = 20.0


def rate_factor(share: float) -> float:
    """Learning rate, as a share of the largest, after a share of the time."""
    if share < WARM_UP:
        return share / WARM_UP
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, (share - WARM_UP) / (1 - WARM_UP))))
    return LEAST_RATE + (1 - LEAST_RATE) * cosine


def new_files(folder: Path, pattern: str, taken: set[str]) -> Iterator[Path]:
    """Files that have come since the last call."""
    for path in sorted(folder.glob(pattern)):
        if path.name not in taken and not path.name.endswith(".part.npz"):
            taken.add(path.name)
            yield path


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
        inputs = values.float() * INPUT_UNIT
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
        networks = [widened(known, *size[group]) for size in sizes]
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
        for _ in range(40):
            groups[int(rng.choice(len(GROUPS), p=SHARES))].step(rng, factor, rate)
        if time.time() - reported > REPORT_SECONDS or elapsed + 2 > seconds:
            reported = time.time()
            print(f"contexts {elapsed:.0f} s, {len(taken)} draws", flush=True)
            for number, training in enumerate(groups):
                print(f"  {number}: {training.report()}", flush=True)
                for size, network in enumerate(training.networks):
                    torch.save(network.state_dict(), out / f"contexts{number}-{size}.pt")


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
    keeps_files: bool = False,
) -> None:
    """Train a restoration network; ``out`` holds its weights, averaged over steps."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = network.to(device).train()
    averaged = copy.deepcopy(network).requires_grad_(False)
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
        chosen = [pairs[k] for k in rng.integers(len(pairs), size=PATCHES_AT_ONCE)]
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
            torch.save(averaged.state_dict(), out)
            print(
                f"{out.stem} {elapsed:.0f} s {steps} steps, {len(pairs)} pairs: loss "
                f"{lately.item():.4f} unseen {np.mean(unseen or [0]):.3f} dB ({len(unseen)})",
                flush=True,
            )
            unseen = []


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with manifest.csv")
    parser.add_argument("run", type=Path, help="folder for what is trained")
    parser.add_argument("what", choices=("workers", "contexts", "restoration"))
    parser.add_argument("--start", type=Path, required=True, help="weights file to go on from")
    parser.add_argument("--draws", type=Path, required=True, help="folder for draws")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--workers", type=int, default=13)
    parser.add_argument("--first-job", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--wide", type=int, default=0, help="channels of the wide branch")
    parser.add_argument("--keeps", action="store_true", help="leave pairs to another process")
    parser.add_argument("--hidden", type=int, nargs=8, action="append", default=[])
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    options.draws.mkdir(parents=True, exist_ok=True)
    seconds, device = 60 * options.minutes, torch.device(options.device)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    if options.what == "workers":
        for process in start_workers(
            options.data,
            options.start,
            options.draws,
            options.workers,
            time.time() + seconds,
            options.first_job,
        ):
            process.join()
    elif options.what == "contexts":
        sizes = [tuple(zip(h[::2], h[1::2], strict=True)) for h in options.hidden]
        train_contexts(
            options.start,
            options.draws,
            options.run,
            sizes=sizes,
            seconds=seconds,
            device=device,
            rate=options.rate,
        )
    else:
        network = restoration_network(read_weights(options.start).tensors)
        if network is None:
            raise SystemExit(f"{options.start} holds no restoration")
        if options.wide:
            larger = RestorationNetwork(network.third.in_channels, options.depth, options.wide)
            larger.load_state_dict(network.state_dict(), strict=False)
            network = larger
        train_restoration(
            network.requires_grad_(True),
            options.draws,
            options.run / f"restoration-{options.wide}.pt",
            seconds=seconds,
            device=device,
            rate=options.rate,
            keeps_files=options.keeps,
        )


if __name__ == "__main__":
    main()
