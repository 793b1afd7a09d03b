"""Learning rate with warm restarts (SGDR), and moving averages of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class CosineRestarts:
    """Cosine decay that starts again and again (Loshchilov and Hutter 2017).

    Attributes
    ----------
    first_steps : int
        Length of the first cycle.
    length_factor : float
        Each cycle is longer than the last by this factor.
    height_factor : float
        Each cycle starts lower than the last by this factor.
    floor : float
        Least factor on the learning rate.
    """

    first_steps: int = 6480
    length_factor: float = 1.25
    height_factor: float = 0.95
    floor: float = 1e-7

    def __post_init__(self) -> None:
        if self.first_steps < 1 or self.length_factor < 1.0:
            raise ValueError("a cycle has at least one step, and is no shorter than the last")

    def __call__(self, step: int) -> float:
        """Factor on the learning rate at a step, counted from 0."""
        cycle, begin, length = 0, 0.0, float(self.first_steps)
        while step >= begin + length:
            begin += length
            length *= self.length_factor
            cycle += 1
        done = (step - begin) / length
        height = 0.5 * self.height_factor**cycle * (1.0 + math.cos(math.pi * done))
        return (1.0 - self.floor) * height + self.floor


class WeightAverage:
    """Exponential moving average of a network's weights, in float32.

    Parameters
    ----------
    network : Module
    decay : float
        Share of the old average kept per step; early on less, so that the first weights are
        forgotten: ``min(decay, (1 + n) / (10 + n))`` at step n.

    Notes
    -----
    Buffers, such as codebooks, are averages already and are not averaged again.
    """

    def __init__(self, network: nn.Module, decay: float = 0.999) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError("decay must be in [0, 1)")
        self.decay = decay
        self.steps = 0
        self.averages = {
            name: value.detach().float().clone() for name, value in network.named_parameters()
        }

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights after an optimiser step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        for name, value in network.named_parameters():
            self.averages[name].lerp_(value.detach().float(), 1.0 - decay)

    @contextmanager
    def applied_to(self, network: nn.Module) -> Iterator[None]:
        """Let a network use the averages for a while, then its own weights again."""
        own = {name: value.detach().clone() for name, value in network.named_parameters()}
        self._set(network, self.averages)
        try:
            yield
        finally:
            self._set(network, own)

    @staticmethod
    @torch.no_grad()
    def _set(network: nn.Module, values: Mapping[str, Tensor]) -> None:
        for name, parameter in network.named_parameters():
            parameter.copy_(values[name])

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors of a checkpoint."""
        return {**self.averages, "steps": torch.tensor(self.steps)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over what :meth:`state_dict` returned.

        Raises
        ------
        ValueError
            The averages belong to another network.
        """
        if set(state) != {*self.averages, "steps"}:
            raise ValueError("the averages in the checkpoint belong to another network")
        self.steps = int(state["steps"])
        for name, average in self.averages.items():
            average.copy_(state[name])
