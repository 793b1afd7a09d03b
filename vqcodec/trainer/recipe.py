"""Recipes: all settings of a training run, from TOML and ``key=value`` overrides."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .augmentation import AugmentationSettings
from .failures import RecipeError
from .typed_settings import built

RECIPE_FOLDER = Path(__file__).parent / "recipes"

SystemName = Literal["paper", "alpha-wgan"]
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class DataSettings:
    """What a training step sees.

    Attributes
    ----------
    patch : tuple of int
        D, H, W; ``[192, 256, 192]`` is a full volume of the paper's.
    batch_size : int
        Patches a step, on each process.
    splits, validation_splits : tuple of str
        Of the pack.
    synthetic_share : float
        Probability that a patch is of a synthetic volume instead of the pack's.
    workers : int
        Processes that prepare patches; 0 does it in the training process.
    validation_scans : int
        Most scans to measure on; the middle patch of each.
    """

    patch: tuple[int, int, int] = (128, 128, 128)
    batch_size: int = 1
    splits: tuple[str, ...] = ("train",)
    validation_splits: tuple[str, ...] = ("val",)
    synthetic_share: float = 0.0
    workers: int = 0
    validation_scans: int = 4


@dataclass(frozen=True)
class LossSettings:
    """Reconstruction loss and commitment; see :mod:`vqcodec.trainer.losses`.

    Attributes
    ----------
    kind : {"baur", "adaptive", "hybrid"}
    commitment : float
        Weight of the second term of equation 4.
    per_voxel : bool
        Baur loss per voxel instead of the paper's sum over the volume.
    gradient_wait, gradient_ramp, gradient_top : number
        The course of lambda.
    scale_start : float
        First scale of the adaptive loss.
    adaptive_learning_rate : float
        Of its alpha and scale.
    baur_weight, adaptive_weight : float
        Of the hybrid.
    """

    kind: Literal["baur", "adaptive", "hybrid"] = "baur"
    commitment: float = 0.25
    per_voxel: bool = True
    gradient_wait: int = 100_000
    gradient_ramp: int = 10_000
    gradient_top: float = 5.0
    scale_start: float = 0.1
    adaptive_learning_rate: float = 1e-2
    baur_weight: float = 1.0
    adaptive_weight: float = 0.1


@dataclass(frozen=True)
class OptimiserSettings:
    """Adam with warm restarts.

    Attributes
    ----------
    learning_rate : float
        At the start of the first cycle.
    first_cycle, cycle_growth, cycle_decay, floor : number
        See :class:`vqcodec.trainer.schedule.CosineRestarts`.
    clip_norm : float
        Largest norm of all gradients together; 0 does not clip.
    weight_average : float
        Decay of a moving average of the weights, which is measured and exported; 0 keeps none.
    """

    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    first_cycle: int = 6480
    cycle_growth: float = 1.25
    cycle_decay: float = 0.95
    floor: float = 1e-7
    clip_norm: float = 0.0
    weight_average: float = 0.0


@dataclass(frozen=True)
class RunSettings:
    """How long, how precisely, and what is written when. May change when a run is resumed.

    Attributes
    ----------
    steps : int
        Training steps in all.
    minutes : float
        Training time in all, over every resumption; 0 sets no limit.
    precision : {"float32", "bfloat16", "float16"}
        Of the networks; quantisers and losses always run in float32.
    gradient_checkpointing : bool
        Compute activations twice to save memory.
    checkpoint_minutes, checkpoint_steps : number
        How often to save; 0 steps leaves it to the minutes.
    log_steps, validation_steps, picture_steps : int
        How often to write a line of the log, to measure on held-out scans, and to draw;
        0 never does.
    """

    steps: int = 100_000
    minutes: float = 0.0
    precision: Precision = "float32"
    gradient_checkpointing: bool = False
    checkpoint_minutes: float = 10.0
    checkpoint_steps: int = 0
    log_steps: int = 50
    validation_steps: int = 1000
    picture_steps: int = 1000


@dataclass(frozen=True)
class Recipe:
    """All settings of a training run.

    Attributes
    ----------
    name : str
    system : {"paper", "alpha-wgan"}
        What is trained.
    seed : int
        Fixes weights, order and patches.
    network : mapping
        Settings of the system's network, such as those of
        :class:`vqcodec.models.paper.PaperConfig`.
    data, augmentation, loss, optimiser, run : dataclasses
    """

    name: str
    system: SystemName = "paper"
    seed: int = 0
    network: Mapping[str, Any] = field(default_factory=dict)
    data: DataSettings = field(default_factory=DataSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        if min(self.data.patch) < 1 or self.data.batch_size < 1 or self.run.steps < 1:
            raise RecipeError("data.patch, data.batch_size and run.steps must be positive")
        if self.data.workers < 0 or not 0 <= self.data.synthetic_share <= 1:
            raise RecipeError("data.workers or data.synthetic_share is out of its range")
        if self.optimiser.learning_rate <= 0 or not 0 <= self.optimiser.weight_average < 1:
            raise RecipeError("optimiser.learning_rate or weight_average is out of its range")

    def to_json(self) -> dict[str, Any]:
        """Return nested dictionaries of JSON values."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain


