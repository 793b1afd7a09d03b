from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vqcodec.models.paper import PaperNetwork, config_from_json
from vqcodec.registry import read_weights
from vqcodec.trainer.export import export_run
from vqcodec.trainer.failures import TrainingError
from vqcodec.trainer.fine_tuning import start_from, with_sums
from vqcodec.trainer.loop import train
from vqcodec.trainer.recipe import Recipe
from vqcodec.trainer.run_folder import Purpose
from vqcodec.trainer.systems import system_of


@pytest.fixture
def trained(tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any) -> Path:
    recipe = replace(
        tiny,
        run=replace(tiny.run, steps=2),
        optimiser=replace(tiny.optimiser, weight_average=0.5),
    )
    purpose = Purpose("H", {"group": "a"})
    train(recipe, pack_path, tmp_path / "run", notes, purpose=purpose)
    return tmp_path / "run"


def test_an_export_is_a_weights_file_with_a_card(trained: Path, tmp_path: Path) -> None:
    done = export_run(trained, tmp_path / "model.safetensors", license="CC0-1.0")
    model = read_weights(done.weights)
    assert (model.id, model.family, model.sha256) == ("model", "paper", done.sha256)
    assert (model.license, model.training_data) == ("CC0-1.0", "made up (CC0-1.0): 2 scans")
    assert {str(array.dtype) for array in model.tensors.values()} == {"float16", "float32", "bool"}
    card = done.card.read_text()
    for part in (done.sha256, "Mode H", "group = a", "made up (CC0-1.0): 2 scans", "cannot"):
        assert part in card
    with pytest.raises(FileExistsError):
        export_run(trained, tmp_path / "model.safetensors")


def test_an_exported_network_restores_volumes(trained: Path, tmp_path: Path) -> None:
    done = export_run(trained, tmp_path / "model.safetensors")
    model = read_weights(done.weights)
    config = {name: value for name, value in model.config.items() if name != "family"}
    network = PaperNetwork(config_from_json(config)).eval()
    tensors = {name: torch.from_numpy(array.copy()) for name, array in model.tensors.items()}
    network.load_state_dict(with_sums(tensors))
    x = torch.rand(1, 1, 64, 64, 64, generator=torch.Generator().manual_seed(0))
    codes = network.encode(x)
    restored = network.decode(codes, x.shape[2:])
    assert restored.shape == x.shape
    assert bool(torch.isfinite(restored).all())


def test_fine_tuning_starts_from_a_run_and_from_an_export(
    trained: Path, tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any
) -> None:
    done = export_run(trained, tmp_path / "model.safetensors")
    from_run, from_export = system_of(tiny), system_of(tiny)
    start_from(from_run, str(trained))
    found = start_from(from_export, str(done.weights))
    assert found == {"name": "model", "sha256": done.sha256}
    exact, rounded = from_run.network.state_dict(), from_export.network.state_dict()
    assert all(
        np.allclose(rounded[name].float(), value.float(), rtol=2e-3, atol=2e-2)
        for name, value in exact.items()
    )
    purpose = Purpose("P", {"group": "b"}, str(done.weights))
    recipe = replace(tiny, run=replace(tiny.run, steps=1))
    train(recipe, pack_path, tmp_path / "tuned", notes, purpose=purpose)
    tuned = export_run(tmp_path / "tuned", tmp_path / "tuned.safetensors")
    assert f"Fine-tuned from model (sha256 `{done.sha256}`)" in tuned.card.read_text()


def test_models_that_do_not_fit(trained: Path, tiny: Recipe) -> None:
    other = replace(tiny, network={**tiny.network, "stages": [1, 1, 1]})
    with pytest.raises(TrainingError, match="its network has other settings: stages"):
        start_from(system_of(other), str(trained))
