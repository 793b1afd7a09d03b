"""Networks of the VAE-alpha-WGAN of Kwon et al. 2019: 64^3 voxels to one vector and back.

Volumes are in [0, 1] outside, in [-1, 1] inside (the generator ends in a tanh).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

SIDE = 64
FIRST_SIDE = 4
LEAKY_SLOPE = 0.2


@dataclass(frozen=True)
class AlphaWganConfig:
    """Sizes of the networks; the defaults are the published ones.

    Attributes
    ----------
    latent : int
        Length of the vector that a volume becomes.
    encoder_channels : int
        Channels at 4^3 of encoder and discriminator, a multiple of 8.
    generator_channels : int
        Channels at 32^3; eight times as many at 4^3.
    code_units : int
        Hidden units of the code discriminator.
    """

    latent: int = 1000
    encoder_channels: int = 512
    generator_channels: int = 64
    code_units: int = 4096

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 1 or self.encoder_channels % 8:
            raise ValueError("sizes are positive, and encoder_channels is a multiple of 8")


def strided_network(channels: int, outputs: int) -> nn.Sequential:
    """Layers shared in shape by encoder and discriminator, 64^3 voxels to ``outputs`` numbers."""
    layers: list[nn.Module] = [nn.Conv3d(1, channels // 8, 4, stride=2, padding=1)]
    for before, after in ((8, 4), (4, 2), (2, 1)):
        layers += [
            nn.LeakyReLU(LEAKY_SLOPE),
            nn.Conv3d(channels // before, channels // after, 4, stride=2, padding=1),
            nn.BatchNorm3d(channels // after),
        ]
    layers += [nn.LeakyReLU(LEAKY_SLOPE), nn.Conv3d(channels, outputs, FIRST_SIDE), nn.Flatten()]
    return nn.Sequential(*layers)


def generator_network(latent: int, channels: int) -> nn.Sequential:
    """Vector to 64^3 voxels in [-1, 1]: nearest-neighbour upsampling, 3x3x3 convolutions."""
    layers: list[nn.Module] = [
        nn.Unflatten(1, (latent, 1, 1, 1)),
        nn.ConvTranspose3d(latent, 8 * channels, FIRST_SIDE, bias=False),
        nn.BatchNorm3d(8 * channels),
        nn.ReLU(),
    ]
    for before, after in ((8, 4), (4, 2), (2, 1)):
        layers += [
            nn.Upsample(scale_factor=2),
            nn.Conv3d(before * channels, after * channels, 3, padding=1, bias=False),
            nn.BatchNorm3d(after * channels),
            nn.ReLU(),
        ]
    layers += [
        nn.Upsample(scale_factor=2),
        nn.Conv3d(channels, 1, 3, padding=1, bias=False),
        nn.Tanh(),
    ]
    return nn.Sequential(*layers)


def code_network(latent: int, units: int) -> nn.Sequential:
    """Vector to one number, high for N(0, 1) and low for the encoder."""
    return nn.Sequential(
        nn.Linear(latent, units),
        nn.BatchNorm1d(units),
        nn.LeakyReLU(LEAKY_SLOPE),
        nn.Linear(units, units),
        nn.BatchNorm1d(units),
        nn.LeakyReLU(LEAKY_SLOPE),
        nn.Linear(units, 1),
    )


class AlphaWgan(nn.Module):
    """The four networks.

    Parameters
    ----------
    config : AlphaWganConfig

    Notes
    -----
    Batch normalisation in the discriminators is as published, although it couples the samples
    that the gradient penalty treats one by one. Batches need two volumes or more.
    """

    def __init__(self, config: AlphaWganConfig | None = None) -> None:
        super().__init__()
        self.config = config or AlphaWganConfig()
        self.encoder = strided_network(self.config.encoder_channels, self.config.latent)
        self.generator = generator_network(self.config.latent, self.config.generator_channels)
        self.discriminator = strided_network(self.config.encoder_channels, 1)
        self.code_discriminator = code_network(self.config.latent, self.config.code_units)

    @torch.no_grad()
    def encode(self, x_B1DHW: Tensor) -> Tensor:
        """Vectors ``(B, latent)`` of volumes ``(B, 1, 64, 64, 64)`` in [0, 1]."""
        if tuple(x_B1DHW.shape[1:]) != (1, SIDE, SIDE, SIDE):
            raise ValueError(f"the alpha-WGAN takes volumes of {SIDE}^3 voxels only")
        latents: Tensor = self.encoder(to_signed(x_B1DHW))
        return latents

    @torch.no_grad()
    def decode(self, latents_BL: Tensor) -> Tensor:
        """Volumes in [0, 1] of vectors."""
        return from_signed(self.generator(latents_BL))

    def forward(self, x_B1DHW: Tensor) -> Tensor:
        """Compress and restore volumes in [0, 1]."""
        return from_signed(self.generator(self.encoder(to_signed(x_B1DHW))))


def to_signed(x: Tensor) -> Tensor:
    """[0, 1] to [-1, 1]."""
    return 2.0 * x - 1.0


def from_signed(x: Tensor) -> Tensor:
    """[-1, 1] to [0, 1]."""
    return 0.5 * (x + 1.0)
