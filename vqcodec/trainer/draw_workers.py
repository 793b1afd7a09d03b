"""Draws for training on a GPU, made by as many processes as there are cores to spare.

Each job augments a scan, codes it at two steps with the model that is being trained on, and
leaves, for each of them, what the context networks read (``draw*.npz``) and the volume before
and after the codec (``pair*.npz``). Files appear whole.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..entropy.context_model import context_model
from ..layout import step_of
from ..models.restoration import TRAINED_STEPS
from ..models.wavelet_family import WaveletModel, wavelet_model
from ..registry import read_weights
from .context_draws import SplitDraw, split_draws
from .context_samples import Quantised, pick_scan
from .restoration import Pair, encoder_of, pair_of
from .scans import augment, load_scan, scans_of

STEP_RANGE = (0.008, 0.3)
STEPS_PER_JOB = 2
SEED = 40213


def job_steps(rng: np.random.Generator) -> list[int]:
    """Step indices of a job: one from each equal part of ``STEP_RANGE``, in octaves."""
    low, high = np.log2(STEP_RANGE)
    share = (np.arange(STEPS_PER_JOB) + rng.random(STEPS_PER_JOB)) / STEPS_PER_JOB
    return [round(-64 * (low + part * (high - low))) for part in share]


def encoded(
    model: WaveletModel, x_DHW: NDArray[np.float32], step_indices: list[int]
) -> list[tuple[Quantised, Pair | None]]:
    """A volume at some steps: coefficients, and what they decode to unless that is too fine."""
    encoder = encoder_of(model, x_DHW)
    found: list[tuple[Quantised, Pair | None]] = []
    for plain_index in step_indices:
        index = plain_index + model.finer_by
        _, coefficients = encoder.encode(index)
        is_restored = step_of(plain_index) >= TRAINED_STEPS[0]
        pair = pair_of(encoder, coefficients, index) if is_restored else None
        found.append((Quantised(coefficients.details, encoder.geometry, index), pair))
    return found


def _save(path: Path, arrays: Mapping[str, Any]) -> None:
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, **arrays)
    unfinished.rename(path)


def draw_arrays(draws: Mapping[int, SplitDraw]) -> dict[str, NDArray[Any]]:
    """Arrays of the draws of all splits under names of their own."""
    return {
        f"{name}{split}": array
        for split, draw in draws.items()
        for name, array in vars(draw).items()
    }


def draws_of(arrays: Mapping[str, NDArray[Any]]) -> dict[int, SplitDraw]:
    """Inverse of :func:`draw_arrays`."""
    names = SplitDraw.__dataclass_fields__
    count = len(arrays) // len(names)
    return {
        split: SplitDraw(**{name: arrays[f"{name}{split}"] for name in names})
        for split in range(count)
    }


def work(root: Path, weights: Path, reader: Path, out: Path, jobs: range, until: float) -> None:
    """Do jobs until they are done or ``time.time()`` is ``until``.

    Parameters
    ----------
    weights, reader : Path
        Weights files: of the model that encodes, and of that whose networks read the draws.
    """
    torch.set_num_threads(1)
    model = wavelet_model(read_weights(weights).tensors)
    read_by = context_model(read_weights(reader).tensors)
    scans = scans_of(root, "train")
    for job in jobs:
        if time.time() > until:
            return
        rng = np.random.default_rng([SEED, job])
        scan = pick_scan(scans, rng)
        x = augment(load_scan(scan), scan.voxel_mm, rng)
        for number, (quantised, pair) in enumerate(encoded(model, x, job_steps(rng))):
            name = f"{job:05d}-{number}.npz"
            _save(
                out / f"draw{name}",
                draw_arrays(dict(split_draws(quantised, rng, model=read_by))),
            )
            if pair is not None:
                _save(out / f"pair{name}", vars(pair))


def start_workers(
    root: Path,
    weights: Path,
    reader: Path,
    out: Path,
    count: int,
    until: float,
    first_job: int = 0,
) -> list[multiprocessing.Process]:
    """Processes that make draws, each every ``count``-th job; see :func:`work`."""
    out.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    processes = []
    for number in range(count):
        jobs = range(first_job + number, 1 << 30, count)
        process = context.Process(
            target=work, args=(root, weights, reader, out, jobs, until), daemon=True
        )
        process.start()
        processes.append(process)
    return processes  # type: ignore[return-value]
