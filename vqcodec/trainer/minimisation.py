"""One training step: every objective down its averaged, clipped gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from .distribution import average_over_ranks
from .recipe import Recipe
from .schedule import CosineRestarts, WeightAverage
from .systems import Outcome, System


@dataclass(frozen=True)
class StepResult:
    """What a training step did.

    Attributes
    ----------
    loss : float
        Sum of the objectives on this rank.
    norms : dict of str to float
        Gradient norm of each objective before clipping, averaged gradient over all ranks.
    outcome : Outcome
    """

    loss: float
    norms: dict[str, float]
    outcome: Outcome


class Minimiser:
    """Optimisers, learning rate, loss scaling and weight average of a system.

    Parameters
    ----------
    system : System
        On its device.
    recipe : Recipe
    device : torch.device
    """

    def __init__(self, system: System, recipe: Recipe, device: torch.device) -> None:
        settings = recipe.optimiser
        self.system = system
        self.learning_rate = settings.learning_rate
        self.clip_norm = settings.clip_norm or math.inf
        self.course = CosineRestarts(
            settings.first_cycle, settings.cycle_growth, settings.cycle_decay, settings.floor
        )
        self.warm_up = settings.warm_up
        self.optimisers: dict[str, Optimizer] = {
            name: Adam([{**row, "top": row["lr"]} for row in rows], betas=settings.betas)
            for name, rows in system.groups(settings.learning_rate).items()
        }
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.run.precision == "float16")
        decay = settings.weight_average
        self.average = WeightAverage(system.network, decay) if decay else None

    def rate(self, step: int) -> float:
        """Learning rate of the network at a step."""
        return self.learning_rate * self._factor(step)

    def _factor(self, step: int) -> float:
        return self.course(step) * min(1.0, (step + 1) / max(1, self.warm_up))

    def step(self, x_B1DHW: Tensor, step: int) -> StepResult:
        """Minimise every objective once; all ranks call it together."""
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = group["top"] * self._factor(step)
        objectives = self.system.objectives(x_B1DHW, step)
        total, norms = 0.0, {}
        while True:
            try:
                name, loss = next(objectives)
            except StopIteration as ending:
                outcome: Outcome = ending.value
                break
            norms[name] = self._minimise(self.optimisers[name], loss)
            total += float(loss.detach())
        self.scaler.update()
        if self.average is not None:
            self.average.update(self.system.network)
        return StepResult(total, norms, outcome)

    def _minimise(self, optimiser: Optimizer, loss: Tensor) -> float:
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        found = torch.autograd.grad(self.scaler.scale(loss), parameters, allow_unused=True)
        used = [(p, g) for p, g in zip(parameters, found, strict=True) if g is not None]
        averaged = average_over_ranks([gradient for _, gradient in used])
        optimiser.zero_grad(set_to_none=True)
        for (parameter, _), gradient in zip(used, averaged, strict=True):
            parameter.grad = gradient
        self.scaler.unscale_(optimiser)
        norm = float(torch.nn.utils.clip_grad_norm_([p for p, _ in used], self.clip_norm))
        if math.isfinite(norm) or self.scaler.is_enabled():
            self.scaler.step(optimiser)
        return norm

    def unsound(self, result: StepResult) -> tuple[bool, bool]:
        """Whether a step's loss, or a gradient that loss scaling does not excuse, is infinite."""
        sound_norms = self.scaler.is_enabled() or all(map(math.isfinite, result.norms.values()))
        return not math.isfinite(result.loss), not sound_norms

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "optimisers": {name: each.state_dict() for name, each in self.optimisers.items()},
            "scaler": self.scaler.state_dict(),
            "average": self.average.state_dict() if self.average is not None else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned; KeyError or ValueError if it cannot."""
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
