"""Training scans and their augmentation, as float volumes in units of the robust range."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..conform import robust_range, solid_background
from ..formats.volumes import read_volume, scaled_values

FloatVolume = NDArray[np.float32]


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


def resample(x_DHW: FloatVolume, zoom: tuple[float, float, float]) -> FloatVolume:
    """Cubic resampling; a zero background stays exact zero with a hard edge."""
    background = solid_background(x_DHW)
    resampled: FloatVolume = ndimage.zoom(x_DHW, zoom, order=3, mode="nearest")
    if background is not None:
        share = ndimage.zoom(background.astype(np.float32), zoom, order=1, mode="nearest")
        resampled[share > 0.5] = 0
    return resampled


def augment(
    x_DHW: FloatVolume,
    voxel_mm: tuple[float, ...],
    rng: np.random.Generator,
) -> FloatVolume:
    """A random variant: axes, flips, grid, intensity, bias field, Rician noise.

    Half the variants keep the scan's own grid, since any interpolation smooths it. Noise comes
    before or after it, so that it is smooth in some and white in others.
    """
    x = x_DHW
    if rng.random() < 0.15:
        x = _with_noise(x, rng)
    if rng.random() < 0.5:
        target_mm = rng.uniform(0.9, 1.25)
        per_axis = rng.uniform(0.93, 1.07, 3)
        zoom = np.clip(np.asarray(voxel_mm) / target_mm * per_axis, 0.6, 1.1)
        x = resample(x, tuple(zoom))
    x = np.transpose(x, rng.permutation(3))
    for axis in range(3):
        if rng.random() < 0.5:
            x = np.flip(x, axis)
    background = solid_background(x)
    x = np.ascontiguousarray(x)
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
