"""Reconstruction losses of the paper: Baur, adaptive, and both together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as nn_functional

from .dct import dct_3d
from .robust import negative_log_likelihood

AXES = (2, 3, 4)


@dataclass(frozen=True)
class LossOutput:
    """Value of a reconstruction loss.

    Attributes
    ----------
    total : Tensor
        Scalar to minimise.
    parts : dict of Tensor
        Detached scalars to log.
    """

    total: Tensor
    parts: dict[str, Tensor]


class ReconstructionLoss(Protocol):
    """What the trainer asks of a loss. Its ``parameters()`` belong in the optimiser."""

    def __call__(self, reconstruction_B1DHW: Tensor, target_B1DHW: Tensor, step: int) -> LossOutput:
        """Loss of a batch at a training step."""


@dataclass(frozen=True)
class GradientTermSchedule:
    """Weight lambda of the finite differences in the Baur loss.

    Attributes
    ----------
    wait : int
        Steps at 0.
    ramp : int
        Steps per unit afterwards.
    top : float
        Where the weight stays.
    """

    wait: int = 100_000
    ramp: int = 10_000
    top: float = 5.0

    def weight(self, step: int) -> float:
        """Lambda at a step, counted from 0."""
        return min(max(0.0, (step - self.wait) / self.ramp), self.top)

    def scaled(self, factor: float) -> GradientTermSchedule:
        """The same course over a run shorter or longer by a factor."""
        return GradientTermSchedule(
            round(self.wait * factor), max(1, round(self.ramp * factor)), self.top
        )


def _norms(difference_B1DHW: Tensor) -> tuple[Tensor, Tensor]:
    """L1 and un-squared L2 norm of each sample, averaged over the batch."""
    rows = difference_B1DHW.flatten(1)
    return (
        torch.linalg.vector_norm(rows, 1, dim=1).mean(),
        torch.linalg.vector_norm(rows, 2, dim=1).mean(),
    )


class BaurLoss(nn.Module):
    """Equation 2: L1 + L2 + lambda (L1 + L2 of finite differences along each axis).

    Parameters
    ----------
    schedule : GradientTermSchedule
    per_voxel : bool
        Divide by the voxels of a volume. The paper sums over the volume, which makes the
        commitment term negligible; divided, the two are of one size.

    Notes
    -----
    Norms are taken over one volume at a time and averaged over the batch. The L2 norm has no
    square and a zero gradient where the residual is zero.
    """

    def __init__(
        self, schedule: GradientTermSchedule | None = None, per_voxel: bool = False
    ) -> None:
        super().__init__()
        self.schedule = schedule or GradientTermSchedule()
        self.per_voxel = per_voxel

    def forward(self, reconstruction_B1DHW: Tensor, target_B1DHW: Tensor, step: int) -> LossOutput:
        """Loss at a training step, which sets lambda."""
        with torch.autocast(target_B1DHW.device.type, enabled=False):
            residual = _full(reconstruction_B1DHW) - _full(target_B1DHW)
            share = 1.0 / residual[0].numel() if self.per_voxel else 1.0
            l1, l2 = _norms(residual)
            total = l1 + l2
            parts = {"l1": l1 * share, "l2": l2 * share}
            weight = self.schedule.weight(step)
            if weight > 0:
                along_axes = [_norms(residual.diff(dim=axis)) for axis in AXES]
                gradient_l1 = torch.stack([first for first, _ in along_axes]).sum()
                gradient_l2 = torch.stack([second for _, second in along_axes]).sum()
                total = total + weight * (gradient_l1 + gradient_l2)
                parts["gradient_l1"] = gradient_l1 * share
                parts["gradient_l2"] = gradient_l2 * share
            return LossOutput(total * share, {name: part.detach() for name, part in parts.items()})


class AdaptiveLoss(nn.Module):
    """Equation 3 on the orthonormal 3D DCT of the residual, alpha and scale learned per bin.

    Parameters
    ----------
    shape : sequence of int
        D, H, W of the volumes.
    alpha_range : tuple of float
        Open interval that alpha stays in.
    alpha_start, scale_start : float
        First values; a scale near the expected error (0.05 to 0.1 of the intensity range)
        saves thousands of steps over the 1.0 of Barron's code.
    scale_floor : float
        Least scale; without one the likelihood is unbounded.

    Notes
    -----
    The mean negative log-likelihood over voxels, partition function included: without it,
    alpha and scale have no optimum. Give ``parameters()`` to the optimiser in a group of
    their own with a learning rate of 1e-2 or so: every bin sees one residual per volume, and
    Adam moves it by about the learning rate per step.
    """

    def __init__(
        self,
        shape: Sequence[int],
        alpha_range: tuple[float, float] = (0.001, 1.999),
        alpha_start: float = 1.0,
        scale_start: float = 0.1,
        scale_floor: float = 1e-5,
    ) -> None:
        super().__init__()
        low, high = alpha_range
        if not 0.0 <= low < alpha_start < high <= 2.0:
            raise ValueError("alpha must start inside its range, and that lies within [0, 2]")
        if not 0.0 < scale_floor < scale_start:
            raise ValueError("the scale must start above its floor, and that is positive")
        self.alpha_range = alpha_range
        self.scale_start = scale_start
        self.scale_floor = scale_floor
        share = (alpha_start - low) / (high - low)
        self.latent_alpha_DHW = nn.Parameter(
            torch.full(tuple(shape), math.log(share / (1.0 - share)))
        )
        self.latent_scale_DHW = nn.Parameter(torch.zeros(tuple(shape)))

    def alpha(self) -> Tensor:
        """Shape of every bin, ``(D, H, W)``."""
        low, high = self.alpha_range
        return low + (high - low) * torch.sigmoid(self.latent_alpha_DHW)

    def scale(self) -> Tensor:
        """Scale of every bin, ``(D, H, W)``."""
        start_at_one = math.log(math.expm1(1.0))
        relative = nn_functional.softplus(self.latent_scale_DHW + start_at_one)
        return self.scale_floor + (self.scale_start - self.scale_floor) * relative

    def forward(self, reconstruction_B1DHW: Tensor, target_B1DHW: Tensor, step: int) -> LossOutput:
        """Loss of a batch; the step plays no part.

        Raises
        ------
        ValueError
            Volumes of another shape than the loss was made for.
        """
        with torch.autocast(target_B1DHW.device.type, enabled=False):
            residual = _full(reconstruction_B1DHW) - _full(target_B1DHW)
            found, made_for = tuple(residual.shape[-3:]), tuple(self.latent_alpha_DHW.shape)
            if found != made_for:
                raise ValueError(f"the adaptive loss is for volumes of {made_for}, not {found}")
            alpha, scale = self.alpha(), self.scale()
            total = negative_log_likelihood(dct_3d(residual), alpha, scale).mean()
            parts = {"adaptive": total, "alpha": alpha.mean(), "scale": scale.mean()}
            return LossOutput(total, {name: part.detach() for name, part in parts.items()})


class HybridLoss(nn.Module):
    """Weighted sum of the Baur loss per voxel and the adaptive loss.

    Parameters
    ----------
    baur : BaurLoss
        Usually with ``per_voxel``.
    adaptive : AdaptiveLoss
    baur_weight, adaptive_weight : float
        The two pull in one direction only where both fit: L1 keeps edges, the likelihood
        spends effort on every frequency in proportion to what is left there.
    """

    def __init__(
        self,
        baur: BaurLoss,
        adaptive: AdaptiveLoss,
        baur_weight: float = 1.0,
        adaptive_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.baur = baur
        self.adaptive = adaptive
        self.baur_weight = baur_weight
        self.adaptive_weight = adaptive_weight

    def forward(self, reconstruction_B1DHW: Tensor, target_B1DHW: Tensor, step: int) -> LossOutput:
        """Loss at a training step."""
        baur: LossOutput = self.baur(reconstruction_B1DHW, target_B1DHW, step)
        adaptive: LossOutput = self.adaptive(reconstruction_B1DHW, target_B1DHW, step)
        total = self.baur_weight * baur.total + self.adaptive_weight * adaptive.total
        return LossOutput(total, {**baur.parts, **adaptive.parts})


def _full(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
