"""One small token network with three kinds of codebooks, trained alike and measured alike.

Codebooks learn by moving averages (``ema``), by gradient (``gradient``), or are a fixed grid of
rounded numbers (``fsq``: 8 x 8 x 4 values). Everything else is the same: network, seed, patches
and their order, loss, optimiser and number of steps. The linear start of the shipped models is
off, since a grid has no k-means to start with. All are trained through the public loop; held-out
scans are measured whole, as the codec sees them.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vqcodec import metrics
from vqcodec.device import resolve_device
from vqcodec.layout import LEVEL_NAMES, site_padding
from vqcodec.trainer.checkpoint import read_checkpoint
from vqcodec.trainer.listener import Nobody
from vqcodec.trainer.loop import train
from vqcodec.trainer.pack import Pack, PackedScan
from vqcodec.trainer.recipe import Recipe, recipe_from_json
from vqcodec.trainer.run_folder import RunFolder
from vqcodec.trainer.systems import System, system_of

from .codebooks import CodebookUse, Counts, codebook_uses, histograms
from .peers import Array

KINDS = ("ema", "gradient", "fsq")
FOR_EVER = 1_000_000
NETWORK: Mapping[str, Any] = {
    "stages": [2, 4, 4],
    "embeddings": [16, 32, 32],
    "encoder_channels": [4, 8, 32, 32, 48, 48, 48],
    "decoder_channels": [48, 32, 32, 16, 8],
    "codebook_size": 256,
    "stem": "space-to-depth",
    "stem_channels": 32,
    "stem_blocks": 1,
    "averaging": "none",
    "cascade": True,
}
DATA: Mapping[str, Any] = {"patch": [64, 64, 64], "batch_size": 4}
LOSS: Mapping[str, Any] = {"kind": "baur", "per_voxel": True, "commitment": 0.25}
OPTIMISER: Mapping[str, Any] = {
    "learning_rate": 1e-3,
    "first_cycle": FOR_EVER,
    "warm_up": 20,
    "clip_norm": 1.0,
}

Say = Callable[[str], None]


class NoHeldOutError(Exception):
    """The pack has no scans to measure on."""


@dataclass(frozen=True)
class Trained:
    """One network after training, and what held-out scans say of it.

    Attributes
    ----------
    quantiser : str
        One of `KINDS`.
    seed : int
    steps : int
    seconds, cpu_seconds : float
        Of training, measuring not included; the second is of processor time, which does not
        grow when others use the machine.
    psnr_foreground : float
        Decibels over the foreground, range 1; mean over the held-out scans.
    uses : tuple of CodebookUse
        Of the fine, middle and coarse level, over all held-out scans.
    """

    quantiser: str
    seed: int
    steps: int
    seconds: float
    cpu_seconds: float
    psnr_foreground: float
    uses: tuple[CodebookUse, ...]


def recipe_of(quantiser: str, seed: int, steps: int, minutes: float = 0.0) -> Recipe:
    """The recipe all networks share, but for the quantiser and the seed."""
    return recipe_from_json(
        {
            "name": f"quantiser-{quantiser}",
            "system": "paper",
            "seed": seed,
            "network": {**NETWORK, "quantiser": quantiser},
            "data": DATA,
            "loss": LOSS,
            "optimiser": OPTIMISER,
            "run": {
                "steps": steps,
                "minutes": minutes,
                "log_steps": 0,
                "validation_steps": 0,
                "picture_steps": 0,
            },
        }
    )


def trained_alike(
    pack_path: Path,
    steps: int,
    minutes: float,
    seeds: Sequence[int],
    device: str = "cpu",
    say: Say = lambda line: None,
) -> Iterator[Trained]:
    """Train and measure every kind of codebook with every seed.

    Parameters
    ----------
    pack_path : Path
        Training pack with a split ``val``.
    steps : int
        Of each network; 0 leaves it to the minutes.
    minutes : float
        Training time of the first network; the others take as many steps as that made.
    seeds : sequence of int
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    say : callable
        Told what is being trained.

    Raises
    ------
    NoHeldOutError
        The pack has no scans to measure on.
    TrainingError
        A network cannot be trained.
    """
    pack = Pack(pack_path)
    held_out = pack.select(recipe_of(KINDS[0], 0, 1).data.validation_splits)
    if not held_out:
        raise NoHeldOutError(f"{pack_path}: no scan is held out (split val)")
    for seed in seeds:
        for quantiser in KINDS:
            say(f"training {quantiser}, seed {seed}")
            recipe = recipe_of(quantiser, seed, steps or FOR_EVER, 0.0 if steps else minutes)
            with tempfile.TemporaryDirectory() as folder:
                started = time.process_time()
                summary = train(recipe, pack_path, Path(folder), Nobody(), device=device)
                spent = time.process_time() - started
                system = trained_system(recipe, Path(folder))
            steps = summary.steps
            decibels, uses = measured_held_out(system, pack, held_out, device)
            yield Trained(quantiser, seed, steps, summary.seconds, spent, decibels, uses)


def trained_system(recipe: Recipe, folder: Path) -> System:
    """The networks of a run's newest checkpoint."""
    system = system_of(recipe)
    system.load_state_dict(read_checkpoint(RunFolder(folder).checkpoint)["system"])
    return system.eval()


def measured_held_out(
    system: System, pack: Pack, held_out: Sequence[PackedScan], device: str
) -> tuple[float, tuple[CodebookUse, ...]]:
    """Mean foreground PSNR and the codebooks, of whole held-out scans with all stages."""
    on = resolve_device(device)
    system.to(on).eval()
    decibels: list[float] = []
    counted: list[dict[str, Counts]] = []
    for scan in held_out:
        values = whole_scan(pack, scan)
        foreground = metrics.foreground(values)
        restored, codes = system.restore(torch.from_numpy(values).to(on)[None, None])
        decoded = restored[0, 0].cpu().numpy()
        decibels.append(metrics.psnr(values, decoded, 1.0, foreground))
        grids = {level: codes[level][0].cpu().numpy().astype(np.uint8) for level in LEVEL_NAMES}
        counted.append(histograms(foreground, grids, system.codebook_size))
    return math.fsum(decibels) / len(decibels), codebook_uses(counted)


def whole_scan(pack: Pack, scan: PackedScan) -> Array:
    """A scan of the pack as float32 ``(D, H, W)``, padded to whole coarse sites."""
    margins = site_padding(scan.shape)
    origin = [-before for before, _ in margins]
    sides = [side + sum(both) for side, both in zip(scan.shape, margins, strict=True)]
    return np.ascontiguousarray(pack.read(scan, origin, sides), dtype=np.float32)


def averaged(runs: Sequence[Trained]) -> Trained:
    """Mean of the runs of one quantiser over its seeds; usage and perplexity too."""
    count = len(runs)
    uses = tuple(
        replace(
            first,
            used=math.fsum(run.uses[place].used for run in runs) / count,
            used_least=min(run.uses[place].used_least for run in runs),
            perplexity=math.fsum(run.uses[place].perplexity for run in runs) / count,
            perplexity_least=min(run.uses[place].perplexity_least for run in runs),
        )
        for place, first in enumerate(runs[0].uses)
    )
    return replace(
        runs[0],
        seconds=math.fsum(run.seconds for run in runs) / count,
        cpu_seconds=math.fsum(run.cpu_seconds for run in runs) / count,
        psnr_foreground=math.fsum(run.psnr_foreground for run in runs) / count,
        uses=uses,
    )
