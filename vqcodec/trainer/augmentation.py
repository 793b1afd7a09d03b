"""Random variants of training patches: grid, axes, intensity, bias field, Rician noise.

Everything is drawn from one NumPy generator, so that a seed fixes a patch whatever machine,
worker or order it is made in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as nn_functional

from .pack import FloatVolume, Triple

BIAS_KNOT_DISTANCE = 64

ReadBox = Callable[[Sequence[int], Sequence[int]], FloatVolume]


@dataclass(frozen=True)
class AugmentationSettings:
    """How often and how far patches are changed.

    Attributes
    ----------
    flip, permute : bool
        Mirror each axis with probability 1/2; swap axes.
    affine : float
        Probability of a small affine map. The others keep the scan's own grid, since
        interpolation smooths.
    rotation_degrees : float
        Largest rotation about each axis.
    zoom : float
        Largest relative change of size, per axis.
    brightness, gamma : float
        Largest relative change of all intensities, and largest logarithm of the exponent.
    gamma_share, bias_share, noise_share : float
        Probabilities of the exponent, of a bias field and of Rician noise.
    bias : float
        Standard deviation of the logarithm of the bias field at its knots.
    noise : float
        Largest standard deviation of the noise, in units of the robust range.
    """

    flip: bool = True
    permute: bool = True
    affine: float = 0.5
    rotation_degrees: float = 10.0
    zoom: float = 0.12
    brightness: float = 0.15
    gamma: float = 0.2
    gamma_share: float = 0.3
    bias: float = 0.12
    bias_share: float = 0.4
    noise: float = 0.03
    noise_share: float = 0.3


def draw_patch(
    read: ReadBox,
    size: Sequence[int],
    patch: Triple,
    settings: AugmentationSettings,
    rng: np.random.Generator,
    masked: bool,
) -> FloatVolume:
    """Cut a random patch out of a volume and vary it.

    Parameters
    ----------
    read : callable
        Returns the voxels of a box, given its origin and extent; it may lie partly outside.
    size : sequence of int
        Shape of the volume. On an axis where it is smaller than the patch, it is centred.
    patch : tuple of int
        Shape of the result.
    settings : AugmentationSettings
    rng : Generator
    masked : bool
        Exact zeros are background and stay so.
    """
    order = rng.permutation(3) if settings.permute else np.arange(3)
    extent = [0, 0, 0]
    for axis, side in zip(order, patch, strict=True):
        extent[axis] = side
    origin = [
        int(rng.integers(0, side - width + 1)) if side > width else (side - width) // 2
        for side, width in zip(size, extent, strict=True)
    ]
    if rng.random() < settings.affine:
        x_DHW = _affine_patch(read, origin, extent, draw_affine(settings, rng), masked)
    else:
        x_DHW = read(origin, extent)
    x_DHW = np.transpose(x_DHW, order)
    if settings.flip:
        mirrored = tuple(axis for axis in range(3) if rng.random() < 0.5)
        x_DHW = np.flip(x_DHW, mirrored)
    return vary_intensity(np.ascontiguousarray(x_DHW), settings, rng, masked)


def draw_affine(settings: AugmentationSettings, rng: np.random.Generator) -> NDArray[np.float64]:
    """``(3, 3)`` matrix from the patch's voxel steps to the volume's: rotation and zoom."""
    angles = np.deg2rad(rng.uniform(-1, 1, 3) * settings.rotation_degrees)
    matrix = np.diag(np.exp(rng.uniform(-1, 1, 3) * settings.zoom))
    for axis, angle in enumerate(angles):
        first, second = (other for other in range(3) if other != axis)
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = math.cos(angle)
        turn[first, second], turn[second, first] = -math.sin(angle), math.sin(angle)
        matrix = turn @ matrix
    return matrix


def _affine_patch(
    read: ReadBox,
    origin: Sequence[int],
    extent: Sequence[int],
    matrix: NDArray[np.float64],
    masked: bool,
) -> FloatVolume:
    """Sample a box of the volume on a turned and zoomed grid around the patch's middle."""
    half = (np.asarray(extent) - 1) / 2
    reach = np.abs(matrix) @ half + 1
    middle = np.asarray(origin) + half
    first = np.floor(middle - reach).astype(int)
    sides = np.ceil(middle + reach).astype(int) - first + 1
    box = torch.from_numpy(np.ascontiguousarray(read(first.tolist(), sides.tolist())))
    offset = middle - first
    theta = np.concatenate((matrix, (offset - matrix @ half)[:, None]), axis=1)
    grid = sampling_grid(theta, extent, sides.tolist())
    return sample(box.numpy(), grid, masked)


