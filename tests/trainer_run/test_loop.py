from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from vqcodec.trainer import run_state
from vqcodec.trainer.checkpoint import read_checkpoint
from vqcodec.trainer.failures import TrainingError
from vqcodec.trainer.loop import train
from vqcodec.trainer.minimisation import Minimiser, StepResult
from vqcodec.trainer.pictures import pictures_are_possible
from vqcodec.trainer.recipe import Recipe
from vqcodec.trainer.run_folder import Purpose

CHANGING = ("seconds", "voxels_per_second")


def with_run(recipe: Recipe, **settings: Any) -> Recipe:
    return replace(recipe, run=replace(recipe.run, **settings))


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in CHANGING} for row in rows]


def test_a_resumed_run_has_the_losses_of_an_uninterrupted_one(
    tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any
) -> None:
    recipe = replace(
        with_run(tiny, log_steps=2, checkpoint_minutes=1e9),
        optimiser=replace(tiny.optimiser, weight_average=0.9),
        loss=replace(tiny.loss, kind="hybrid"),
    )
    train(recipe, pack_path, tmp_path / "whole", notes)
    whole = list(notes.losses)
    notes.losses.clear()
    for steps in (1, 3, 6):
        train(with_run(recipe, steps=steps), pack_path, tmp_path / "parts", notes, resume=True)
    assert notes.losses == whole
    assert len(whole) == 6
    assert rows_of(tmp_path / "parts") == rows_of(tmp_path / "whole")
    first, second = (
        read_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts")
    )
    for part in ("system", "average"):
        assert first[part].keys() == second[part].keys()
        assert all(torch.equal(first[part][name], second[part][name]) for name in first[part])


def test_the_log_tells_throughput_and_codebook_use(
    tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any
) -> None:
    recipe = with_run(tiny, steps=2, validation_steps=2, picture_steps=2)
    train(recipe, pack_path, tmp_path / "run", notes)
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert float(row["voxels_per_second"]) > 0
    for level in ("fine", "middle", "coarse"):
        assert 0 < float(row[f"usage_{level}"]) <= 1
        assert 1 <= float(row[f"perplexity_{level}"]) <= 8
    assert "held-out PSNR" in notes.lines[0]
    pictures = list((tmp_path / "run" / "pictures").glob("*.png"))
    assert len(pictures) == int(pictures_are_possible())


def test_a_loss_that_is_not_finite_stops_the_run(
    tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = with_run(tiny, checkpoint_steps=1)
    honest = Minimiser.step

    def broken(self: Minimiser, x: torch.Tensor, step: int) -> StepResult:
        result = honest(self, x, step)
        return replace(result, loss=math.nan) if step == 2 else result

    monkeypatch.setattr(Minimiser, "step", broken)
    with pytest.raises(TrainingError, match=r"the loss is not finite in step 3; .* is intact"):
        train(recipe, pack_path, tmp_path / "run", notes)
    assert read_checkpoint(tmp_path / "run" / "checkpoint.pt")["step"] == 2


def test_weights_that_explode_are_not_saved(
    tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any
) -> None:
    wild = replace(tiny, optimiser=replace(tiny.optimiser, learning_rate=1e30))
    with pytest.raises(TrainingError, match="not finite in step 2; there is no checkpoint yet"):
        train(wild, pack_path, tmp_path / "run", notes)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_out_of_memory_is_one_line(
    error: Exception,
    tiny: Recipe,
    pack_path: Path,
    tmp_path: Path,
    notes: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hungry(*_: object) -> None:
        raise error

    monkeypatch.setattr(Minimiser, "step", hungry)
    with pytest.raises(TrainingError, match=r"^out of memory; .*smaller data.batch_size"):
        train(tiny, pack_path, tmp_path / "run", notes)


def test_other_errors_stay_what_they_are(
    tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Minimiser, "step", wrong)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train(tiny, pack_path, tmp_path / "run", notes)


def test_a_full_disk_ends_the_run_and_keeps_the_checkpoint(
    tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = with_run(tiny, checkpoint_steps=1)
    honest = run_state.write_checkpoint

    def full(path: Path, state: dict[str, Any]) -> None:
        if state["step"] == 2:
            raise OSError(28, "No space left on device", str(path))
        honest(path, state)

    monkeypatch.setattr(run_state, "write_checkpoint", full)
    with pytest.raises(OSError, match="No space left"):
        train(recipe, pack_path, tmp_path / "run", notes)
    assert read_checkpoint(tmp_path / "run" / "checkpoint.pt")["step"] == 1


def test_what_a_run_refuses(tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any) -> None:
    recipe = with_run(tiny, steps=1)
    train(recipe, pack_path, tmp_path / "run", notes)
    with pytest.raises(TrainingError, match="there is a run here already"):
        train(recipe, pack_path, tmp_path / "run", notes)
    other = replace(recipe, seed=9)
    with pytest.raises(TrainingError, match="begun with other settings: seed"):
        train(other, pack_path, tmp_path / "run", notes, resume=True)
    with pytest.raises(TrainingError, match="no scan of this group"):
        train(recipe, pack_path, tmp_path / "new", notes, purpose=Purpose(group={"group": "z"}))
    assert not (tmp_path / "new").exists()
    with pytest.raises(TrainingError, match="mode P starts from a model"):
        Purpose("P")
    with pytest.raises(TrainingError, match="mode PB trains from scratch"):
        Purpose("PB", fine_tune="model")


def test_minutes_end_a_run_too(tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any) -> None:
    summary = train(with_run(tiny, minutes=1e-6), pack_path, tmp_path / "run", notes)
    assert summary.steps == 1


def test_half_precision_and_recomputation_train(
    tiny: Recipe, pack_path: Path, tmp_path: Path, notes: Any
) -> None:
    recipe = with_run(tiny, steps=2, precision="bfloat16", gradient_checkpointing=True)
    train(recipe, pack_path, tmp_path / "run", notes)
    assert all(math.isfinite(loss) for loss in notes.losses)
