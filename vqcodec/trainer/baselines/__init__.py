"""Systems that the paper compares with."""

from .alpha_wgan import AlphaWgan, AlphaWganConfig
from .alpha_wgan_training import (
    AlphaWganLosses,
    train_code_discriminator,
    train_discriminator,
    train_encoder_and_generator,
)

__all__ = [
    "AlphaWgan",
    "AlphaWganConfig",
    "AlphaWganLosses",
    "train_code_discriminator",
    "train_discriminator",
    "train_encoder_and_generator",
]
