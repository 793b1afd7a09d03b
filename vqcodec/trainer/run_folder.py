"""What a run is: its recipe, its data, its mode; and where its files lie."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from .. import __version__
from ..formats.atomic import write_atomically
from .checkpoint import CHECKPOINT_NAME, read_checkpoint
from .failures import TrainingError
from .pack import Pack, PackedScan
from .recipe import Recipe, overridden, recipe_from_json

Mode = Literal["H", "P", "PB"]
MODES: dict[Mode, str] = {
    "H": "trained from scratch on one group",
    "P": "fine-tuned on another group than it was first trained on",
    "PB": "trained from scratch on the group that mode P is fine-tuned on",
}


@dataclass(frozen=True)
class RunFolder:
    """Names of the files of a run.

    Attributes
    ----------
    path : Path
    """

    path: Path

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint."""
        return self.path / CHECKPOINT_NAME

    @property
    def log(self) -> Path:
        """Training losses, CSV."""
        return self.path / "log.csv"

    @property
    def validation(self) -> Path:
        """Figures on held-out scans, CSV."""
        return self.path / "validation.csv"

    @property
    def description(self) -> Path:
        """Recipe and provenance, JSON."""
        return self.path / "run.json"

    def picture(self, step: int) -> Path:
        """Reconstruction after a step, PNG."""
        return self.path / "pictures" / f"step-{step:08d}.png"

    def create(self, metadata: Mapping[str, Any]) -> None:
        """Make the folder and describe the run in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(metadata, indent=2, sort_keys=True) + "\n"
        write_atomically(self.description, text.encode(), overwrite=True)


@dataclass(frozen=True)
class Purpose:
    """Which of the paper's modes a run is.

    Attributes
    ----------
    mode : {"H", "P", "PB"} or None
    group : mapping of str to str
        Columns of the manifest and the values that scans must have there.
    fine_tune : str or None
        Model to start from: an id, a weights file, a run folder or a checkpoint.
    """

    mode: Mode | None = None
    group: Mapping[str, str] | None = None
    fine_tune: str | None = None

    def __post_init__(self) -> None:
        if self.mode == "P" and self.fine_tune is None:
            raise TrainingError("mode P starts from a model: name it with --fine-tune")
        if self.mode in ("H", "PB") and self.fine_tune is not None:
            raise TrainingError(f"mode {self.mode} trains from scratch, without --fine-tune")


def describe_run(
    recipe: Recipe,
    purpose: Purpose,
    pack: Pack,
    scans: Sequence[PackedScan],
    origin: Mapping[str, str] | None,
    device: torch.device,
) -> dict[str, Any]:
    """Metadata of a run, as JSON values.

    Parameters
    ----------
    scans : sequence of PackedScan
        Those it trains on.
    origin : mapping or None
        Name and sha256 of the model it starts from.
    """
    counts: dict[str, int] = {}
    for scan in scans:
        name = f"{scan.source} ({scan.licence})"
        counts[name] = counts.get(name, 0) + 1
    on_gpu = device.type == "cuda"
    return {
        "recipe": recipe.to_json(),
        "mode": purpose.mode,
        "group": dict(purpose.group or {}),
        "fine_tuned_from": dict(origin) if origin else None,
        "data": counts,
        "synthetic_share": recipe.data.synthetic_share,
        "pack": str(pack.path),
        "software": f"vqcodec {__version__}, torch {torch.__version__}",
        "device": torch.cuda.get_device_name(device) if on_gpu else platform.machine() + " CPU",
    }


def recipe_of_run(folder: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Recipe of a run that was begun, with some settings changed.

    Raises
    ------
    TrainingError
        The folder holds no checkpoint.
    RecipeError
        An override is wrong.
    """
    metadata = read_checkpoint(RunFolder(folder).checkpoint)["metadata"]
    return recipe_from_json(overridden(metadata["recipe"], overrides))
