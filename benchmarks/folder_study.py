"""A BIDS-like folder of made-up heads: the MNI152 template, deformed at random."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from . import scans

KNOTS = 5
"""Random displacements along each axis, between which it is smooth."""


def make_study(place: Path, subjects: int, side: int, real: int = 0, seed: int = 0) -> Path:
    """Write a folder of scans with their sidecars.

    Parameters
    ----------
    place : Path
        The folder; made anew.
    subjects : int
        Scans made from the template.
    side : int
        Voxels along the second axis of each; the template at 1 mm has 233.
    real : int
        Real scans of the data folder to add, where there is one.
    seed : int
    """
    place.mkdir(parents=True)
    template, affine = _template(side)
    generator = np.random.default_rng(seed)
    for number in range(subjects):
        values = deformed(template, generator)
        image = nib.Nifti1Image(values, affine)
        _add(place, f"sub-{number:04d}", lambda path, image=image: nib.save(image, path))
    for number, source in enumerate(_real_scans(real)):
        _add(place, f"sub-real{number:02d}", lambda path, at=source: shutil.copyfile(at, path))
    names = sorted(path.name for path in place.iterdir())
    (place / "participants.tsv").write_text("\n".join(["participant_id", *names]) + "\n")
    described = {"Name": "deformed templates", "BIDSVersion": "1.9.0"}
    (place / "dataset_description.json").write_text(json.dumps(described) + "\n")
    return place


def deformed(template: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.int16]:
    """Move the voxels of a head smoothly by a few percent of its size; add noise where it is."""
    from scipy.ndimage import map_coordinates, zoom

    shape = template.shape
    places = np.indices(shape, dtype=np.float32)
    for axis, side in enumerate(shape):
        knots = generator.normal(0, 0.02 * side, (KNOTS,) * 3)
        factors = [n / KNOTS for n in shape]
        places[axis] += zoom(knots, factors, order=3, mode="nearest", grid_mode=True)
    moved = map_coordinates(template, places, order=1, mode="constant")
    noisy = moved + generator.normal(0, 10, shape) * (moved > 0)
    rounded: NDArray[np.int16] = np.clip(np.rint(noisy), 0, 4000).astype(np.int16)
    return rounded


def _template(side: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    from nilearn.datasets import load_mni152_template
    from scipy.ndimage import zoom

    image: Any = load_mni152_template(resolution=1)
    values = np.asarray(image.dataobj, dtype=np.float32)
    factor = side / values.shape[1]
    smaller = zoom(values, factor, order=1) if factor < 1 else values
    scaled = np.clip(1000 * smaller / smaller.max(), 0, None).astype(np.float32)
    return scaled, image.affine @ np.diag([1 / factor, 1 / factor, 1 / factor, 1.0])


def _add(place: Path, subject: str, write: Any) -> None:
    folder = place / subject / "anat"
    folder.mkdir(parents=True)
    write(folder / f"{subject}_T1w.nii.gz")
    text = json.dumps({"Modality": "MR", "RepetitionTime": 2.3, "Subject": subject})
    (folder / f"{subject}_T1w.json").write_text(text + "\n")


def _real_scans(count: int) -> list[Path]:
    if not count:
        return []
    folder = scans.data_folder()
    return [folder / entry.path for entry in scans.entries()[:count]]
