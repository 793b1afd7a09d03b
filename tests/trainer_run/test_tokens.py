"""From scans to a model that compresses: linear start, training, entropy tables, codec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

import vqcodec
from vqcodec.registry import read_weights
from vqcodec.trainer.code_prior import PriorSettings
from vqcodec.trainer.export import export_run
from vqcodec.trainer.failures import RecipeError, TrainingError
from vqcodec.trainer.fine_tuning import start_from
from vqcodec.trainer.loop import train
from vqcodec.trainer.pack import Pack
from vqcodec.trainer.recipe import Recipe, read_recipe
from vqcodec.trainer.systems import system_of

QUICK = PriorSettings(patches=2, hidden=(4, 2, 1), hidden_2=(4, 2, 1), steps=(20, 5, 0), rows=256)
LINEAR = (
    "network.stages=[2, 2, 2]",
    "network.embeddings=[24, 64, 64]",
    "network.encoder_channels=[4, 8, 24, 8, 64, 8, 64]",
    "network.decoder_channels=[8, 8, 8, 8, 8]",
    "network.stem_channels=24",
    "network.averaging=none",
    "network.cascade=true",
    "network.codebook_size=32",
    "start.kind=linear",
    "start.patches=6",
    "optimiser.encoder_rate=0.0",
    "optimiser.learning_rate=1e-4",
    "optimiser.weight_average=0.0",
    "run.validation_steps=0",
    "run.picture_steps=0",
    "run.steps=3",
)


@pytest.fixture(scope="module")
def linear() -> Recipe:
    return read_recipe("tiny", LINEAR)


@pytest.fixture(scope="module")
def run(linear: Recipe, pack_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linear") / "run"
    train(linear, pack_path, folder, _Nobody())
    return folder


class _Nobody:
    def says(self, text: str) -> None:
        pass

    def progress(self, step: int, steps: int, loss: float, rate: float, left: float) -> None:
        pass


def test_a_linear_start_is_a_codec_and_the_encoder_keeps_still(
    run: Path, linear: Recipe, pack_path: Path
) -> None:
    system = system_of(linear)
    start_from(system, str(run))
    pack = Pack(pack_path)
    scan = pack.select(("val",), None)[0]
    x = pack.read(scan, [(side - 64) // 2 for side in scan.shape], (64, 64, 64))
    volume = torch.from_numpy(np.ascontiguousarray(x))[None, None]
    restored, _ = system.eval().restore(volume)
    inside = volume != 0
    error = float((restored - volume)[inside].square().mean())
    assert error < 0.08 * float(volume[inside].square().mean())
    skip = system.network.encoder.to_fine[0].skip.weight  # type: ignore[union-attr,index]
    assert not skip.requires_grad


def test_a_trained_model_compresses(
    run: Path, pack_path: Path, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    models = tmp_path / "models"
    models.mkdir()
    done = export_run(
        run, models / "mine.safetensors", pack=pack_path, prior=QUICK, tell=heard.append
    )
    assert [line.partition(":")[0] for line in heard] == ["coarse", "middle", "fine"]
    assert "cannot" not in done.card.read_text()
    monkeypatch.setenv("VQZ_MODEL_PATH", str(models))
    source = scans / "sub-3.nii.gz"
    vqz = vqcodec.encode(source, model="mine", force=True)
    assert vqz.parsed.family == "paper"
    assert [grid.shape[0] for grid in vqz.codes.values()] == [2, 2, 2]
    again = vqcodec.VQZ.from_bytes(vqz.to_bytes())
    image = vqcodec.decode(again)
    original = nibabel.load(source)  # type: ignore[attr-defined]
    assert image.header.binaryblock == original.header.binaryblock
    values, restored = original.get_fdata(), image.get_fdata()
    np.testing.assert_array_equal(restored == 0, values == 0)
    assert vqz.figures["psnr_foreground"] > 15
    fewer = vqcodec.encode(source, model="mine", quality=1, force=True)
    assert fewer.nbytes < vqz.nbytes
    assert fewer.figures["psnr_foreground"] < vqz.figures["psnr_foreground"]


def test_without_tables_a_model_does_not_compress(run: Path, scans: Path, tmp_path: Path) -> None:
    done = export_run(run, tmp_path / "bare.safetensors")
    assert "cannot compress" in done.card.read_text()
    with pytest.raises(vqcodec.errors.ModelUnavailableError, match="export --pack"):
        vqcodec.encode(scans / "sub-3.nii.gz", model=str(done.weights))


def test_fine_tuning_goes_on_from_a_model_with_tables(
    run: Path, linear: Recipe, pack_path: Path, tmp_path: Path
) -> None:
    done = export_run(
        run, tmp_path / "m.safetensors", pack=pack_path, prior=QUICK, tell=lambda text: None
    )
    names = read_weights(done.weights).tensors
    assert any(name.startswith("codes/") for name in names)
    assert start_from(system_of(linear), str(done.weights))["sha256"] == done.sha256


def test_where_an_export_goes_is_looked_at_first(run: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        export_run(run, tmp_path / "nowhere" / "m.safetensors")


def test_tables_for_a_system_without_codes(
    tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any
) -> None:
    recipe = replace(tiny, start=replace(tiny.start, kind="linear", patches=1))
    with pytest.raises(RecipeError, match="linear start needs"):
        train(recipe, pack_path, tmp_path / "run", notes)
    with pytest.raises(TrainingError):
        export_run(tmp_path / "run", tmp_path / "m.safetensors", pack=pack_path)
