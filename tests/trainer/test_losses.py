from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from vqcodec.trainer.losses import AdaptiveLoss, BaurLoss, GradientTermSchedule, HybridLoss

NOW = GradientTermSchedule(wait=0, ramp=1)


def volumes(sides: tuple[int, int, int] = (3, 4, 5), batch: int = 2) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    first = torch.rand(batch, 1, *sides, dtype=torch.float64, requires_grad=True)
    return first, torch.rand(batch, 1, *sides, dtype=torch.float64)


def test_baur_by_hand() -> None:
    restored, target = volumes()
    residual = (restored - target).detach().numpy()[:, 0]
    expected = []
    for volume in residual:
        steps = [np.diff(volume, axis=axis) for axis in range(3)]
        value = np.abs(volume).sum() + np.sqrt((volume**2).sum())
        value += 3.0 * sum(np.abs(step).sum() + np.sqrt((step**2).sum()) for step in steps)
        expected.append(value)
    output = BaurLoss(NOW)(restored, target, 3)
    assert output.total.item() == pytest.approx(np.mean(expected))
    plain = BaurLoss()(restored, target, 99_999)
    assert plain.total.item() == pytest.approx(
        np.mean([np.abs(v).sum() + np.sqrt((v**2).sum()) for v in residual])
    )
    assert plain.parts.keys() == {"l1", "l2"}
    per_voxel = BaurLoss(NOW, per_voxel=True)(restored, target, 3)
    assert per_voxel.total.item() == pytest.approx(output.total.item() / 60)
    assert per_voxel.parts["l1"].item() == pytest.approx(output.parts["l1"].item() / 60)


def test_lambda_schedule() -> None:
    schedule = GradientTermSchedule()
    steps = [0, 99_999, 100_000, 110_000, 125_000, 150_000, 10**7]
    assert [schedule.weight(step) for step in steps] == [0, 0, 0, 1, 2.5, 5, 5]
    shorter = schedule.scaled(0.01)
    assert [shorter.weight(step) for step in (1000, 1100, 1500, 9999)] == [0, 1, 5, 5]


def test_baur_gradients() -> None:
    restored, target = volumes()
    loss = BaurLoss(NOW)
    assert torch.autograd.gradcheck(lambda x: loss(x, target, 2).total, restored)
    same = target.clone().requires_grad_()
    loss(same, target, 2).total.backward()
    assert torch.equal(same.grad, torch.zeros_like(same))


def adaptive(sides: tuple[int, int, int] = (3, 4, 5)) -> AdaptiveLoss:
    loss = AdaptiveLoss(sides).double()
    torch.manual_seed(1)
    with torch.no_grad():
        loss.latent_alpha_DHW.normal_(std=2.0)
        loss.latent_scale_DHW.normal_()
    return loss


def test_adaptive_gradients() -> None:
    restored, target = volumes()
    loss = adaptive()

    def value(x: Tensor, alpha: Tensor, scale: Tensor) -> Tensor:
        named = {"latent_alpha_DHW": alpha, "latent_scale_DHW": scale}
        return torch.func.functional_call(loss, named, (x, target, 0)).total

    assert torch.autograd.gradcheck(value, (restored, *loss.parameters()))


def test_hybrid_gradients_and_value() -> None:
    restored, target = volumes()
    parts = BaurLoss(NOW, per_voxel=True), adaptive()
    loss = HybridLoss(*parts, baur_weight=2.0, adaptive_weight=0.5)
    expected = 2.0 * parts[0](restored, target, 1).total + 0.5 * parts[1](restored, target, 1).total
    torch.testing.assert_close(loss(restored, target, 1).total, expected)
    assert torch.autograd.gradcheck(lambda x: loss(x, target, 1).total, restored)
    assert len(list(loss.parameters())) == 2


def test_adaptive_starts_where_it_says() -> None:
    loss = AdaptiveLoss((4, 4, 4), alpha_start=1.5, scale_start=0.07)
    torch.testing.assert_close(loss.alpha(), torch.full((4, 4, 4), 1.5))
    torch.testing.assert_close(loss.scale(), torch.full((4, 4, 4), 0.07))
    with torch.no_grad():
        loss.latent_alpha_DHW.fill_(100.0)
        loss.latent_scale_DHW.fill_(-100.0)
    assert loss.alpha().max() <= 1.9991
    assert loss.scale().min() >= 1e-5
    x = torch.rand(1, 1, 4, 4, 4)
    assert torch.isfinite(loss(x, 1 - x, 0).total)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha_start": 2.0}, "alpha"),
        ({"alpha_range": (-1.0, 1.5)}, "alpha"),
        ({"scale_start": 1e-6}, "scale"),
        ({"scale_floor": 0.0}, "scale"),
    ],
)
def test_adaptive_settings(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdaptiveLoss((4, 4, 4), **options)


def test_adaptive_refuses_another_shape() -> None:
    x = torch.rand(1, 1, 4, 4, 8)
    with pytest.raises(ValueError, match="volumes of"):
        AdaptiveLoss((4, 4, 4))(x, x, 0)


def fitted(bins: Tensor, steps: int = 300) -> AdaptiveLoss:
    """Learn alpha and scale of every bin for coefficients ``(B, 1, D, H, W)``."""
    loss = AdaptiveLoss(bins.shape[2:], scale_start=1.0)
    optimizer = torch.optim.Adam(loss.parameters(), 0.2)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(bins, torch.zeros_like(bins), 0).total.backward()
        optimizer.step()
    return loss


def samples(distribution: torch.distributions.Distribution) -> Tensor:
    """Coefficients at the middles of 2000 slices of equal probability, the same in two bins."""
    shares = (torch.arange(2000.0) + 0.5) / 2000.0
    return distribution.icdf(shares).reshape(-1, 1, 1, 1, 1).expand(-1, 1, 1, 1, 2)


def test_alpha_and_scale_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """On samples of a known distribution they come to the known optimum."""
    monkeypatch.setattr("vqcodec.trainer.losses.dct_3d", lambda x: x)
    for_normal = fitted(samples(torch.distributions.Normal(0.0, 0.3)))
    for_cauchy = fitted(samples(torch.distributions.Cauchy(0.0, 0.2 * math.sqrt(2.0))))
    assert for_normal.alpha().min().item() > 1.9
    torch.testing.assert_close(for_normal.scale(), torch.full((1, 1, 2), 0.3), rtol=0.1, atol=0)
    assert for_cauchy.alpha().max().item() < 0.1
    torch.testing.assert_close(for_cauchy.scale(), torch.full((1, 1, 2), 0.2), rtol=0.1, atol=0)


def test_bins_learn_their_own_scale_through_the_transform() -> None:
    torch.manual_seed(0)
    level = torch.randn(64, 1, 1, 1, 1).expand(64, 1, 4, 4, 4)
    loss = fitted(level + 0.01 * torch.randn(64, 1, 4, 4, 4), steps=150)
    scale = loss.scale()
    assert scale[0, 0, 0].item() > 2.0
    assert scale.flatten()[1:].max().item() < 0.1


def test_losses_are_float32_under_autocast() -> None:
    torch.manual_seed(0)
    x, y = torch.rand(2, 1, 1, 4, 4, 4)
    loss = HybridLoss(BaurLoss(NOW), AdaptiveLoss((4, 4, 4)))
    expected = loss(x.bfloat16(), y, 1).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(x.bfloat16(), y, 1).total, expected)
