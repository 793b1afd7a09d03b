"""From a scan and where it lies to a brain in MNI space: resampling, and a blurred brain mask.

Section 3 of Tudosiu et al. 2020: "blurring the mask to guarantee a smooth transition from
background to the brain area and then superimposing the original brain mask to guarantee that
the brain is properly extracted". The paper's masks are GIF's, one for each scan; ours is the
template's, brought to the scan by an affine map, and so a few millimetres off in places, which
the blur makes up for in part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..background import robust_range, solid_background
from .frames import FrameName
from .mni import TEMPLATE, Matrix, PlacedVolume, Registrar, mni_grid, register
from .pack import FloatVolume

FAINTEST = 0.05
NEAR_MM = 10.0
STRAY_SHARE = 0.1
COARSER = 4 / 3

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class MniSteps:
    """What registration is for.

    Attributes
    ----------
    move : bool
        Resample the scan to a frame of MNI space; otherwise it stays on its own grid.
    strip : bool
        Keep only the brain.
    blur_mm : float
        See :func:`soft_mask`. The paper does not give its own.
    """

    move: bool = True
    strip: bool = False
    blur_mm: float = 2.0


def in_mni_space(
    scan: PlacedVolume,
    template: PlacedVolume,
    registrar: Registrar,
    steps: MniSteps,
    frame: FrameName,
) -> tuple[PlacedVolume, dict[str, Any]]:
    """Register a scan, and move and strip it as asked.

    Returns
    -------
    PlacedVolume
        On the grid of the frame, or on the scan's own.
    dict
        For the record, as JSON values: template, registrar, matrix, similarity, mask.

    Raises
    ------
    VolumeError
        It cannot be registered.
    """
    found = register(scan, template, registrar)
    record: dict[str, Any] = {
        "template": TEMPLATE,
        "registrar": registrar.name,
        "template_mm_to_scan_mm": found.matrix.tolist(),
        "similarity": round(found.similarity, 4),
        "moved": steps.move,
        "mask": "",
    }
    to_template = np.linalg.inv(template.affine) @ np.linalg.inv(found.matrix) @ scan.affine
    reached: Mask = np.ones(scan.x_DHW.shape, dtype=bool)
    if steps.move:
        shape, affine = mni_grid(frame, template)
        to_scan = np.linalg.inv(scan.affine) @ found.matrix @ affine
        scan = PlacedVolume(resampled(scan.x_DHW, to_scan, shape), affine)
        reached = mask_on(reached, to_scan, shape)
        to_template = np.linalg.inv(template.affine) @ affine
    if steps.strip:
        brain = mask_on(template.x_DHW > 0, to_template, scan.x_DHW.shape)
        if is_stripped(scan.x_DHW, brain, scan.voxel_mm):
            record["mask"] = "the scan's own"
        else:
            weights_DHW = soft_mask(brain, scan.voxel_mm, steps.blur_mm) * reached
            scan = PlacedVolume(stripped(scan.x_DHW, weights_DHW), scan.affine)
            record["mask"] = f"the template's, blurred by {steps.blur_mm:g} mm"
    return scan, record


def resampled(x_DHW: FloatVolume, voxels: Matrix, shape: Sequence[int]) -> FloatVolume:
    """A scan on another grid, by cubic interpolation; a zero background stays exact zero.

    Parameters
    ----------
    x_DHW : ndarray
    voxels : ndarray
        ``(4, 4)``, voxels of the other grid to voxels of this one.
    shape : sequence of int
        Of the other grid.

    Returns
    -------
    ndarray of float32
        Where the scan does not reach there is zero if its background is, and the nearest voxel
        otherwise.
    """
    background = solid_background(x_DHW)
    steps = np.linalg.norm(voxels[:3, :3], axis=1)
    # Large reductions would alias.
    deviations = [0.5 * step if step > COARSER else 0.0 for step in steps]
    source = (
        ndimage.gaussian_filter(x_DHW, deviations, mode="nearest") if any(deviations) else x_DHW
    )
    if background is not None:
        source = np.where(background, np.float32(0), source)
    linear, shift = voxels[:3, :3], voxels[:3, 3]
    mode = "nearest" if background is None else "constant"
    y_DHW: FloatVolume = ndimage.affine_transform(
        source, linear, shift, tuple(shape), np.float32, order=3, mode=mode
    )
    if background is not None:
        flat = background.astype(np.float32)
        share = ndimage.affine_transform(flat, linear, shift, tuple(shape), order=1, cval=1.0)
        y_DHW[share > 0.5] = 0
    return y_DHW


def mask_on(brain: Mask, voxels: Matrix, shape: Sequence[int]) -> Mask:
    """A mask on another grid; see :func:`resampled`."""
    share = ndimage.affine_transform(
        brain.astype(np.float32), voxels[:3, :3], voxels[:3, 3], tuple(shape), order=1
    )
    inside: Mask = share > 0.5
    return inside


def soft_mask(brain: Mask, voxel_mm: Sequence[float], blur_mm: float) -> FloatVolume:
    """The mask blurred, with the mask itself on top.

    Parameters
    ----------
    brain : ndarray of bool
        ``(D, H, W)``.
    voxel_mm : sequence of float
    blur_mm : float
        Standard deviation of the Gaussian; 0 leaves the mask as it is.

    Returns
    -------
    ndarray of float32
        1 in the brain, falling from about a half at its border to exact 0 where less than
        5 % would be left: 1.6 standard deviations away.
    """
    if blur_mm < 0:
        raise ValueError("a blur cannot be negative")
    hard: FloatVolume = brain.astype(np.float32)
    deviations = [blur_mm / side for side in voxel_mm]
    blurred = ndimage.gaussian_filter(hard, deviations, mode="nearest")
    weights: FloatVolume = np.maximum(hard, np.where(blurred < FAINTEST, 0, blurred))
    return weights


def is_stripped(x_DHW: FloatVolume, brain: Mask, voxel_mm: Sequence[float]) -> bool:
    """Whether a scan has a zero background, and next to nothing else far from the brain.

    Parameters
    ----------
    x_DHW : ndarray
    brain : ndarray of bool
        The template's brain on the scan's grid.
    voxel_mm : sequence of float
    """
    background = solid_background(x_DHW)
    if background is None:
        return False
    far = ndimage.distance_transform_edt(~brain, sampling=voxel_mm) > NEAR_MM
    stray = np.count_nonzero(far & ~background)
    return bool(stray <= STRAY_SHARE * np.count_nonzero(~background))


def stripped(x_DHW: FloatVolume, weights_DHW: FloatVolume) -> FloatVolume:
    """Only the brain, its robust range scaled to [0, 1]; exact zero where the weight is.

    Parameters
    ----------
    x_DHW : ndarray
    weights_DHW : ndarray
        From :func:`soft_mask`.
    """
    kept = x_DHW * weights_DHW
    offset, scale = robust_range(kept)
    scaled: FloatVolume = ((kept - offset) / scale).astype(np.float32)
    return np.where(kept == 0, np.float32(0), scaled)
