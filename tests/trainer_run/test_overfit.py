"""A network that cannot memorise one tile cannot learn."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from vqcodec.trainer.loop import train
from vqcodec.trainer.pack import Pack
from vqcodec.trainer.pack_preparation import prepare_pack
from vqcodec.trainer.recipe import read_recipe
from vqcodec.trainer.scan_sources import sources_of

SIDE = 64
MARGIN_DB = 5.0
LOSS_DROP = 2
SETTINGS = (
    "augmentation.flip=false",
    "augmentation.permute=false",
    "augmentation.affine=0.0",
    "augmentation.brightness=0.0",
    "augmentation.gamma_share=0.0",
    "augmentation.bias_share=0.0",
    "augmentation.noise_share=0.0",
    "network.averaging=upsampling",
    "network.stage_dropout=0.0",
    "network.codebook_size=64",
    "network.decay=0.8",
    "run.picture_steps=0",
    "run.log_steps=0",
)


@pytest.fixture(scope="module")
def tile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a pack of one tile: soft blobs, at half of the voxels, in no simple order."""
    folder = tmp_path_factory.mktemp("tile")
    (folder / "scans").mkdir()
    noise = np.random.default_rng(0).standard_normal((SIDE, SIDE, SIDE))
    texture = ndimage.gaussian_filter(noise, 8, mode="wrap")
    values = (1000 * np.tanh(texture / texture.std()).clip(0)).astype(np.int16)
    np.save(folder / "scans" / "tile.npy", values)
    prepare_pack(sources_of(folder / "scans"), folder / "pack.h5")
    return folder / "pack.h5"


def of_a_constant(pack_path: Path) -> float:
    """PSNR in dB of the constant nearest to the tile."""
    pack = Pack(pack_path)
    (scan,) = pack.scans
    assert scan.shape == (SIDE, SIDE, SIDE)
    return -10 * math.log10(float(pack.read(scan, (0, 0, 0), scan.shape).var()))


def memorised(pack_path: Path, out: Path, notes: Any, steps: int, learning_rate: float) -> float:
    """PSNR in dB of the tile through the codes, after training on nothing else."""
    recipe = read_recipe(
        "tiny",
        [
            *SETTINGS,
            f"run.steps={steps}",
            f"optimiser.first_cycle={steps + 1}",
            f"run.validation_steps={steps}",
            f"optimiser.learning_rate={learning_rate}",
        ],
    )
    train(recipe, pack_path, out, notes, device="cpu")
    with (out / "validation.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    return float(row["psnr"])


def test_one_tile_can_be_memorised(tile: Path, tmp_path: Path, notes: Any) -> None:
    reached = memorised(tile, tmp_path / "run", notes, steps=50, learning_rate=5e-3)
    assert reached > of_a_constant(tile) + MARGIN_DB
    assert notes.losses[-1] < notes.losses[0] / LOSS_DROP


def test_without_learning_nothing_is_memorised(tile: Path, tmp_path: Path, notes: Any) -> None:
    """The bar above is one that moving codebooks alone do not reach."""
    reached = memorised(tile, tmp_path / "run", notes, steps=15, learning_rate=1e-12)
    assert reached < of_a_constant(tile)
    assert notes.losses[-1] > notes.losses[0] / LOSS_DROP
