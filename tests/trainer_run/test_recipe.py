from __future__ import annotations

from pathlib import Path

import pytest

from vqcodec.models.paper import PaperConfig, config_from_json
from vqcodec.trainer.failures import RecipeError
from vqcodec.trainer.recipe import (
    RECIPE_FOLDER,
    differing_settings,
    read_recipe,
    recipe_from_json,
)
from vqcodec.trainer.systems import system_of

NAMES = sorted(path.stem for path in RECIPE_FOLDER.glob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_recipes_of_the_package(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe_from_json(recipe.to_json()) == recipe
    if recipe.system == "paper":
        assert isinstance(config_from_json(recipe.network), PaperConfig)


def test_the_papers_recipes() -> None:
    assert {"tudosiu2020-baur", "tudosiu2020-adaptive", "tudosiu2020-authors"} <= set(NAMES)
    for name in ("baur", "adaptive"):
        recipe = read_recipe(f"tudosiu2020-{name}")
        config = config_from_json(recipe.network)
        assert (config.stages, recipe.loss.kind) == ((2, 8, 32), name)
        assert config.stage_dropout > 0
    authors = read_recipe("tudosiu2020-authors")
    config = config_from_json(authors.network)
    assert (config.stages, config.embeddings) == ((1, 1, 1), (2, 8, 32))
    assert (authors.data.patch, authors.loss.commitment) == ((192, 256, 192), 7.0)
    assert authors.optimiser.learning_rate == 1e-4


def test_overrides() -> None:
    recipe = read_recipe(
        "tiny", ["run.steps=7", "network.stages=[1, 1, 1]", "loss.kind=hybrid", "seed=3"]
    )
    assert (recipe.run.steps, recipe.loss.kind, recipe.seed) == (7, "hybrid", 3)
    assert recipe.network["stages"] == [1, 1, 1]
    assert differing_settings(read_recipe("tiny"), recipe) == [
        "seed",
        "network.stages",
        "loss.kind",
    ]
    assert differing_settings(read_recipe("tiny"), read_recipe("tiny", ["run.steps=9"])) == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.step=1", "there is no setting 'run.step'"),
        ("steps=1", "there is no setting 'steps'"),
        ("run.steps=many", "run.steps must be a whole number"),
        ("run.steps=true", "run.steps must be a whole number"),
        ("run.steps=0", "must be positive"),
        ("loss.kind=l3", "loss.kind must be one of baur, adaptive, hybrid"),
        ("data.patch=[64,64]", "data.patch needs 3 values"),
        ("data=3", "data must be a table"),
        ("run.steps", "is not like run.steps=1000"),
        ("a.b.c=1", "is not like run.steps=1000"),
        ("optimiser.learning_rate=-1.0", "out of its range"),
    ],
)
def test_wrong_overrides_are_one_line(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe("tiny", [override])
    assert "\n" not in str(caught.value)


def test_wrong_recipes(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'nonsense' \(known: .*tiny"):
        read_recipe("nonsense")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(RecipeError, match="not TOML"):
        read_recipe(broken)
    with pytest.raises(FileNotFoundError):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="network: unknown settings"):
        system_of(read_recipe("tiny", ["network.width=3"]))
