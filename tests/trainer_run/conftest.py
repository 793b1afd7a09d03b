"""A few small made-up scans, a pack of them, and a recipe that runs in a second a step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from scipy import ndimage

from vqcodec.trainer.pack_preparation import prepare_pack
from vqcodec.trainer.recipe import Recipe, read_recipe
from vqcodec.trainer.scan_sources import sources_of

SIDES = (40, 48, 36)
SETTINGS = (
    "network.stem_channels=4",
    "network.codebook_size=8",
    "run.validation_steps=0",
    "run.picture_steps=0",
)


def made_up_scan(seed: int) -> np.ndarray:
    """A head-like blob on exact zeros, int16."""
    rng = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(rng.standard_normal(SIDES), 2)
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in SIDES), indexing="ij")
    inside = sum(axis**2 for axis in axes) < 0.8
    return np.where(inside, 600 + 2000 * texture, 0).clip(0).astype(np.int16)


def write_scan(path: Path, values: np.ndarray, voxel_mm: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of four sound scans, with a manifest of two groups."""
    folder = tmp_path_factory.mktemp("scans")
    lines = ["path,split,source,licence,modality,group"]
    for number in range(4):
        write_scan(folder / f"sub-{number}.nii.gz", made_up_scan(number))
        split, group = ("val", "a") if number == 3 else ("train", "ab"[number % 2])
        lines.append(f"sub-{number}.nii.gz,{split},made up,CC0-1.0,T1w,{group}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def pack_path(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "pack.h5"
    prepare_pack(sources_of(scans), path)
    return path


@pytest.fixture
def tiny() -> Recipe:
    return read_recipe("tiny", [*SETTINGS, "run.steps=6"])


class Notes:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.losses: list[float] = []

    def says(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, step: int, steps: int, loss: float, rate: float, left: float) -> None:
        self.losses.append(loss)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are fastest on one thread, and machines that test are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
