from __future__ import annotations

import pytest
import torch
from torch import nn

from vqcodec.trainer.baselines import (
    AlphaWgan,
    AlphaWganConfig,
    AlphaWganLosses,
    train_code_discriminator,
    train_discriminator,
    train_encoder_and_generator,
)
from vqcodec.trainer.baselines.alpha_wgan_training import gradient_penalty

TINY = AlphaWganConfig(latent=12, encoder_channels=16, generator_channels=2, code_units=16)
PARTS = ("encoder", "generator", "discriminator", "code_discriminator")


def tiny() -> AlphaWgan:
    torch.manual_seed(0)
    return AlphaWgan(TINY)


def weights_of(model: AlphaWgan) -> dict[str, torch.Tensor]:
    return {
        part: torch.cat([p.detach().flatten() for p in getattr(model, part).parameters()])
        for part in PARTS
    }


def optimizers(model: AlphaWgan) -> dict[str, torch.optim.Optimizer]:
    networks = {
        "encoder_and_generator": nn.ModuleList((model.encoder, model.generator)),
        "discriminator": model.discriminator,
        "code_discriminator": model.code_discriminator,
    }
    return {
        name: torch.optim.Adam(network.parameters(), 2e-4) for name, network in networks.items()
    }


def test_shapes_and_ranges() -> None:
    model = tiny().eval()
    x = torch.rand(2, 1, 64, 64, 64)
    latents = model.encode(x)
    assert latents.shape == (2, 12)
    restored = model.decode(latents)
    assert restored.shape == x.shape
    assert 0.0 <= restored.min() <= restored.max() <= 1.0
    torch.testing.assert_close(model(x), restored)
    assert model.discriminator(x).shape == (2, 1)
    assert model.code_discriminator(latents).shape == (2, 1)
    with pytest.raises(ValueError, match=r"64\^3"):
        model.encode(torch.rand(1, 1, 32, 32, 32))


def test_published_sizes() -> None:
    config = AlphaWganConfig()
    assert (config.latent, config.encoder_channels, config.code_units) == (1000, 512, 4096)
    with torch.device("meta"):
        model = AlphaWgan(config)
    sizes = {part: sum(p.numel() for p in getattr(model, part).parameters()) for part in PARTS}
    # Kernels of 4^3 and 3^3, biases, and two numbers per normalised channel.
    downward = 64 * (1 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    extra = 64 + 128 + 256 + 512 + 2 * (128 + 256 + 512)
    assert sizes["encoder"] == downward + extra + 64 * 512 * 1000 + 1000
    assert sizes["discriminator"] == downward + extra + 64 * 512 + 1
    upward = 27 * (512 * 256 + 256 * 128 + 128 * 64 + 64)
    assert sizes["generator"] == 64 * 1000 * 512 + upward + 2 * (512 + 256 + 128 + 64)


def test_gradient_penalty_by_hand() -> None:
    critic = nn.Linear(4, 1)
    real, generated = torch.rand(3, 4), torch.rand(3, 4)
    expected = (critic.weight.detach().norm() - 1.0).square()
    penalty = gradient_penalty(critic, real, generated)
    torch.testing.assert_close(penalty.detach(), expected)
    penalty.backward()
    assert critic.weight.grad.any()


@pytest.mark.parametrize(
    ("train", "moves"),
    [
        (train_encoder_and_generator, {"encoder", "generator"}),
        (train_discriminator, {"discriminator"}),
        (train_code_discriminator, {"code_discriminator"}),
    ],
)
def test_a_step_moves_its_own_networks_only(train, moves) -> None:
    model = tiny()
    before = weights_of(model)
    optimizer = optimizers(model)[train.__name__.removeprefix("train_")]
    losses = train(model, optimizer, torch.rand(2, 1, 64, 64, 64))
    after = weights_of(model)
    assert {part for part in PARTS if not torch.equal(before[part], after[part])} == moves
    assert all(isinstance(value, float) for value in losses.values())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_reconstruction_improves() -> None:
    model = tiny()
    optimizer = optimizers(model)["encoder_and_generator"]
    for group in optimizer.param_groups:
        group["lr"] = 1e-2
    x = 0.2 + 0.1 * torch.rand(2, 1, 1, 1, 1).expand(2, 1, 64, 64, 64)
    weights = AlphaWganLosses(reconstruction=1000.0, code=0.0)
    terms = [train_encoder_and_generator(model, optimizer, x, weights) for _ in range(8)]
    assert terms[-1]["reconstruction"] < 0.8 * terms[0]["reconstruction"]
    assert terms[-1]["code"] == 0.0


def test_sizes_that_no_network_has_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        AlphaWganConfig(encoder_channels=12)
