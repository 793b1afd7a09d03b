"""Voxel-based morphometry: modulated, smoothed grey matter maps in MNI space.

A volume is segmented on its own grid, registered to the MNI152 template that nilearn ships
(SyN of ANTs), its grey matter moved there, multiplied by the volume change of the non-linear
part, and smoothed. Original and decoded volumes go through all of it separately, so that what
coding does to segmentation and to registration counts alike.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import io
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .curves import cache_folder, write_atomically
from .peers import Array
from .scans import Scan
from .segmentation import Segmenter, segmented

GREY = 2
FWHM_PER_SIGMA = 2.3548
SEED = 1


@dataclass(frozen=True)
class VbmSettings:
    """How maps are made.

    Attributes
    ----------
    resolution : int
        Voxel size of the template in mm.
    halved : bool
        Average volumes to half their resolution before anything else, to be quick.
    fwhm : float
        Of the smoothing, in mm.
    iterations : tuple of int
        Of SyN at its resolutions, coarse to fine.
    """

    resolution: int = 2
    halved: bool = False
    fwhm: float = 8.0
    iterations: tuple[int, ...] = (40, 20, 10)


FULL = VbmSettings()
QUICK = VbmSettings(resolution=4, halved=True, fwhm=12.0, iterations=(20, 10))


@dataclass(frozen=True)
class Placed:
    """A scan and where its voxels lie."""

    scan: Scan
    affine: NDArray[np.float64]


def missing() -> str | None:
    """Why maps cannot be made here, or None."""
    for module, package in (("ants", "antspyx"), ("nilearn", "nilearn"), ("dipy", "dipy")):
        if importlib.util.find_spec(module) is None:
            return f"{package} is not installed: pip install 'vqcodec[vbm]'"
    return None


def grey_map(
    placed: Placed,
    values: Array,
    segmenter: Segmenter,
    settings: VbmSettings = FULL,
    cache: Path | None = None,
) -> NDArray[np.float32]:
    """Modulated, smoothed grey matter of one volume, on the template; cached.

    Parameters
    ----------
    values : ndarray
        The scan itself, or what a codec made of it.

    Raises
    ------
    SegmentationError
        It has no three tissues.
    RuntimeError
        ANTs fails.
    """
    version = importlib.metadata.version("antspyx")
    parts = [asdict(settings), segmenter.software(), version, placed.affine.round(6).tolist()]
    digest = hashlib.sha256(json.dumps(parts).encode())
    digest.update(np.ascontiguousarray(placed.scan.foreground).tobytes())
    digest.update(np.ascontiguousarray(values, dtype=np.float32).tobytes())
    name = f"{digest.hexdigest()[:20]}.npy"
    path = (cache or cache_folder()) / placed.scan.name / "vbm" / name
    if path.is_file():
        found: NDArray[np.float32] = np.load(io.BytesIO(path.read_bytes()))
        return found
    made = _made(placed, values, segmenter, settings, cache)
    packed = io.BytesIO()
    np.save(packed, made)
    write_atomically(path, packed.getvalue())
    return made


@functools.lru_cache(maxsize=2)
def template(resolution: int) -> nib.nifti1.Nifti1Image:
    """The MNI152 template at a voxel size in mm, skull-stripped, as nilearn ships it."""
    datasets = importlib.import_module("nilearn.datasets")
    return cast(nib.nifti1.Nifti1Image, datasets.load_mni152_template(resolution=resolution))


def halved(scan: Scan, values: Array) -> tuple[Scan, Array]:
    """Scan and volume at half the resolution, by means of 2x2x2 voxels."""
    original, smaller = _halved(scan.values), _halved(values)
    inside = original > 0
    reduced = Scan(scan.name, scan.group, scan.whole_head, original, inside)
    return reduced, np.where(inside, smaller, 0).astype(np.float32)


def _made(
    placed: Placed, values: Array, segmenter: Segmenter, settings: VbmSettings, cache: Path | None
) -> NDArray[np.float32]:
    scan, affine = placed.scan, placed.affine
    if settings.halved:
        scan, values = halved(scan, values)
        affine = affine @ np.diag([2.0, 2.0, 2.0, 1.0])
    masked = np.where(scan.foreground, values, np.float32(0))
    grey = segmented(segmenter, scan, values, cache) == GREY
    ants = importlib.import_module("ants")
    target = template(settings.resolution)
    spacing = (float(settings.resolution),) * 3
    fixed = ants.from_numpy(
        _upright(target.get_fdata(dtype=np.float32), target.affine), spacing=spacing
    )
    sizes = nib.affines.voxel_sizes(affine)
    axes = nib.orientations.io_orientation(affine)[:, 0].astype(int)
    voxel = tuple(float(sizes[axes.tolist().index(axis)]) for axis in range(3))
    moving = ants.from_numpy(_upright(masked, affine), spacing=voxel)
    tissue = ants.from_numpy(_upright(grey.astype(np.float32), affine), spacing=voxel)
    with tempfile.TemporaryDirectory() as folder:
        moved = ants.registration(
            fixed,
            moving,
            "SyN",
            reg_iterations=settings.iterations,
            outprefix=str(Path(folder, "to-template-")),
            random_seed=SEED,
        )
        placed_grey = ants.apply_transforms(fixed, tissue, moved["fwdtransforms"]).numpy()
        warp = moved["fwdtransforms"][0]
        change = ants.create_jacobian_determinant_image(fixed, warp, False).numpy()
    sigma = settings.fwhm / FWHM_PER_SIGMA / settings.resolution
    return np.asarray(ndimage.gaussian_filter(placed_grey * change, sigma), dtype=np.float32)


def _upright(values: NDArray[Any], affine: NDArray[np.float64]) -> NDArray[np.float32]:
    """Voxels in RAS order, by flips and swaps of axes only."""
    orientation = nib.orientations.io_orientation(affine)
    found = nib.orientations.apply_orientation(values, orientation)
    return np.ascontiguousarray(found, dtype=np.float32)


def _halved(values: Array) -> Array:
    sides = [side // 2 for side in values.shape]
    even = values[tuple(slice(2 * side) for side in sides)]
    blocks = even.reshape(sides[0], 2, sides[1], 2, sides[2], 2)
    return np.asarray(blocks.mean(axis=(1, 3, 5)), np.float32)
