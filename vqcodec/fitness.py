"""Whether a file shows what its scan shows: the figure ``fitness``, and what it is made of.

Three things can be wrong, each measured as a strain of 0 (nothing) to 1 (the limit), where the
foreground has voxels enough to tell:

structure
    What is lost is not noise but anatomy: the error of means over 4x4x4 voxels, relative to
    how much those means vary over the foreground.
surface
    The foreground is in splinters: its faces towards the background for each of its voxels. A
    brain has 0.1, a whole head in noise 0.3, a CT angiogram cut at a threshold 0.8.
surprise
    The codes are not those of a scan: bits for each significant code, relative to what scans
    need where significant codes are as dense.

``fitness`` is one less the largest of them. The limits were chosen on the scans of ``val`` and
``ood``; ``python -m benchmarks fitness`` prints what they do to every scan.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .boxes import bounding_box, crop
from .errors import VolumeError
from .figures import Compared, Figures
from .grids import CodeStatistics

BLOCK = 4
LEAST_BLOCKS = 27
LARGEST_SAMPLE = 1 << 18
MEDIAN_OF_ABSOLUTE_NORMAL = 0.6745
LEAST_VOXELS = 4096
LARGEST = 999.0
#: Intensities of larger ranges are divided by theirs before sums are taken in float32.
LARGEST_SCALE = 1e30
LEAST_CODES = 5000
DENSEST = 0.5

STRUCTURE_LIMIT = 0.7
SURFACE_LIMIT = 0.6
SURPRISE_LIMIT = 0.75

#: Significant codes a foreground voxel, as log2, and log2 of the bits that each of them takes:
#: scans of ``val`` with `vqcodec-t1-2`, efforts 1 and 5.
DENSITIES = (-10.0, -7.0, -4.3, -2.0, -1.0)
BITS = (3.15, 2.54, 2.17, 2.04, 2.07)


@dataclass(frozen=True)
class _Frame:
    """What is found out about one frame."""

    noise: float
    error_squares: float
    variance: float
    blocks: int
    faces: int


def fitness_figures(pair: Compared, codes: CodeStatistics | None = None) -> Figures:
    """Figures that tell whether a decoded volume shows what its source shows.

    Parameters
    ----------
    pair : Compared
        Source and decoded volume.
    codes : CodeStatistics, optional
        Of the file, where its codes are wavelet coefficients.

    Returns
    -------
    dict
        ``error_to_noise`` (RMS error in the foreground relative to the standard deviation of
        the source's noise), ``structure_error``, ``surface``, ``surprise`` and ``fitness``; see
        the head of this module. Three digits each, 999 at most; None where there is nothing to
        tell from.
    """
    voxels = int(np.count_nonzero(pair.inside))
    if voxels < LEAST_VOXELS:
        return dict.fromkeys(NAMES)
    ours, theirs, scale = pair.ours, pair.theirs, pair.scale
    if scale > LARGEST_SCALE:
        ours, theirs, scale = ours / scale, theirs / scale, 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        return _figures(replace(pair, ours=ours, theirs=theirs, scale=scale), voxels, codes)


def _figures(pair: Compared, voxels: int, codes: CodeStatistics | None) -> Figures:
    frames = [
        _looked_at(pair.ours[..., f], pair.theirs[..., f], pair.inside[..., f])
        for f in range(pair.ours.shape[-1])
        if pair.inside[..., f].any()
    ]
    noises = [frame.noise for frame in frames if math.isfinite(frame.noise)]
    noise = float(np.median(noises)) if noises else math.nan
    difference = np.subtract(pair.theirs, pair.ours, dtype=np.float32)[pair.inside]
    error = math.sqrt(float(np.square(difference, dtype=np.float64).mean()))
    squares, variance = (
        sum(getattr(frame, name) * frame.blocks for frame in frames)
        for name in ("error_squares", "variance")
    )
    structure = _relative(squares, variance, pair.scale)
    surface = sum(frame.faces for frame in frames) / voxels
    surprise = math.nan if codes is None else _surprise(codes, voxels)
    strains = (
        structure / STRUCTURE_LIMIT,
        surface / SURFACE_LIMIT,
        max(surprise, 0) / SURPRISE_LIMIT,
    )
    found = (
        error / noise if noise else math.nan,
        structure,
        surface,
        surprise,
        1 - max((strain for strain in strains if not math.isnan(strain)), default=math.nan),
    )
    return {name: _short(value) for name, value in zip(NAMES, found, strict=True)}


NAMES = ("error_to_noise", "structure_error", "surface", "surprise", "fitness")


def _short(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{min(max(value, -LARGEST), LARGEST):.3g}")


def check_fitness(figures: Mapping[str, Any]) -> None:
    """Refuse what a file clearly does not show.

    Raises
    ------
    VolumeError
        The fitness is not positive.
    """
    fitness = figures.get("fitness")
    if fitness is None or fitness > 0:
        return
    raise VolumeError(
        f"would not come back as what it is (fitness {fitness:.2f}): {_reason(figures)}; --force "
        "compresses it all the same, --max-error and --lossless bound what is lost"
    )


def _reason(figures: Mapping[str, Any]) -> str:
    strains = {
        name: (figures.get(name) or 0) / limit
        for name, limit in (
            ("structure_error", STRUCTURE_LIMIT),
            ("surface", SURFACE_LIMIT),
            ("surprise", SURPRISE_LIMIT),
        )
    }
    return {
        "structure_error": "the error is as large as its anatomy, so allow more bytes",
        "surface": "it is in splinters, as no brain or head is",
        "surprise": "its codes are not those of an MR scan of a head",
    }[max(strains, key=strains.__getitem__)]


def _looked_at(ours: NDArray[Any], theirs: NDArray[Any], inside: NDArray[np.bool_]) -> _Frame:
    faces = sum(int(np.count_nonzero(np.diff(inside, axis=axis))) for axis in range(3))
    box = bounding_box(inside)
    ours, theirs, inside = (crop(each, *box) for each in (ours, theirs, inside))
    side = _block_side(inside.shape)
    error = _block_means(np.subtract(theirs, ours, dtype=np.float32), side)
    means = _block_means(ours, side)
    mostly = _block_means(inside, side) > 0.5
    if not mostly.any():
        mostly = np.ones_like(mostly)
    return _Frame(
        noise=_noise(ours, inside),
        error_squares=float(np.square(error[mostly], dtype=np.float64).mean()),
        variance=float(means[mostly].var(dtype=np.float64)),
        blocks=int(np.count_nonzero(mostly)),
        faces=faces,
    )


def _block_side(shape: tuple[int, ...]) -> int:
    """Side of the blocks to average: the usual one unless too few of them fit."""
    fits = (s for s in (BLOCK, 2) if math.prod(n // s for n in shape) >= LEAST_BLOCKS)
    return next(fits, 1)


def _block_means(values: NDArray[Any], side: int) -> NDArray[np.float32]:
    """Means over blocks; what does not fill one at the far ends is left out."""
    for axis in range(3):
        count = values.shape[axis] // side
        planes = np.moveaxis(values, axis, 0)[: count * side]
        sums: Any = sum(planes[first::side].astype(np.float32) for first in range(side))
        values = np.moveaxis(sums, 0, axis)
    means: NDArray[np.float32] = values / np.float32(side**3)
    return means


def _noise(values: NDArray[Any], inside: NDArray[np.bool_]) -> float:
    """Standard deviation of what has neither shape nor neighbours: triple differences.

    The median over the foreground of their magnitude, as of the finest diagonal band of a Haar
    transform.
    """
    detail: NDArray[Any] = values
    whole: NDArray[np.bool_] = inside
    for axis in range(3):
        count = 2 * (detail.shape[axis] // 2)
        planes, known = np.moveaxis(detail, axis, 0)[:count], np.moveaxis(whole, axis, 0)[:count]
        difference = np.subtract(planes[1::2], planes[::2], dtype=np.float32)
        detail = np.moveaxis(difference, 0, axis)
        whole = np.moveaxis(known[1::2] & known[::2], 0, axis)
    sample = detail[whole]
    if not sample.size:
        return math.nan
    sample = sample[:: -(-sample.size // LARGEST_SAMPLE)]
    return float(np.median(np.abs(sample))) / (MEDIAN_OF_ABSOLUTE_NORMAL * 8**0.5)


def _relative(squares: float, variance: float, scale: float) -> float:
    """Root of the ratio; nothing is known to vary by less than a millionth of the range."""
    least = (1e-6 * scale) ** 2
    return math.sqrt(squares / max(variance, least)) if squares > 0 else 0.0


def _surprise(codes: CodeStatistics, voxels: int) -> float:
    """Excess of bits over what scans need.

    It cannot be told from few codes, nor where almost all are significant, as near lossless
    rates: then bits go with the noise.
    """
    density = codes.significant / voxels
    if codes.significant < LEAST_CODES or density > DENSEST:
        return math.nan
    usual = 2 ** float(np.interp(math.log2(density), DENSITIES, BITS))
    return codes.bits / codes.significant / usual - 1
