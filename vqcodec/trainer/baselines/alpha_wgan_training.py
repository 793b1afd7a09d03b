"""Losses and training steps of the VAE-alpha-WGAN with gradient penalty (Kwon et al. 2019).

One round is :func:`train_encoder_and_generator`, :func:`train_discriminator` and
:func:`train_code_discriminator`, each with an Adam of its own (learning rate 2e-4).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .alpha_wgan import AlphaWgan, to_signed


@dataclass(frozen=True)
class AlphaWganLosses:
    """Weights of the terms.

    Attributes
    ----------
    reconstruction : float
        On the mean absolute error, in units of [-1, 1].
    penalty : float
        On the squared deviation of gradient norms from 1.
    code : float
        On the code discriminator's opinion in the encoder's loss. The article has this term;
        the authors' notebook computes it and leaves it out (0 reproduces that).
    """

    reconstruction: float = 10.0
    penalty: float = 10.0
    code: float = 1.0


def gradient_penalty(critic: nn.Module, real: Tensor, generated: Tensor) -> Tensor:
    """Mean squared deviation from 1 of the critic's gradient norm (Gulrajani et al. 2017).

    Parameters
    ----------
    critic : Module
        One number per sample.
    real, generated : Tensor
        Equally shaped batches; the gradient is taken at random points between them.
    """
    mix = torch.rand(real.shape[0], *[1] * (real.dim() - 1), device=real.device, dtype=real.dtype)
    between = (mix * real.detach() + (1.0 - mix) * generated.detach()).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    norms_B: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return (norms_B - 1.0).square().mean()


def encoder_and_generator_loss(
    model: AlphaWgan, x_B1DHW: Tensor, weights: AlphaWganLosses
) -> dict[str, Tensor]:
    """Terms whose sum encoder and generator minimise, for volumes in [-1, 1]."""
    latents = model.encoder(x_B1DHW)
    restored = model.generator(latents)
    imagined = model.generator(torch.randn_like(latents))
    return {
        "reconstruction": weights.reconstruction * (restored - x_B1DHW).abs().mean(),
        "restored": -model.discriminator(restored).mean(),
        "imagined": -model.discriminator(imagined).mean(),
        "code": -weights.code * model.code_discriminator(latents).mean(),
    }


def discriminator_loss(
    model: AlphaWgan, x_B1DHW: Tensor, weights: AlphaWganLosses
) -> dict[str, Tensor]:
    """Terms whose sum the discriminator minimises, for volumes in [-1, 1]."""
    with torch.no_grad():
        latents = model.encoder(x_B1DHW)
        restored = model.generator(latents)
        imagined = model.generator(torch.randn_like(latents))
    critic = model.discriminator
    return {
        "real": -2.0 * critic(x_B1DHW).mean(),
        "generated": critic(restored).mean() + critic(imagined).mean(),
        "penalty": weights.penalty
        * (
            gradient_penalty(critic, x_B1DHW, restored)
            + gradient_penalty(critic, x_B1DHW, imagined)
        ),
    }


def code_discriminator_loss(
    model: AlphaWgan, x_B1DHW: Tensor, weights: AlphaWganLosses
) -> dict[str, Tensor]:
    """Terms whose sum the code discriminator minimises, for volumes in [-1, 1]."""
    with torch.no_grad():
        latents = model.encoder(x_B1DHW)
    drawn = torch.randn_like(latents)
    critic = model.code_discriminator
    return {
        "drawn": -critic(drawn).mean(),
        "encoded": critic(latents).mean(),
        "penalty": weights.penalty * gradient_penalty(critic, drawn, latents),
    }


def train_encoder_and_generator(
    model: AlphaWgan,
    optimizer: Optimizer,
    x_B1DHW: Tensor,
    weights: AlphaWganLosses | None = None,
) -> dict[str, float]:
    """One step of encoder and generator on volumes in [0, 1]; returns the terms.

    Parameters
    ----------
    optimizer : Optimizer
        Of the parameters of ``model.encoder`` and ``model.generator``.
    """
    with _fixed(model.discriminator, model.code_discriminator):
        losses = encoder_and_generator_loss(model, to_signed(x_B1DHW), weights or AlphaWganLosses())
        return _step(optimizer, losses)


def train_discriminator(
    model: AlphaWgan,
    optimizer: Optimizer,
    x_B1DHW: Tensor,
    weights: AlphaWganLosses | None = None,
) -> dict[str, float]:
    """One step of the discriminator on volumes in [0, 1]; returns the terms.

    Parameters
    ----------
    optimizer : Optimizer
        Of the parameters of ``model.discriminator``.
    """
    losses = discriminator_loss(model, to_signed(x_B1DHW), weights or AlphaWganLosses())
    return _step(optimizer, losses)


def train_code_discriminator(
    model: AlphaWgan,
    optimizer: Optimizer,
    x_B1DHW: Tensor,
    weights: AlphaWganLosses | None = None,
) -> dict[str, float]:
    """One step of the code discriminator on volumes in [0, 1]; returns the terms.

    Parameters
    ----------
    optimizer : Optimizer
        Of the parameters of ``model.code_discriminator``.
    """
    losses = code_discriminator_loss(model, to_signed(x_B1DHW), weights or AlphaWganLosses())
    return _step(optimizer, losses)


def _step(optimizer: Optimizer, losses: dict[str, Tensor]) -> dict[str, float]:
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(losses.values())).sum().backward()
    optimizer.step()
    return {name: float(value.detach()) for name, value in losses.items()}


@contextmanager
def _fixed(*networks: nn.Module) -> Iterator[None]:
    """Spare the gradients of networks that others are trained against."""
    learning = [
        parameter
        for network in networks
        for parameter in network.parameters()
        if parameter.requires_grad
    ]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
