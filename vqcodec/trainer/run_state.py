"""The part of a run that changes with every step, on disk and in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..models.collectives import is_first_rank
from .checkpoint import random_states, restore_random_states, write_checkpoint
from .failures import TrainingError
from .logs import Window
from .minimisation import Minimiser
from .systems import System


class RunState:
    """Everything that a checkpoint keeps.

    Parameters
    ----------
    system : System
    minimiser : Minimiser

    Attributes
    ----------
    step, samples : int
        Training steps done, and patches seen by all ranks together.
    seconds : float
        Training time, over every resumption.
    logged_at : float
        ``seconds`` at the last line of the log.
    loss : float
        Of the last step.
    window : Window
    """

    def __init__(self, system: System, minimiser: Minimiser) -> None:
        self.system = system
        self.minimiser = minimiser
        self.window = Window(system.codebook_size)
        self.step, self.samples = 0, 0
        self.seconds, self.logged_at = 0.0, 0.0
        self.loss = float("nan")

    def save(self, path: Path, metadata: Mapping[str, Any], device: torch.device) -> None:
        """Write a checkpoint; every rank takes part, the first one writes.

        Raises
        ------
        OSError
            It cannot be written; the one before is intact.
        """
        states = random_states(device)
        if is_first_rank():
            write_checkpoint(
                path,
                {
                    "metadata": dict(metadata),
                    "step": self.step,
                    "samples": self.samples,
                    "seconds": self.seconds,
                    "logged_at": self.logged_at,
                    "loss": self.loss,
                    "system": self.system.state_dict(),
                    **self.minimiser.state_dict(),
                    "window": self.window.state_dict(),
                    "random": states,
                },
            )

    def restore(self, state: Mapping[str, Any], rank: int, device: torch.device) -> bool:
        """Take over a checkpoint.

        Returns
        -------
        bool
            Whether the random generators of this rank could be restored too; they cannot when
            the number of processes or the kind of device has changed.

        Raises
        ------
        TrainingError
            The checkpoint does not fit.
        """
        try:
            self.system.load_state_dict(state["system"])
            self.minimiser.load_state_dict(state)
            self.window.load_state_dict(state["window"])
            self.step, self.samples = int(state["step"]), int(state["samples"])
            self.seconds, self.logged_at = float(state["seconds"]), float(state["logged_at"])
            self.loss = float(state["loss"])
            return restore_random_states(state["random"], rank, device)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise TrainingError(f"the checkpoint does not fit the recipe: {reason}") from error
