from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from vqcodec.trainer.robust import general_loss, log_partition, negative_log_likelihood

ONE = torch.ones((), dtype=torch.float64)


def loss_at(x: float, alpha: float) -> float:
    return float(general_loss(torch.tensor(x, dtype=torch.float64), alpha * ONE, ONE))


@pytest.mark.parametrize("alpha", [0.001, 0.3, 1.0, 1.7, 1.999])
@pytest.mark.parametrize("x", [0.0, 0.01, 1.0, 30.0])
def test_equation_3(alpha: float, x: float) -> None:
    scale = 0.5
    expected = abs(alpha - 2) / alpha * (((x / scale) ** 2 / abs(alpha - 2) + 1) ** (alpha / 2) - 1)
    found = general_loss(torch.tensor(x, dtype=torch.float64), alpha * ONE, scale * ONE)
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_limits() -> None:
    for x in (0.0, 0.1, 1.0, 20.0):
        assert loss_at(x, 0.0) == pytest.approx(math.log1p(x**2 / 2))
        assert loss_at(x, 1e-9) == pytest.approx(math.log1p(x**2 / 2), rel=1e-6)
        assert loss_at(x, 2.0) == pytest.approx(x**2 / 2)
        assert loss_at(x, 2.0 - 1e-9) == pytest.approx(x**2 / 2, rel=1e-6)
        assert loss_at(x, 1.0) == pytest.approx(math.sqrt(x**2 + 1) - 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_everything_is_finite_at_the_ends(dtype: torch.dtype) -> None:
    alpha = torch.tensor([0.0, 1e-7, 0.001, 1.0, 1.999, 2.0 - 1e-7, 2.0], dtype=dtype)
    x = torch.tensor([0.0, 1e-20, 1e-4, 1.0, 1e4, 1e8], dtype=dtype)[:, None]
    scale = torch.tensor(1e-3, dtype=dtype)
    for value in (alpha, x, scale):
        value.requires_grad_()
    total = negative_log_likelihood(x, alpha, scale)
    assert torch.isfinite(total).all()
    for gradient in torch.autograd.grad(total.sum(), (alpha, x, scale)):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    "alpha", [0.0, 0.001, 0.01, 0.2, 0.5, 1.0, 1.5, 1.9, 1.99, 1.999, 1.9999, 2.0]
)
def test_partition_function_against_scipy(alpha: float) -> None:
    def density(u: float) -> float:  # x = tan(u), which tames Cauchy tails
        return math.exp(-loss_at(math.tan(u), alpha)) / math.cos(u) ** 2

    half, error = quad(density, 0.0, math.pi / 2, epsabs=1e-11, epsrel=1e-11, limit=400)
    assert error < 1e-9
    found = float(log_partition(torch.tensor(alpha, dtype=torch.float64)))
    assert found == pytest.approx(math.log(2 * half), abs=3e-8)


def test_partition_function_at_closed_forms_and_its_slope() -> None:
    closed = torch.tensor([0.0, 2.0], dtype=torch.float64)
    expected = [math.log(math.pi * math.sqrt(2)), 0.5 * math.log(2 * math.pi)]
    np.testing.assert_allclose(log_partition(closed), expected, atol=1e-8)
    alpha = torch.tensor([0.001, 0.3, 1.0, 1.6, 1.95, 1.999], dtype=torch.float64)
    assert torch.autograd.gradcheck(log_partition, alpha.requires_grad_())


def test_gradients_of_the_likelihood() -> None:
    x = torch.tensor([-3.0, -0.2, 0.01, 1.0, 8.0], dtype=torch.float64)
    alpha = torch.tensor([0.002, 0.5, 1.0, 1.5, 1.99], dtype=torch.float64)
    scale = torch.tensor([0.1, 0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    inputs = tuple(value.requires_grad_() for value in (x, alpha, scale))
    assert torch.autograd.gradcheck(negative_log_likelihood, inputs)
