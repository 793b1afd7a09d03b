"""Where a scan lies in MNI space: the MNI152 template, and the affine map to a scan.

The paper registers its scans to MNI space and so trains without spatial augmentation (Tudosiu
et al. 2020, section 3). It names neither tool nor kind of map. Here a registrar such as
:mod:`vqcodec.trainer.ants_registration` finds twelve numbers, and all else is arithmetic on
them. The template comes with nilearn; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..boxes import bounding_box
from ..conform import orientation_of
from ..errors import VolumeError
from ..formats.volumes import Volume
from .failures import TrainingError
from .frames import FRAMES, FrameName
from .pack import FloatVolume, Triple

TEMPLATE = "MNI152 nonlinear symmetric 2009a, T1, skull-stripped, 1 mm (nilearn)"
INSTALL = "python -m pip install 'vqcodec[mni]'"
LEAST_VOLUME, LARGEST_VOLUME = 0.2, 3.0
LEAST_SIMILARITY = 0.42
SIMILARITY_BLUR = 2.0

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlacedVolume:
    """Voxels that know where they are.

    Attributes
    ----------
    x_DHW : ndarray
        Float32, axes nearest to RAS.
    affine : ndarray
        ``(4, 4)``, voxel to world in mm, RAS.
    """

    x_DHW: FloatVolume
    affine: Matrix

    @property
    def voxel_mm(self) -> tuple[float, float, float]:
        """Lengths of a voxel's sides."""
        x, y, z = (float(side) for side in np.linalg.norm(self.affine[:3, :3], axis=0))
        return x, y, z


@dataclass(frozen=True)
class Registrar:
    """Something that registers: its name, for the record, and what it does.

    Attributes
    ----------
    name : str
    find : callable
        Given the fixed and the moving `PlacedVolume`, the ``(4, 4)`` matrix from the world of the
        fixed one to that of the moving one, mm; `VolumeError` if it finds none. What is zero in
        the fixed one does not count.
    """

    name: str
    find: Callable[[PlacedVolume, PlacedVolume], Matrix]


@dataclass(frozen=True, eq=False)
class Registration:
    """Where the template lies in a scan.

    Attributes
    ----------
    matrix : ndarray
        ``(4, 4)``, world of the template to world of the scan, both mm, RAS.
    similarity : float
        Correlation with the template within its brain, both blurred. Measured: 0.53 to 0.67 for
        T1-weighted scans that lie well, about 0.3 where a skull was taken for a brain's edge.
    """

    matrix: Matrix
    similarity: float


def place(x_DHW: FloatVolume, volume: Volume) -> PlacedVolume:
    """Say where the voxels of a scan are once its axes are nearest to RAS.

    Parameters
    ----------
    x_DHW : ndarray
        From :func:`vqcodec.trainer.frames.scaled_volume`.
    volume : Volume
        The scan itself.

    Raises
    ------
    VolumeError
        The scan does not say how it lies.
    """
    if volume.affine is None or not np.all(np.isfinite(volume.affine)):
        raise VolumeError("cannot be registered: it does not say how it lies in space")
    affine = np.array(volume.affine, dtype=np.float64)
    if abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        raise VolumeError("cannot be registered: its affine matrix names no three directions")
    orientation, shape = orientation_of(affine), volume.array.shape
    turned = affine.copy()
    for ras, (source, flip) in enumerate(zip(orientation.axes, orientation.flips, strict=True)):
        turned[:3, ras] = -affine[:3, source] if flip else affine[:3, source]
        if flip:
            turned[:3, 3] += affine[:3, source] * (shape[source] - 1)
    return PlacedVolume(x_DHW, turned)


@lru_cache(maxsize=1)
def mni_template() -> PlacedVolume:
    """The MNI152 T1 template, ``(197, 233, 189)`` at 1 mm, zero outside the brain.

    Raises
    ------
    TrainingError
        nilearn is not installed.
    """
    try:
        from nilearn import datasets
    except ImportError as error:
        raise TrainingError(f"registration needs nilearn: {INSTALL}") from error
    image = datasets.load_mni152_template(resolution=1)
    return PlacedVolume(image.get_fdata(dtype=np.float32), np.array(image.affine, dtype=np.float64))


def mni_grid(frame: FrameName, template: PlacedVolume) -> tuple[Triple, Matrix]:
    """Shape and affine of a frame that is the same for all registered scans.

    Parameters
    ----------
    frame : {"own", "paper", "low"}
        ``"own"`` is the template's own grid. The others have its brain in their middle, and
        voxels of 1 mm on voxels of the template.
    template : PlacedVolume
        1 mm.
    """
    if frame == "own":
        d, h, w = template.x_DHW.shape
        return (d, h, w), template.affine
    shape, side = FRAMES[frame].shape, FRAMES[frame].voxel_mm
    origin, extent = bounding_box(template.x_DHW > 0)
    middle = np.asarray(origin) + (np.asarray(extent) - 1) / 2
    within = np.diag([side, side, side, 1.0])
    within[:3, 3] = np.floor(middle - side * (np.asarray(shape) - 1) / 2)
    return shape, template.affine @ within


def register(scan: PlacedVolume, template: PlacedVolume, registrar: Registrar) -> Registration:
    """Find the template in a scan.

    Raises
    ------
    VolumeError
        It cannot be found, or what was found cannot be true.
    """
    matrix = np.asarray(registrar.find(template, scan), dtype=np.float64)
    growth = float(np.linalg.det(matrix[:3, :3])) if np.isfinite(matrix).all() else 0.0
    if not LEAST_VOLUME <= growth <= LARGEST_VOLUME:
        raise VolumeError(
            f"cannot be registered: the brain would have {growth:.2g} times the template's volume"
        )
    voxels = np.linalg.inv(scan.affine) @ matrix @ template.affine
    found = ndimage.affine_transform(
        scan.x_DHW, voxels[:3, :3], voxels[:3, 3], template.x_DHW.shape, order=1
    )
    similarity = _similarity(found, template.x_DHW)
    if abs(similarity) < LEAST_SIMILARITY:
        raise VolumeError(
            f"cannot be registered: too unlike the template (correlation {similarity:.2f})"
        )
    return Registration(matrix, similarity)


def _similarity(x_DHW: FloatVolume, template_DHW: FloatVolume) -> float:
    """Correlation of two volumes blurred within the brain, where the skull cannot bleed in."""
    brain = template_DHW > 0
    share = ndimage.gaussian_filter(brain.astype(np.float32), SIMILARITY_BLUR)[brain]
    pair = [
        ndimage.gaussian_filter(np.where(brain, values, 0), SIMILARITY_BLUR)[brain] / share
        for values in (x_DHW, template_DHW)
    ]
    varies = min(float(np.ptp(values)) for values in pair) > 0
    return float(np.corrcoef(*pair)[0, 1]) if varies else 0.0
