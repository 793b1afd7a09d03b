"""Loaded weights as networks, each built once and put on a device once."""

from __future__ import annotations

from functools import lru_cache

import torch

from .models.families import Model, build_model, model_on
from .registry import LoadedModel


@lru_cache(maxsize=4)
def network_of(loaded: LoadedModel) -> Model:
    """Model of loaded weights, built once."""
    return build_model(loaded.family, loaded.config, loaded.tensors)


@lru_cache(maxsize=4)
def network_on(loaded: LoadedModel, device: torch.device) -> Model:
    """Model of loaded weights on a device, put there once."""
    return model_on(network_of(loaded), device)
