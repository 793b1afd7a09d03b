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
from .recipe_settings import (
    DataSettings,
    LossSettings,
    OptimiserSettings,
    RunSettings,
    StartSettings,
)
from .typed_settings import built

RECIPE_FOLDER = Path(__file__).parent / "recipes"

SystemName = Literal["paper", "alpha-wgan"]


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
    start, data, augmentation, loss, optimiser, run : dataclasses
    """

    name: str
    system: SystemName = "paper"
    seed: int = 0
    network: Mapping[str, Any] = field(default_factory=dict)
    start: StartSettings = field(default_factory=StartSettings)
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
