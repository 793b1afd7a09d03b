"""Where the weights of a file come from: the registry, or the archive it was read from."""

from __future__ import annotations

from typing import Protocol

from .header import ModelReference
from .registry import LoadedModel, load_weights, locate_weights


class ModelSource(Protocol):
    """Where the weights of a file come from."""

    def load_model(self, reference: ModelReference) -> LoadedModel:
        """The model of this identity, or ModelUnavailableError."""

    def weights_file(self, reference: ModelReference) -> bytes:
        """Its weights file, or ModelUnavailableError."""


class RegistrySource:
    """The models of this installation."""

    def load_model(self, reference: ModelReference) -> LoadedModel:
        """Load a model from the registry's places."""
        return load_weights(reference.id, expected_sha256=reference.sha256)

    def weights_file(self, reference: ModelReference) -> bytes:
        """Read the file that the model would be loaded from."""
        return locate_weights(reference.id, expected_sha256=reference.sha256).read_bytes()
