"""The training loop."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..models.collectives import is_first_rank
from .checkpoint import read_checkpoint, seed_everything
from .codebook_start import begin_linearly
from .distribution import any_rank, processes
from .failures import TrainingError, telling_out_of_memory, what_is_kept
from .fine_tuning import start_from
from .interruption import Interruption
from .listener import Listener, Nobody
from .logs import CsvLog
from .minimisation import Minimiser
from .pack import Pack
from .recipe import Recipe, differing_settings, recipe_from_json
from .run_folder import Purpose, RunFolder, describe_run
from .run_state import RunState
from .sampling import Patches, Share, batches
from .systems import PaperSystem, system_of
from .validation import measure_and_draw


@dataclass(frozen=True)
class RunSummary:
    """Where a run stands at its end: steps, seconds of training, last loss."""

    steps: int
    seconds: float
    loss: float


def train(
    recipe: Recipe,
    pack_path: Path,
    out: Path,
    listener: Listener,
    *,
    purpose: Purpose | None = None,
    resume: bool = False,
    device: str = "auto",
) -> RunSummary:
    """Train until the recipe's steps or minutes are over.

    Parameters
    ----------
    recipe : Recipe
    pack_path : Path
        Training pack.
    out : Path
        Folder of the run; without ``resume`` it must not hold a checkpoint.
    listener : Listener
    purpose : Purpose, optional
        Mode, group and model to start from.
    resume : bool
        Go on from the folder's checkpoint, if there is one, to the very losses of a run that
        was never interrupted (same machine, same number of processes).
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    TrainingError
        The run cannot start or go on: no scans, a loss that is not finite, no memory left.
        The last checkpoint is intact.
    RecipeError
        The recipe makes no network.
    OSError
        A file cannot be written; the last checkpoint is intact.
    KeyboardInterrupt
        Ctrl-C, after a checkpoint was written.
    """
    folder = RunFolder(out)
    with processes(device) as (place, share), Interruption() as interruption:
        with (
            torch.backends.cudnn.flags(benchmark=False, deterministic=True),
            telling_out_of_memory(folder.checkpoint),
        ):
            run = _Run(recipe, pack_path, folder, purpose or Purpose(), resume, place, share)
            run.listener = listener if is_first_rank() else Nobody()
            run.loop(interruption)
        interruption.deliver()
        return RunSummary(run.state.step, run.state.seconds, run.state.loss)


class _Run:
    """One process of a run."""

    def __init__(
        self,
        recipe: Recipe,
        pack_path: Path,
        folder: RunFolder,
        purpose: Purpose,
        resume: bool,
        device: torch.device,
        share: Share,
    ) -> None:
        saved = _checkpoint_to_resume(folder, recipe, resume)
        self.recipe, self.folder, self.device, self.share = recipe, folder, device, share
        self.listener: Listener = Nobody()
        self.pack = Pack(pack_path)
        scans = self.pack.select(recipe.data.splits, purpose.group)
        if not scans:
            raise TrainingError(f"{pack_path}: no scan of this group is for training")
        self.patches = Patches(self.pack, scans, recipe)
        self.held_out = self.pack.select(recipe.data.validation_splits, purpose.group) or scans[:1]
        seed_everything(recipe.seed, 0)
        system = system_of(recipe)
        origin = None
        if saved is None and purpose.fine_tune is not None:
            origin = start_from(system, purpose.fine_tune)
        elif saved is None and recipe.start.kind == "linear" and isinstance(system, PaperSystem):
            begin_linearly(system.network, recipe, self.patches)
        system.to(device).train()
        self.state = RunState(system, Minimiser(system, recipe, device))
        seed_everything(recipe.seed, share.rank)
        if saved is None:
            self.metadata = describe_run(recipe, purpose, self.pack, scans, origin, device)
        else:
            self.metadata = {**saved["metadata"], "recipe": recipe.to_json()}
            self.state.restore(saved, share.rank, device)
        self.saved_at = time.monotonic()
        if is_first_rank():
            folder.create(self.metadata)
            self.log = CsvLog(folder.log, self.state.step)
            self.validation_log = CsvLog(folder.validation, self.state.step)

    def loop(self, interruption: Interruption) -> None:
        """Train, write and report until the end or a signal."""
        state, settings = self.state, self.recipe.run
        feed = batches(self.patches, state.samples, self.share, pin=self.device.type == "cuda")
        stop = self.is_over()
        while not stop:
            started = time.monotonic()
            batch = next(feed)
            for name in batch.unreadable:
                self.listener.says(f"{name}: cannot be read from the pack, skipped")
            x_B1DHW = batch.x_B1DHW.to(self.device, non_blocking=True)
            self.train_step(x_B1DHW)
            state.step += 1
            state.samples += x_B1DHW.shape[0] * self.share.world
            elapsed = time.monotonic() - started
            state.seconds += elapsed
            rate = x_B1DHW.numel() * self.share.world / max(elapsed, 1e-9)
            self.listener.progress(
                state.step, settings.steps, state.loss, rate, self.seconds_left()
            )
            if settings.log_steps and state.step % settings.log_steps == 0:
                self.write_log()
            if is_first_rank() and interruption.received is None:
                self.measure()
            stop, save = any_rank(
                [self.is_over() or interruption.received is not None, self.save_is_due()],
                self.device,
            )
            if stop or save:
                state.save(self.folder.checkpoint, self.metadata, self.device)
                self.saved_at = time.monotonic()

    def train_step(self, x_B1DHW: Tensor) -> None:
        """Minimise, check and note what came out."""
        state = self.state
        result = state.minimiser.step(x_B1DHW, state.step)
        bad_loss, bad_norm = any_rank(state.minimiser.unsound(result), self.device)
        if bad_loss or bad_norm:
            what = "loss" if bad_loss else "gradient"
            raise TrainingError(
                f"the {what} is not finite in step {state.step + 1}; "
                f"{what_is_kept(self.folder.checkpoint)}; "
                "try a lower optimiser.learning_rate or optimiser.clip_norm=1"
            )
        state.loss = result.loss
        outcome = result.outcome
        error = float((outcome.restored_B1DHW.float() - x_B1DHW).square().mean())
        norms = {
            "gradient_norm" + ("" if name == "network" else f" {name}"): norm
            for name, norm in result.norms.items()
        }
        terms = {name: float(value) for name, value in outcome.terms.items()}
        state.window.add(
            {"loss": result.loss, "squared_error": error, **norms, **terms}, outcome.codes
        )

    def write_log(self) -> None:
        """Write a line of the log; every rank takes part."""
        state = self.state
        steps, seconds = state.window.steps, state.seconds - state.logged_at
        state.logged_at = state.seconds
        row = state.window.close(self.device)
        error = row.pop("squared_error")
        if is_first_rank():
            voxels = math.prod(self.recipe.data.patch) * self.recipe.data.batch_size * steps
            self.log.add(
                {
                    "step": state.step,
                    "samples": state.samples,
                    "loss": row.pop("loss"),
                    "psnr": -10 * math.log10(max(error, 1e-12)),
                    "learning_rate": state.minimiser.rate(state.step - 1),
                    "seconds": round(state.seconds, 3),
                    "voxels_per_second": round(voxels * self.share.world / max(seconds, 1e-9)),
                    **row,
                }
            )

    def measure(self) -> None:
        """Measure on held-out scans, and draw one of them, when it is time."""
        settings, step = self.recipe.run, self.state.step
        measures = bool(settings.validation_steps) and step % settings.validation_steps == 0
        draws = bool(settings.picture_steps) and step % settings.picture_steps == 0
        if not (measures or draws):
            return
        row = measure_and_draw(
            self.state.system,
            self.state.minimiser.average,
            self.pack,
            self.held_out,
            self.recipe,
            self.device,
            self.folder.picture(step) if draws else None,
        )
        if measures:
            self.validation_log.add({"step": step, **row})
            self.listener.says(
                f"step {step}: held-out PSNR {row['psnr']:.2f} dB, "
                f"foreground {row['psnr_foreground']:.2f} dB"
            )

    def is_over(self) -> bool:
        """Whether the recipe's steps or minutes are used up."""
        limit = self.recipe.run.minutes
        return self.state.step >= self.recipe.run.steps or 0 < limit <= self.state.seconds / 60

    def seconds_left(self) -> float:
        """Estimate from the pace so far; never more than the recipe's minutes."""
        state, settings = self.state, self.recipe.run
        left = (settings.steps - state.step) * state.seconds / max(1, state.step)
        return min(left, 60 * settings.minutes - state.seconds) if settings.minutes else left

    def save_is_due(self) -> bool:
        """Whether the first process finds it time for a checkpoint."""
        settings = self.recipe.run
        by_steps = settings.checkpoint_steps and self.state.step % settings.checkpoint_steps == 0
        late = time.monotonic() - self.saved_at >= 60 * settings.checkpoint_minutes
        return is_first_rank() and (bool(by_steps) or late)


def _checkpoint_to_resume(folder: RunFolder, recipe: Recipe, resume: bool) -> dict[str, Any] | None:
    if not folder.checkpoint.exists():
        return None
    if not resume:
        raise TrainingError(
            f"{folder.path}: there is a run here already; go on with --resume, or choose "
            "another folder"
        )
    saved = read_checkpoint(folder.checkpoint)
    before = recipe_from_json(saved["metadata"]["recipe"])
    if different := differing_settings(before, recipe):
        raise TrainingError(f"{folder.path}: was begun with other settings: {different[0]}")
    return saved
