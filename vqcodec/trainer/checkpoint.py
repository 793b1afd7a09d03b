"""Checkpoints: everything a run needs to go on as if nothing had happened.

Tensors, numbers, text, lists and dictionaries only, so that reading one executes nothing
(``torch.load(weights_only=True)``).
"""

from __future__ import annotations

import io
import os
import pickle
import random
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..formats.atomic import write_atomically
from ..models.collectives import gather_ranks
from .failures import TrainingError

CHECKPOINT_NAME = "checkpoint.pt"
CHECKPOINT_VERSION = 1

RandomStates = dict[str, Tensor]


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; until it is on the disk as a whole, the one before stays.

    Raises
    ------
    OSError
        It cannot be written; the one before is intact.
    """
    buffer = io.BytesIO()
    torch.save({**state, "version": CHECKPOINT_VERSION}, buffer)
    write_atomically(path, buffer.getvalue(), overwrite=True)
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises
    ------
    TrainingError
        There is none, or the file is damaged or something else.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version = state["version"]
    except FileNotFoundError as error:
        raise TrainingError(f"{path}: there is no checkpoint") from error
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(f"{path}: not a checkpoint, or damaged ({reason})") from error
    if version != CHECKPOINT_VERSION:
        raise TrainingError(f"{path}: a checkpoint of another version ({version})")
    return state


def random_states(device: torch.device) -> RandomStates:
    """States of all random generators of all ranks: ``(ranks, ...)`` each.

    Every rank must call it.
    """
    generator: Any = np.random.get_state()  # noqa: NPY002
    _, keys, position, has_normal, normal = generator
    version, words, next_normal = random.getstate()
    own = {
        "torch": torch.get_rng_state(),
        "numpy": _numbers(*keys.tolist(), position, has_normal, normal),
        "python": _numbers(version, *words, next_normal is not None, next_normal or 0.0),
    }
    if device.type == "cuda":
        own["cuda"] = torch.cuda.get_rng_state(device)
    return {name: gather_ranks(state.to(device)).cpu() for name, state in own.items()}


def restore_random_states(states: RandomStates, rank: int, device: torch.device) -> bool:
    """Put the generators of a rank into the states of a checkpoint.

    Returns
    -------
    bool
        Whether there were states for this rank and device; else nothing was done.
    """
    if rank >= len(states["torch"]) or (device.type == "cuda") != ("cuda" in states):
        return False
    torch.set_rng_state(states["torch"][rank])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"][rank], device)
    *keys, position, has_normal, normal = states["numpy"][rank].tolist()
    np.random.set_state(  # noqa: NPY002
        ("MT19937", np.array(keys, np.uint32), int(position), int(has_normal), normal)
    )
    version, *words, has_next, next_normal = states["python"][rank].tolist()
    random.setstate(
        (int(version), tuple(int(word) for word in words), next_normal if has_next else None)
    )
    return True


def seed_everything(seed: int, rank: int) -> None:
    """Seed the global generators of Python, NumPy and torch, differently on every rank."""
    mixed = int(np.random.SeedSequence((seed, rank)).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)  # noqa: NPY002
    torch.manual_seed(mixed)


def _numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)  # holds 32-bit integers exactly
