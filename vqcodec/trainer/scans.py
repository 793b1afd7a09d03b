"""Training scans and their augmentation, as float volumes in units of the robust range."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ..background import robust_range, solid_background
from ..formats.volumes import read_volume, scaled_values

FloatVolume = NDArray[np.float32]
FloatVector = NDArray[np.float64]

DARK_RANGE = (0.02, 0.2)


@dataclass(frozen=True)
class Scan:
    """One training scan.

    Attributes
    ----------
    path : Path
    source, licence : str
    voxel_mm : tuple of float
    """

    path: Path
    source: str
    licence: str
    voxel_mm: tuple[float, ...]


def scans_of(root: Path, split: str) -> tuple[Scan, ...]:
    """T1-weighted scans of one split of a data folder with a ``manifest.csv``."""
    with (root / "manifest.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == split]
    return tuple(
        Scan(
            root / row["path"],
            row["source"],
            row["licence"],
            tuple(float(side) for side in row["voxel_mm"].split("x")),
        )
        for row in rows
        if row["modality"] == "T1w"
    )


def load_scan(scan: Scan) -> FloatVolume:
    """Voxels of a scan, ``(D, H, W)``, robust range scaled to [0, 1], zeros kept."""
    values = scaled_values(read_volume(scan.path)).astype(np.float32)
    offset, scale = robust_range(values)
    scaled = (values - np.float32(offset)) / np.float32(scale)
    zeroed: FloatVolume = np.where(values == 0, np.float32(0), scaled)
    return zeroed


def resample(x_DHW: FloatVolume, zoom: Sequence[float], order: int = 3) -> FloatVolume:
    """The scan on a finer or coarser grid; a zero background stays exact zero with a hard edge."""
    background = solid_background(x_DHW)
    resampled: FloatVolume = ndimage.zoom(x_DHW, zoom, order=order, mode="nearest")
    if background is not None:
        share = ndimage.zoom(background.astype(np.float32), zoom, order=1, mode="nearest")
        resampled[share > 0.5] = 0
    return resampled


def reorient(
    x_DHW: FloatVolume, zoom: FloatVector, degrees: FloatVector, order: int
) -> FloatVolume:
    """The scan on a rotated grid, as conforming and registration leave scans.

    Linear interpolation (``order`` 1) keeps the noise near the scan's own voxels and averages it
    between them, in a pattern that runs through the volume. A zero background stays exact zero.
    """
    turn = Rotation.from_euler("zyx", degrees, degrees=True).as_matrix()
    to_scan = turn / zoom
    shape = tuple(np.ceil(np.asarray(x_DHW.shape) * zoom).astype(int))
    centre, middle = (np.asarray(x_DHW.shape) - 1) / 2, (np.asarray(shape) - 1) / 2
    offset = centre - to_scan @ middle
    background = solid_background(x_DHW)
    edge = "nearest" if background is None else "constant"
    turned: FloatVolume = ndimage.affine_transform(
        x_DHW, to_scan, offset, shape, order=order, mode=edge
    )
    if background is not None:
        brain = (~background).astype(np.float32)
        inside = ndimage.affine_transform(brain, to_scan, offset, shape, order=1)
        turned[inside < 0.5] = 0
    return turned


def regrid(
    x_DHW: FloatVolume,
    voxel_mm: tuple[float, ...],
    rng: np.random.Generator,
    orders: tuple[int, ...] = (1, 3),
) -> FloatVolume:
    """The scan with its axes swapped and flipped, in most variants on another grid.

    Two in five keep the scan's own grid, since any interpolation smooths it.

    Parameters
    ----------
    orders : tuple of int
        Of interpolation: any of them where the grid is turned, the last where it is not.
    """
    x = x_DHW
    if (grid := rng.random()) < 0.6:
        target_mm = rng.uniform(0.9, 1.25)
        per_axis = rng.uniform(0.93, 1.07, 3)
        zoom = np.clip(np.asarray(voxel_mm) / target_mm * per_axis, 0.6, 1.1)
        if grid < 0.3:
            x = resample(x, zoom.tolist(), orders[-1])
        else:
            x = reorient(x, zoom, rng.normal(0, 6, 3), int(rng.choice(orders)))
    x = np.transpose(x, rng.permutation(3))
    for axis in range(3):
        if rng.random() < 0.5:
            x = np.flip(x, axis)
    return np.ascontiguousarray(x)


def augment(
    x_DHW: FloatVolume,
    voxel_mm: tuple[float, ...],
    rng: np.random.Generator,
) -> FloatVolume:
    """A random variant: grid, axes, flips, intensity, bias field, Rician noise.

    Noise comes before or after the grid, so that it is smooth in some and white in others.
    """
    x = x_DHW
    if rng.random() < 0.15:
        x = _with_noise(x, rng)
    x = regrid(x, voxel_mm, rng)
    background = solid_background(x)
    if rng.random() < 0.4:
        x = _bias_field(x.shape, rng) * x
    if rng.random() < 0.3:
        x = np.sign(x) * np.abs(x) ** np.float32(rng.uniform(0.8, 1.25))
    if rng.random() < 0.25:
        x = _with_noise(x, rng)
    x = x * np.float32(rng.uniform(0.85, 1.15))
    if background is not None:
        x[background] = 0
    single: FloatVolume = x.astype(np.float32, copy=False)
    return single


def darkened(x_DHW: FloatVolume, rng: np.random.Generator) -> FloatVolume:
    """The scan with its dark voxels at zero, by a threshold or as rounding down does it."""
    low, high = np.log(DARK_RANGE)
    threshold = np.float32(np.exp(rng.uniform(low, high)))
    if rng.random() < 0.5:
        cut: FloatVolume = np.where(x_DHW < threshold, np.float32(0), x_DHW)
        return cut
    shifted: FloatVolume = np.maximum(x_DHW - threshold, 0) * np.float32(1 / (1 - threshold))
    rounded: FloatVolume = np.floor(shifted * 255) / np.float32(255)
    return rounded


def _with_noise(x_DHW: FloatVolume, rng: np.random.Generator) -> FloatVolume:
    """Rician noise, wherever the scan has no solid background."""
    sigma = rng.uniform(0.003, 0.03)
    real, imaginary = rng.normal(0, sigma, (2, *x_DHW.shape)).astype(np.float32)
    noisy: FloatVolume = np.hypot(x_DHW + real, imaginary).astype(np.float32)
    background = solid_background(x_DHW)
    if background is not None:
        noisy[background] = 0
    return noisy


def _bias_field(shape: tuple[int, ...], rng: np.random.Generator) -> FloatVolume:
    knots = rng.normal(0, 0.12, (4, 4, 4))
    factors = [n / 4 for n in shape]
    field = np.asarray(ndimage.zoom(knots, factors, order=3, mode="nearest", grid_mode=True))
    factor: FloatVolume = np.exp(field).astype(np.float32)
    return factor