def read_recipe(place: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and change some of its settings.

    Parameters
    ----------
    place : str or Path
        A TOML file, or the name of a recipe of this package.
    overrides : sequence of str
        Such as ``run.steps=1000`` or ``network.stages=[1,1,1]``: dotted name, TOML value.

    Raises
    ------
    RecipeError
        The file is no recipe, or a name or value is wrong.
    OSError
        It cannot be read.
    """
    path = Path(place)
    if not path.is_file() and path.suffix != ".toml" and path.name == str(place):
        path = RECIPE_FOLDER / f"{place}.toml"
        if not path.is_file():
            names = ", ".join(sorted(known.stem for known in RECIPE_FOLDER.glob("*.toml")))
            raise RecipeError(f"no recipe {str(place)!r} (known: {names}; or give a TOML file)")
    try:
        values = _toml().loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecipeError(f"{path}: not TOML: {error}") from error
    values.setdefault("name", path.stem)
    try:
        return recipe_from_json(overridden(values, overrides))
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def overridden(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Copy nested settings, with some of them replaced."""
    changed: dict[str, Any] = {
        name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()
    }
    for override in overrides:
        name, equals, text = override.partition("=")
        parts = name.strip().split(".")
        if not equals or not all(parts) or len(parts) > 2:
            raise RecipeError(f"override {override!r} is not like run.steps=1000")
        table = changed if len(parts) == 1 else changed.setdefault(parts[0], {})
        if not isinstance(table, dict):
            raise RecipeError(f"there is no setting {name!r}")
        table[parts[-1]] = _value_of(text.strip())
    return changed


def recipe_from_json(values: Mapping[str, Any]) -> Recipe:
    """Inverse of :meth:`Recipe.to_json`; what is missing takes its default.

    Raises
    ------
    RecipeError
        A name or value is wrong.
    """
    recipe = built(Recipe, values)
    if not isinstance(recipe, Recipe):
        raise RecipeError("is not a recipe")
    return recipe


def differing_settings(first: Recipe, second: Recipe) -> list[str]:
    """Names of the settings outside ``run`` that two recipes do not share."""
    return [
        name
        for name, value in _flat(first.to_json()).items()
        if not name.startswith("run.") and _flat(second.to_json()).get(name, value) != value
    ] + [
        name
        for name in _flat(second.to_json())
        if not name.startswith("run.") and name not in _flat(first.to_json())
    ]


def _toml() -> Any:
    try:
        return importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError as error:
        raise RecipeError("recipes need tomli: python -m pip install 'vqcodec[train]'") from error


def _value_of(text: str) -> Any:
    try:
        return _toml().loads(f"value = {text}")["value"]
    except ValueError:
        return text


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
