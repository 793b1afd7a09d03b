"""Multi-scale structural similarity of 3D volumes, in numpy and in bounded memory."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .boxes import bounding_box
from .cores import usable_cores

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW_LENGTH = 11
WINDOW_SIGMA = 1.5
LUMINANCE_CONSTANT = 0.01**2
CONTRAST_CONSTANT = 0.03**2

#: So that what is computed of a block stays in a core's cache.
BLOCK_ELEMENTS = 1 << 17
MOST_THREADS = 2

Volume = NDArray[Any]
Single = NDArray[np.float32]


def ms_ssim_3d(reference: Volume, decoded: Volume, data_range: float) -> float:
    """Multi-scale structural similarity of two 3D volumes (Wang et al. 2003).

    A separable Gaussian window of 11 voxels and sigma 1.5 over the valid region, the five
    standard weights, and 2x2x2 mean pooling between scales, where an odd side gets one plane
    of zeros in front: as pytorch-msssim does in 3D, with which it agrees to 5e-6.

    Parameters
    ----------
    reference, decoded : ndarray
        Real 3D volumes of one shape, in the same units, all values finite.
    data_range : float
        Peak value L, in those units; greater than zero.

    Returns
    -------
    float
        In [0, 1]; 1 for equal volumes.

    Raises
    ------
    ValueError
        When the volumes are empty, not 3D, or differ in shape, or ``data_range`` is not
        positive.

    Notes
    -----
    Five scales need every side to be at least 161. Smaller volumes get as many scales as
    leave 11 voxels on the shortest side (at least one), with the weights of those scales
    scaled to the sum of all five (1.0001). A side below 11 gets the middle of the window,
    the longest odd number of taps that fits, renormalised.

    Negative contrast terms count as zero. Constant regions of both volumes score one, so a
    large background lifts the figure: report foreground figures beside it.
    """
    if reference.ndim != 3 or reference.size == 0:
        raise ValueError(f"MS-SSIM needs a 3D volume with voxels, not shape {reference.shape}")
    if reference.shape != decoded.shape:
        raise ValueError(f"volumes differ in shape: {reference.shape} and {decoded.shape}")
    if not 0 < data_range < math.inf:
        raise ValueError(f"data_range must be positive and finite, not {data_range}")
    weights = _scale_weights(reference.shape)
    product = 1.0
    ours, theirs = _normalised(reference, data_range), _normalised(decoded, data_range)
    for scale, weight in enumerate(weights):
        if scale:
            ours, theirs = _halved(ours), _halved(theirs)
        similarity, contrast = _ssim_terms(ours, theirs)
        term = similarity if scale == len(weights) - 1 else contrast
        product *= max(term, 0.0) ** weight
    return product


def _scale_weights(shape: tuple[int, ...]) -> list[float]:
    scales, side = 1, min(shape)
    while scales < len(MS_SSIM_WEIGHTS) and (side + 1) // 2 >= WINDOW_LENGTH:
        side = (side + 1) // 2
        scales += 1
    weights = MS_SSIM_WEIGHTS[:scales]
    factor = sum(MS_SSIM_WEIGHTS) / sum(weights)
    return [factor * weight for weight in weights]


def _normalised(volume: Volume, data_range: float) -> Single:
    out = np.empty(volume.shape, np.float32)
    return np.divide(volume, data_range, out=out, dtype=np.float64, casting="same_kind")


def _halved(volume: Single) -> Single:
    """2x2x2 means; an odd side is completed by one plane of zeros in front."""
    halved = volume
    for axis in range(3):
        side = halved.shape[axis]
        planes = np.moveaxis(halved, axis, 0)
        shape = ((side + 1) // 2, *planes.shape[1:])
        out = np.zeros(_moved(shape, axis), np.float32)
        pairs = np.moveaxis(out, axis, 0)
        lone = side % 2
        np.add(planes[lone::2], planes[lone + 1 :: 2], out=pairs[lone:], dtype=np.float32)
        if lone:
            pairs[0] = planes[0]
        out *= np.float32(0.5)
        halved = out
    return halved


def _moved(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    sides = list(shape[1:])
    sides.insert(axis, shape[0])
    return tuple(sides)


def _ssim_terms(ours: Single, theirs: Single) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure term over all positions of the window.

    Where the volumes are equal within a window, both terms are exactly one: only positions that
    see a difference are computed.
    """
    windows = [_window(side) for side in ours.shape]
    count = math.prod(_positions(ours.shape, windows))
    differing = _differing_box(ours, theirs, windows)
    ours, theirs = ours[differing], theirs[differing]
    computed = _positions(ours.shape, windows)
    overhang = windows[0].size - 1
    thickness = max(1, BLOCK_ELEMENTS // (ours.shape[1] * ours.shape[2]))

    def sums(start: int) -> tuple[float, float]:
        planes = slice(start, min(start + thickness, computed[0]) + overhang)
        return _block_sums(ours[planes], theirs[planes], windows)

    with ThreadPoolExecutor(min(MOST_THREADS, usable_cores()), "ms-ssim") as pool:
        blocks = list(pool.map(sums, range(0, computed[0], thickness)))
    similarity, contrast = (sum(part) for part in zip(*blocks, strict=True))
    equal = count - math.prod(computed)
    return (similarity + equal) / count, (contrast + equal) / count


def _positions(shape: tuple[int, ...], windows: list[Single]) -> list[int]:
    """Positions of the window along each axis."""
    return [side - window.size + 1 for side, window in zip(shape, windows, strict=True)]


def _differing_box(ours: Single, theirs: Single, windows: list[Single]) -> tuple[slice, ...]:
    """Voxels under all windows that see a difference, and under those between; at least one's."""
    box = []
    origin, extent = bounding_box(ours != theirs)
    for first, count, side, window in zip(origin, extent, ours.shape, windows, strict=True):
        positions = (first - window.size + 1, first + count - 1)
        start, last = (int(at) for at in np.clip(positions, 0, side - window.size))
        box.append(slice(start, last + window.size))
    return tuple(box)


def _window(side: int) -> Single:
    length = min(WINDOW_LENGTH, side - 1 + side % 2)
    places = np.arange(length) - length // 2
    window = np.exp(-(places**2) / (2.0 * WINDOW_SIGMA**2))
    return np.asarray(window / window.sum(), dtype=np.float32)


def _block_sums(x: Single, y: Single, windows: list[Single]) -> tuple[float, float]:
    """Sums of SSIM and of its contrast term over one block.

    With s = x + y and d = x - y, two variances and two means give all five moments:
    cov(x, y) = (var s - var d) / 4 and var x + var y = (var s + var d) / 2.
    """
    mean_square_s, variance_s = _squared_mean_and_variance(x + y, windows)
    mean_square_d, variance_d = _squared_mean_and_variance(x - y, windows)
    half, constant = np.float32(0.5), np.float32(CONTRAST_CONSTANT)
    contrast = (variance_s - variance_d) * half + constant
    variance_s += variance_d
    variance_s *= half
    contrast /= variance_s + constant
    constant = np.float32(LUMINANCE_CONSTANT)
    luminance = (mean_square_s - mean_square_d) * half + constant
    mean_square_s += mean_square_d
    mean_square_s *= half
    luminance /= mean_square_s + constant
    luminance *= contrast
    return float(luminance.sum(dtype=np.float64)), float(contrast.sum(dtype=np.float64))


def _squared_mean_and_variance(block: Single, windows: list[Single]) -> tuple[Single, Single]:
    mean_square = _filtered(block, windows)
    mean_square *= mean_square
    variance = _filtered(block * block, windows)
    variance -= mean_square
    return mean_square, variance


def _filtered(block: Single, windows: list[Single]) -> Single:
    """Valid correlation with a symmetric window along each axis."""
    filtered = block
    for axis, window in enumerate(windows):
        middle = window.size // 2
        planes = np.moveaxis(filtered, axis, 0)
        count = planes.shape[0] - 2 * middle
        out: Single = planes[middle : middle + count] * window[middle]
        pair = np.empty_like(out)
        for near in range(middle):
            far = 2 * middle - near
            np.add(planes[near : near + count], planes[far : far + count], out=pair)
            pair *= window[near]
            out += pair
        filtered = np.moveaxis(out, 0, axis)
    return filtered
