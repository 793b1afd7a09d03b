"""Training of the context networks: one small network per split, band and phase.

Each network reads the integer inputs of :mod:`vqcodec.entropy.neighbourhood` and gives the
location and the log2 scale of a Laplace distribution over the quantised coefficient. The 56
networks of a split train at once as batched matrix products.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

INPUT_UNIT = 1 / 8
LOG2_SCALE_RANGE = (-5.4, 6.4)
LAPLACE_START = (0.0, -1.5)


class ContextNetworks(nn.Module):
    """``networks`` independent perceptrons ``inputs -> hidden -> hidden_2 -> outputs``."""

    def __init__(
        self, networks: int, inputs: int, hidden: int, hidden_2: int, start: tuple[float, ...]
    ) -> None:
        super().__init__()
        scale = (2 / inputs) ** 0.5
        self.first = nn.Parameter(torch.randn(networks, inputs, hidden) * scale)
        self.second = nn.Parameter(torch.randn(networks, hidden, hidden_2) * (2 / hidden) ** 0.5)
        self.second_bias = nn.Parameter(torch.zeros(networks, 1, hidden_2))
        self.last = nn.Parameter(
            torch.randn(networks, hidden_2, len(start)) * 0.3 * (1 / hidden_2) ** 0.5
        )
        self.last_bias = nn.Parameter(torch.tensor(start).repeat(networks, 1, 1))

    def forward(self, inputs_NBK: Tensor) -> Tensor:
        """Outputs ``(networks, batch, outputs)`` of inputs in units of ``INPUT_UNIT``.

        Inputs of another type than the weights set the type of the first product.
        """
        first = self.first.to(inputs_NBK.dtype)
        x = torch.relu(torch.bmm(inputs_NBK, first).to(self.first.dtype))
        x = torch.relu(torch.baddbmm(self.second_bias, x, self.second))
        return torch.baddbmm(self.last_bias, x, self.last)


def laplace_bits(q: Tensor, outputs: Tensor, second: Tensor | None = None) -> Tensor:
    """Ideal code length of quantised values, in bits.

    The bins are those of a dead-zone quantiser that rounds ``abs(c) + 0.4`` down; where
    ``second`` is 1, of the second quantiser of a trellis (see ``laplace_mass``).
    """
    location, log2_scale = outputs.unbind(-1)
    inverse = torch.exp2(-log2_scale.clamp(*LOG2_SCALE_RANGE))
    upper = q + torch.where(q >= 0, 0.6, 0.4)
    lower = q - torch.where(q <= 0, 0.6, 0.4)
    if second is not None:
        upper_2 = torch.where(q > 0, q + 0.12, torch.where(q == 0, 0.31, q + 0.88))
        lower_2 = torch.where(q < 0, q - 0.12, torch.where(q == 0, -0.31, q - 0.88))
        upper_2 = torch.where(q == -1, -0.31, upper_2)
        lower_2 = torch.where(q == 1, 0.31, lower_2)
        upper, lower = (
            torch.where(second > 0, other, one)
            for one, other in ((upper, upper_2), (lower, lower_2))
        )
    a, b = (lower - location) * inverse, (upper - location) * inverse
    both_right = a > 0
    both_left = b < 0
    near = torch.where(both_right, a, -b)
    one_sided = 0.5 * torch.exp(-near.clamp_min(0)) * -torch.expm1(-(b - a))
    middle = 1 - 0.5 * torch.exp(-b.clamp_min(0)) - 0.5 * torch.exp(a.clamp_max(0))
    mass = torch.where(both_right | both_left, one_sided, middle)
    return -torch.log2(mass.clamp_min(2.0**-24))


def _batch(
    inputs: NDArray[np.int8],
    targets: NDArray[np.int32],
    jobs: int,
    rows: int,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    picked = rng.integers(len(inputs), size=jobs)
    available = inputs.shape[2]
    rows = min(rows, available)
    starts = rng.integers(available - rows + 1, size=jobs)
    x = np.concatenate([inputs[j, :, s : s + rows] for j, s in zip(picked, starts, strict=True)], 1)
    q = np.concatenate(
        [targets[j, :, s : s + rows] for j, s in zip(picked, starts, strict=True)], 1
    )
    return torch.from_numpy(x).float() * INPUT_UNIT, torch.from_numpy(np.array(q)).float()


@torch.no_grad()
def mean_bits(
    model: ContextNetworks, inputs: NDArray[np.int8], targets: NDArray[np.int32]
) -> float:
    """Average ideal bits a coefficient over whole sample arrays."""
    total = 0.0
    for x, q in zip(inputs, targets, strict=True):
        bits = laplace_bits(
            torch.from_numpy(np.array(q)).float(),
            model(torch.from_numpy(np.array(x)).float() * INPUT_UNIT),
        )
        total += bits.mean().item()
    return total / len(inputs)


def train_split(
    inputs: NDArray[np.int8],
    targets: NDArray[np.int32],
    validation: tuple[NDArray[np.int8], NDArray[np.int32]],
    model: ContextNetworks,
    *,
    exists: NDArray[np.bool_],
    steps: int,
    batch: tuple[int, int] = (32, 24),
    learning_rate: float = 4e-3,
    weight_decay: float = 0.02,
    seed: int = 0,
) -> ContextNetworks:
    """Train the networks of one split, from what they are.

    Parameters
    ----------
    inputs : ndarray of int8
        ``(jobs, networks, rows, inputs)``.
    targets : ndarray of int32
        ``(jobs, networks, rows)``.
    exists : ndarray of bool
        ``(networks, inputs)``; weights of inputs that a network never sees stay zero.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        model.first.mul_(torch.from_numpy(exists)[:, :, None])
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=steps, pct_start=0.1
    )
    started = time.perf_counter()
    running = 0.0
    for step in range(steps):
        x, q = _batch(inputs, targets, *batch, rng)
        bits = laplace_bits(q, model(x)).mean()
        optimiser.zero_grad(set_to_none=True)
        bits.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        running = 0.98 * running + 0.02 * bits.item() if step else bits.item()
        if step % 200 == 199 or step == steps - 1:
            print(
                f"{step + 1} train {running:.4f} val {mean_bits(model, *validation):.4f} "
                f"{time.perf_counter() - started:.0f} s",
                flush=True,
            )
    return model
