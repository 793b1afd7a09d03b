"""Models: which there are, where their weights lie, and proof that they are the right ones."""

from .identity import identity_of
from .index import ModelEntry
from .lookup import entry_of_identity, list_models, load_model, load_weights, locate_weights
from .places import Places
from .weights import LoadedModel, parse_weights, read_weights, write_weights

__all__ = [
    "LoadedModel",
    "ModelEntry",
    "Places",
    "entry_of_identity",
    "identity_of",
    "list_models",
    "load_model",
    "load_weights",
    "locate_weights",
    "parse_weights",
    "read_weights",
    "write_weights",
]
