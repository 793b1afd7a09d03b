"""The metrics of cyclomon/3dbraingen, which the paper took: MS-SSIM in its variant, batched MMD."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from vqcodec.ms_ssim import CONTRAST_CONSTANT, LUMINANCE_CONSTANT, MS_SSIM_WEIGHTS, WINDOW_SIGMA

Single = NDArray[np.float32]


def ms_ssim_variant(reference: Single, decoded: Single) -> float:
    """MS-SSIM as 3dbraingen computes it, range 1.

    It differs from the standard one in the border (reflected rather than left out), in the
    window (13 voxels rather than 11), in dropping the last plane of odd sides, and by a slip:
    the SSIM of the coarsest scale enters four times.

    Parameters
    ----------
    reference, decoded : ndarray
        float32 volumes of one shape, sides of at least 16 voxels.
    """
    product = 1.0
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        if scale:
            reference, decoded = _halved(reference), _halved(decoded)
        similarity, contrast = _ssim_terms(reference, decoded)
        if scale < len(MS_SSIM_WEIGHTS) - 1:
            product *= max(contrast, 0.0) ** weight
        else:
            product *= max(similarity, 0.0) ** (weight * (len(MS_SSIM_WEIGHTS) - 1))
    return product


def mmd(differences: Sequence[Single]) -> float:
    """Maximum mean discrepancy of a batch, linear kernel, biased estimate.

    Parameters
    ----------
    differences : sequence of ndarray
        Original minus decoded, volumes of one shape. The kernel being linear, the discrepancy
        is the squared length of their mean; for a batch of one, the sum of squared errors.
    """
    total = np.zeros(differences[0].shape, np.float64)
    for difference in differences:
        total += difference
    flat = total.ravel() / len(differences)
    return float(flat @ flat)


def _halved(volume: Single) -> Single:
    sides = [side // 2 for side in volume.shape]
    even = volume[tuple(slice(2 * side) for side in sides)]
    blocks = even.reshape(sides[0], 2, sides[1], 2, sides[2], 2)
    return np.asarray(blocks.mean(axis=(1, 3, 5)), dtype=np.float32)


def _ssim_terms(x: Single, y: Single) -> tuple[float, float]:
    def smooth(volume: Single) -> Single:
        return np.asarray(gaussian_filter(volume, WINDOW_SIGMA), dtype=np.float32)

    mean_x, mean_y = smooth(x), smooth(y)
    variance_x = smooth(x * x) - mean_x * mean_x
    variance_y = smooth(y * y) - mean_y * mean_y
    covariance = smooth(x * y) - mean_x * mean_y
    contrast = (2 * covariance + CONTRAST_CONSTANT) / (variance_x + variance_y + CONTRAST_CONSTANT)
    luminance = (2 * mean_x * mean_y + LUMINANCE_CONSTANT) / (
        mean_x * mean_x + mean_y * mean_y + LUMINANCE_CONSTANT
    )
    similarity = float(np.mean(luminance * contrast, dtype=np.float64))
    return similarity, float(np.mean(contrast, dtype=np.float64))
