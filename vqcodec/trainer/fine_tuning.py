"""Weights of a finished or running model as the start of another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..registry import load_weights
from .checkpoint import CHECKPOINT_NAME, read_checkpoint
from .failures import TrainingError
from .recipe import recipe_from_json
from .systems import System, system_of

SUMS, ENTRIES, COUNTS = ".sums", ".entries", ".counts"
ENTROPY_TENSORS = ("codes/", "mask/")


def start_from(system: System, origin: str) -> dict[str, str]:
    """Load the network's weights from a model.

    Parameters
    ----------
    system : System
        Its network takes the weights.
    origin : str
        A run folder, a checkpoint, a weights file, or the id of a registered model.

    Returns
    -------
    dict
        ``name`` and ``sha256`` of the model.

    Raises
    ------
    TrainingError
        The model is of another kind or size.
    ModelUnavailableError
        There is no such model.
    """
    path = Path(origin)
    if path.is_dir():
        path = path / CHECKPOINT_NAME
    if path.suffix == ".pt":
        state = read_checkpoint(path)
        donor = system_of(recipe_from_json(state["metadata"]["recipe"]))
        tensors = network_tensors(state)
        family, config = donor.family, donor.config()
        found = {"name": origin, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    else:
        model = load_weights(origin)
        tensors = {
            name: torch.from_numpy(array.copy())
            for name, array in model.tensors.items()
            if not name.startswith(ENTROPY_TENSORS)
        }
        family, config = model.family, dict(model.config)
        found = {"name": model.id, "sha256": model.sha256}
    if family != system.family:
        raise TrainingError(f"{origin}: is of family {family!r}, not {system.family!r}")
    own = system.config()
    if different := [name for name, value in own.items() if config.get(name, value) != value]:
        raise TrainingError(f"{origin}: its network has other settings: {', '.join(different)}")
    try:
        system.network.load_state_dict(with_sums(tensors))
    except RuntimeError as error:
        raise TrainingError(f"{origin}: its tensors do not fit the network") from error
    return found


def network_tensors(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Weights and buffers of the network in a checkpoint, averaged where an average is kept."""
    prefix = "network."
    tensors = {
        name.removeprefix(prefix): value
        for name, value in state["system"].items()
        if name.startswith(prefix)
    }
    for name, value in (state["average"] or {}).items():
        if name in tensors:
            tensors[name] = value
    return tensors


def with_sums(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Complete codebooks: weights files keep entries and counts, sums follow from them."""
    complete = {
        name: value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
    }
    for name, entries in list(complete.items()):
        stem = name.removesuffix(ENTRIES)
        if stem != name and f"{stem}{COUNTS}" in complete:
            sums = entries * complete[f"{stem}{COUNTS}"][:, None]
            complete.setdefault(f"{stem}{SUMS}", sums)
    return complete