def sampling_grid(
    theta: NDArray[np.float64], extent: Sequence[int], sides: Sequence[int]
) -> torch.Tensor:
    """Coordinates for ``grid_sample``, ``(1, D, H, W, 3)``, of an affine map between voxels.

    Parameters
    ----------
    theta : ndarray
        ``(3, 4)``: voxel of the source = ``theta[:, :3] @ voxel of the result + theta[:, 3]``.
    extent, sides : sequence of int
        Shapes of result and source.
    """
    axes = [torch.arange(side, dtype=torch.float32) for side in extent]
    steps = torch.from_numpy(theta).float()
    coordinates = []
    for row, side in zip(steps, sides, strict=True):
        along_d, along_h, along_w = (row[axis] * axes[axis] for axis in range(3))
        voxels = along_d[:, None, None] + along_h[None, :, None] + along_w[None, None, :] + row[3]
        coordinates.append(voxels * (2.0 / max(1, side - 1)) - 1.0)
    return torch.stack(coordinates[::-1], dim=-1)[None]


def sample(box_DHW: FloatVolume, grid: torch.Tensor, masked: bool) -> FloatVolume:
    """Trilinear values at the points of a grid; a background of exact zeros keeps its edge."""
    box = torch.from_numpy(np.ascontiguousarray(box_DHW))[None, None]
    layers = torch.cat((box, (box == 0).float()), dim=1) if masked else box
    sampled = nn_functional.grid_sample(layers, grid, padding_mode="border", align_corners=True)
    values = sampled[0, 0]
    if masked:
        inside = (1.0 - sampled[0, 1]).clamp(min=0.5)
        values = torch.where(sampled[0, 1] > 0.5, 0.0, values / inside)
    result: FloatVolume = values.numpy()
    return result


def vary_intensity(
    x_DHW: FloatVolume, settings: AugmentationSettings, rng: np.random.Generator, masked: bool
) -> FloatVolume:
    """Bias field, exponent, Rician noise and brightness, in this order."""
    background = x_DHW == 0 if masked else None
    if rng.random() < settings.bias_share:
        x_DHW = x_DHW * bias_field(x_DHW.shape, settings.bias, rng)
    if rng.random() < settings.gamma_share:
        exponent = np.float32(math.exp(rng.uniform(-settings.gamma, settings.gamma)))
        x_DHW = np.sign(x_DHW) * np.abs(x_DHW) ** exponent
    if rng.random() < settings.noise_share:
        deviation = np.float32(rng.uniform(0.1, 1.0) * settings.noise)
        real, imaginary = rng.standard_normal((2, *x_DHW.shape), dtype=np.float32) * deviation
        x_DHW = np.hypot(x_DHW + real, imaginary)
    x_DHW = x_DHW * np.float32(1 + rng.uniform(-settings.brightness, settings.brightness))
    if background is not None:
        x_DHW[background] = 0
    single: FloatVolume = x_DHW.astype(np.float32, copy=False)
    return single


def bias_field(shape: Sequence[int], deviation: float, rng: np.random.Generator) -> FloatVolume:
    """Smooth positive factors around 1, with knots every 64 voxels."""
    field = smooth_noise(shape, BIAS_KNOT_DISTANCE, 1, rng)[0]
    factor: FloatVolume = np.exp(np.float32(deviation) * field)
    return factor


def smooth_noise(
    shape: Sequence[int], distance: int, channels: int, rng: np.random.Generator
) -> FloatVolume:
    """Normal numbers at knots, trilinear in between and smoothed: ``(channels, D, H, W)``."""
    knots = [math.ceil(side / distance) + 2 for side in shape]
    drawn = torch.from_numpy(rng.standard_normal((1, channels, *knots), dtype=np.float32))
    finer = nn_functional.interpolate(drawn, scale_factor=4.0, mode="trilinear", align_corners=True)
    finer = nn_functional.avg_pool3d(finer, 3, 1)
    smooth = nn_functional.interpolate(
        finer, size=tuple(shape), mode="trilinear", align_corners=True
    )
    noise: FloatVolume = smooth[0].numpy()
    return noise
