"""Synthetic T1-weighted volumes: the MNI152 template, deformed, with other tissue contrasts.

The template and its grey and white matter maps come with nilearn; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import h5py
import numpy as np
import torch

from ..errors import VqzError
from .augmentation import (
    AugmentationSettings,
    draw_affine,
    sampling_grid,
    smooth_noise,
    vary_intensity,
)
from .pack import FloatVolume, PackType, Triple, add_scan

LICENCE = "MNI152 (free to use, copy, modify and distribute with notice)"
WARP_KNOT_DISTANCE = 32
WARP_VOXELS = 4.0

SCANNER = AugmentationSettings(
    rotation_degrees=8.0, zoom=0.12, bias_share=0.8, noise_share=0.8, gamma_share=0.5
)


@lru_cache(maxsize=1)
def template_layers() -> FloatVolume:
    """Template, grey matter, white matter and brain mask at 1 mm, ``(4, 197, 233, 189)``.

    Raises
    ------
    VqzError
        nilearn is not installed.
    """
    try:
        from nilearn import datasets
    except ImportError as error:
        raise VqzError(
            "synthetic volumes need nilearn: python -m pip install 'vqcodec[train]'"
        ) from error
    images = (
        datasets.load_mni152_template(resolution=1),
        datasets.load_mni152_gm_template(resolution=1),
        datasets.load_mni152_wm_template(resolution=1),
    )
    template, grey, white = (image.get_fdata(dtype=np.float32) for image in images)
    mask = (template > 0).astype(np.float32)
    return np.stack((template, grey * mask, white * mask, mask))


def synthetic_patch(
    patch: Triple,
    rng: np.random.Generator,
    scanner: AugmentationSettings = SCANNER,
    layers: FloatVolume | None = None,
) -> FloatVolume:
    """A box of a volume that never was.

    Parameters
    ----------
    patch : tuple of int
        Shape. Larger than the template it holds all of it, smaller a random part.
    rng : Generator
        Fixes the result.
    scanner : AugmentationSettings
        Bias field, noise and contrast; rotation and zoom are drawn from it too.
    layers : ndarray, optional
        Instead of :func:`template_layers`.

    Returns
    -------
    ndarray of float32
        In units of the robust range; exact zero outside the brain.
    """
    source = template_layers() if layers is None else layers
    size = source.shape[1:]
    grid = _warped_grid(patch, size, scanner, rng)
    means = (rng.uniform(0.1, 0.3), rng.uniform(0.45, 0.65), rng.uniform(0.8, 0.95))
    detail = rng.uniform(0.3, 0.9)
    sampled = torch.nn.functional.grid_sample(
        torch.from_numpy(source)[None], grid, padding_mode="zeros", align_corners=True
    )
    template, grey, white, mask = sampled[0].numpy()
    total = np.maximum(grey + white, 1.0)
    fluid = np.clip(1.0 - grey - white, 0.0, 1.0)
    tissue = fluid * means[0] + (grey * means[1] + white * means[2]) / total
    x_DHW = (detail * template + (1.0 - detail) * tissue).astype(np.float32)
    x_DHW[mask <= 0.5] = 0
    return vary_intensity(x_DHW, scanner, rng, masked=True)


def _warped_grid(
    patch: Triple,
    size: Sequence[int],
    scanner: AugmentationSettings,
    rng: np.random.Generator,
) -> torch.Tensor:
    matrix = draw_affine(scanner, rng)
    half = (np.asarray(patch) - 1) / 2
    slack = np.maximum(0, np.asarray(size) - np.asarray(patch)) / 2
    middle = (np.asarray(size) - 1) / 2 + rng.uniform(-1, 1, 3) * slack
    theta = np.concatenate((matrix, (middle - matrix @ half)[:, None]), axis=1)
    grid = sampling_grid(theta, patch, size)
    warp = torch.from_numpy(smooth_noise(patch, WARP_KNOT_DISTANCE, 3, rng))
    per_voxel = torch.tensor([2.0 * WARP_VOXELS / (side - 1) for side in reversed(size)])
    return grid + (warp.movedim(0, -1) * per_voxel)[None]


def pack_synthetic(file: h5py.File, count: int, seed: int, dtype: PackType) -> None:
    """Append whole synthetic volumes to an open training pack; every tenth is for validation."""
    shape: Triple = (192, 224, 192)
    for number in range(count):
        x_DHW = synthetic_patch(shape, np.random.default_rng((seed, number)))
        add_scan(
            file,
            x_DHW,
            dtype,
            {
                "name": f"synthetic-{seed}-{number:05d}",
                "split": "val" if number % 10 == 9 else "train",
                "source": "synthetic, deformed MNI152 template",
                "licence": LICENCE,
                "sha256": "",
                "voxel_mm": (1.0, 1.0, 1.0),
                "masked": True,
                "manifest": {"source": "synthetic"},
            },
        )
