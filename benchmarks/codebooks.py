"""How well codes use their codebooks: share of the entries in use, and perplexity.

Only codes that a file really holds are counted. A site without a foreground voxel is not
written; its codes are those the entropy model expects most, so counting them would tell how
much air a scan has. Histograms are added up over all scans of a set before anything is read
off them: one scan has a few dozen coarse sites, for 256 entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqcodec.entropy.code_contexts import site_fractions
from vqcodec.frame_grids import padded_foreground
from vqcodec.layout import LEVEL_NAMES, LEVEL_SIDES

Mask = NDArray[np.bool_]
Grid = NDArray[np.uint8]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class CodebookUse:
    """The codebooks of one level, one for each stage.

    Attributes
    ----------
    level : str
        ``fine``, ``middle`` or ``coarse``.
    codebooks : int
        Stages.
    codes : int
        Codes counted for each of them: no more entries than these can be in use.
    used, used_least : float
        Share of the entries in use, from 0 to 1: of all entries of the level (the mean over
        its codebooks), and of the codebook with the fewest.
    perplexity, perplexity_least : float
        Exponential of the entropy, at best the number of entries: mean and least.
    """

    level: str
    codebooks: int
    codes: int
    used: float
    used_least: float
    perplexity: float
    perplexity_least: float


def written_sites(foreground: Mask, level: str) -> Mask:
    """Sites ``(d, h, w)`` of a level that hold a foreground voxel of the crop ``(D, H, W)``."""
    fractions = site_fractions(padded_foreground(foreground), LEVEL_SIDES[level])
    written: Mask = fractions > 0
    return written


def histograms(foreground: Mask, grids: Mapping[str, Grid], entries: int) -> dict[str, Counts]:
    """Occurrences of every entry in the written codes of one frame.

    Parameters
    ----------
    foreground : ndarray of bool
        ``(D, H, W)`` of the crop.
    grids : mapping of ndarray
        Codes ``(stages, d, h, w)`` of each level.
    entries : int
        Size of a codebook.

    Returns
    -------
    dict of ndarray
        ``(stages, entries)`` of each level.
    """
    found = {}
    for level in LEVEL_NAMES:
        rows = grids[level][:, written_sites(foreground, level)]
        counted = [np.bincount(row, minlength=entries) for row in rows]
        found[level] = np.stack(counted).astype(np.int64)
    return found


def added(found: Sequence[Mapping[str, Counts]]) -> dict[str, Counts]:
    """Sum of the histograms of several frames with the same stages."""
    levels = found[0] if found else {}
    return {level: np.sum([each[level] for each in found], axis=0) for level in levels}


def codebook_use(level: str, counts: Counts) -> CodebookUse:
    """Usage and perplexity from the histogram ``(stages, entries)`` of a level."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    entropies = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)
    used = np.mean(counts > 0, axis=1)
    perplexities = np.where(totals[:, 0] > 0, np.exp(entropies), 0.0)
    return CodebookUse(
        level=level,
        codebooks=len(counts),
        codes=int(totals.min()),
        used=float(used.mean()),
        used_least=float(used.min()),
        perplexity=float(perplexities.mean()),
        perplexity_least=float(perplexities.min()),
    )


def codebook_uses(found: Sequence[Mapping[str, Counts]]) -> tuple[CodebookUse, ...]:
    """Usage and perplexity of every level over several frames."""
    return tuple(codebook_use(level, counts) for level, counts in added(found).items())
