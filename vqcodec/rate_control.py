"""What the encoder aims at, and what it tries on its way there."""

from __future__ import annotations

from dataclasses import dataclass

from .header import STEP_INDEX_RANGE
from .layout import STEPS_PER_OCTAVE

QUALITY_RANGE = (-2.0, 20.0)
FIRST_QUALITY_OCTAVE = -1.0
OCTAVES_PER_QUALITY = 0.9
FALLBACK_QUALITY = 6.0
MOST_PSNR = 200.0
LEAST_DEFAULT_BYTES = 4096
#: Bytes that packed figures and their row in the packed header take at most.
FIGURES_RESERVE = 132


@dataclass(frozen=True)
class Budget:
    """What the encoder aims at: a fixed quality, a number of bytes, or a PSNR.

    Attributes
    ----------
    quality : float or None
    nbytes : int or None
        Largest size of the file.
    psnr : float or None
        In the foreground, in dB.
    is_default : bool
        Nobody asked for these bytes: they may be exceeded where they are absurd.
    """

    quality: float | None = None
    nbytes: int | None = None
    psnr: float | None = None
    is_default: bool = False


def budget_of(
    quality: float | None,
    ratio: float | None,
    target_bytes: int | None,
    psnr: float | None,
    default_ratio: float,
    voxels: int,
) -> Budget:
    """Budget of one ``encode`` call.

    Parameters
    ----------
    quality, ratio, target_bytes, psnr : number or None
        One aim at most; see :func:`vqcodec.encode`.
    default_ratio : float
        Percent of the volume as float32 that the file may take where nothing is aimed at.
    voxels : int
        Of the whole volume.

    Raises
    ------
    ValueError
        More than one aim, or one out of range.
    """
    if sum(aim is not None for aim in (quality, ratio, target_bytes, psnr)) > 1:
        raise ValueError("quality, ratio, target_bytes and psnr exclude each other")
    if quality is not None:
        step_index_of_quality(quality)
        return Budget(quality=quality)
    if target_bytes is not None:
        if target_bytes < 1:
            raise ValueError(f"target_bytes {target_bytes} is not a positive number")
        return Budget(nbytes=int(target_bytes))
    if ratio is not None:
        if not 0 < ratio <= 100:
            raise ValueError(f"ratio {ratio} is not a percentage above 0, of at most 100")
        return Budget(nbytes=int(4 * voxels * ratio / 100))
    if psnr is not None:
        if not 0 < psnr <= MOST_PSNR:
            raise ValueError(f"psnr {psnr} is not a number of dB above 0, of at most {MOST_PSNR:g}")
        return Budget(psnr=psnr)
    least = int(4 * voxels * default_ratio / 100)
    return Budget(nbytes=max(least, LEAST_DEFAULT_BYTES), is_default=True)


def step_index_of_quality(quality: float) -> int:
    """Step index of a quality: 0.9 octaves a level, two robust ranges at 1.

    On a skull-stripped T1 at 1 mm that is from 0.06 to 3 % of float32.

    Raises
    ------
    ValueError
        If the quality is out of range.
    """
    worst, best = QUALITY_RANGE
    if not worst <= quality <= best:
        raise ValueError(
            f"quality {quality} is not a number from {worst:g} to {best:g} (1 to 9 are usual)"
        )
    low, high = STEP_INDEX_RANGE
    octaves = FIRST_QUALITY_OCTAVE + OCTAVES_PER_QUALITY * (quality - 1)
    return min(max(round(STEPS_PER_OCTAVE * octaves), low), high)
