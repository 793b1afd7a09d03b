"""Quantised coefficients as three uint8 index grids, and their hash.

A grid has shape ``(codes, D/f, H/f, W/f)`` with f = 4, 16, 64. A site of the fine and middle
grid holds 63 channels, one of the coarse grid 64 (the low-pass last): seven bands of the
grid's second split, then seven bands times the eight corners of a 2x2x2 block of its first
split. Every channel takes one code or more: entry ``k`` of stage ``s`` stands for
``256**s * (k - 128)`` steps and the stages add up (a residual quantiser); the first stage's
entries are moved to learned centroids by the model's codebook.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .entropy.level_contexts import Coefficients
from .errors import FormatError
from .layout import BANDS, CORNERS, GRID_LEVELS, LEVEL_NAMES

Grid = NDArray[np.uint8]

ENTRIES = 256
ZERO_ENTRY = 128
DETAIL_CHANNELS = len(BANDS) * (len(CORNERS) + 1)


@dataclass(frozen=True)
class CodeStatistics:
    """What the codes of a file are like.

    Attributes
    ----------
    significant : int
        Codes that are not the zero entry.
    bits : int
        Of the streams of all levels.
    """

    significant: int
    bits: int


def channels_of(coefficients: Coefficients, level: int) -> NDArray[np.int32]:
    """Integer channels of one grid level, ``(63 or 64, d, h, w)``."""
    finer, coarser = coefficients.details[2 * level], coefficients.details[2 * level + 1]
    blocks = [finer[:, z::2, y::2, x::2] for z, y, x in CORNERS]
    parts = [coarser, np.stack(blocks, axis=1).reshape(-1, *coarser.shape[1:])]
    if level == GRID_LEVELS - 1:
        parts.append(coefficients.low_pass[None])
    return np.concatenate(parts)


def stages_needed(channels: NDArray[np.int32]) -> int:
    """Stages that hold every value of some channels."""
    stages, rest = 1, channels
    while rest.size and (rest.min() < -ZERO_ENTRY or rest.max() >= ZERO_ENTRY):
        rest = (rest + ZERO_ENTRY) >> 8
        stages += 1
    return stages


def grid_of(channels: NDArray[np.int32], stages: int) -> Grid:
    """uint8 grid ``(channels * stages, d, h, w)``, all channels of a stage together."""
    out = np.empty((stages, *channels.shape), np.uint8)
    rest = channels
    for stage in range(stages):
        shifted = rest + ZERO_ENTRY
        out[stage] = shifted & 0xFF
        rest = shifted >> 8
    return out.reshape(-1, *channels.shape[1:])


def stages_of(coefficients: Coefficients) -> tuple[int, int, int]:
    """Stages that the fine, middle and coarse grid need."""
    fine, middle, coarse = (
        stages_needed(channels_of(coefficients, level)) for level in range(GRID_LEVELS)
    )
    return fine, middle, coarse


def grids_of(coefficients: Coefficients, stages: Sequence[int]) -> dict[str, Grid]:
    """The three grids, keyed ``fine``, ``middle``, ``coarse``.

    Parameters
    ----------
    stages : sequence of int
        Codes per channel of each level.

    Raises
    ------
    FormatError
        If a value needs more stages.
    """
    grids = {}
    for level, name in enumerate(LEVEL_NAMES):
        channels = channels_of(coefficients, level)
        if stages_needed(channels) > stages[level]:
            raise FormatError(f"a code of level {name!r} is beyond its {stages[level]} stages")
        grids[name] = grid_of(channels, stages[level])
    return grids


def coefficients_of(grids: Mapping[str, Grid]) -> Coefficients:
    """Inverse of :func:`grids_of`."""
    details: list[NDArray[np.int32]] = []
    low_pass = np.zeros((0, 0, 0), np.int32)
    for level, name in enumerate(LEVEL_NAMES):
        grid = grids[name]
        count = DETAIL_CHANNELS + (level == GRID_LEVELS - 1)
        staged = grid.reshape(-1, count, *grid.shape[1:])
        channels = np.zeros(staged.shape[1:], np.int32)
        for stage, entries in enumerate(staged):
            channels += (entries.astype(np.int32) - ZERO_ENTRY) << (8 * stage)
        coarser = channels[: len(BANDS)]
        d, h, w = coarser.shape[1:]
        finer = np.zeros((len(BANDS), 2 * d, 2 * h, 2 * w), np.int32)
        blocks = channels[len(BANDS) : DETAIL_CHANNELS].reshape(
            len(BANDS), len(CORNERS), *coarser.shape[1:]
        )
        for corner, (z, y, x) in enumerate(CORNERS):
            finer[:, z::2, y::2, x::2] = blocks[:, corner]
        details += [finer, coarser]
        if level == GRID_LEVELS - 1:
            low_pass = channels[DETAIL_CHANNELS]
    return Coefficients(tuple(details), low_pass)


def codes_sha256(frames: Iterable[Mapping[str, Grid]]) -> str:
    """Hash of the grids of all frames: coarse, middle, fine of each, C order."""
    digest = hashlib.sha256()
    for grids in frames:
        for name in reversed(LEVEL_NAMES):
            digest.update(np.ascontiguousarray(grids[name]).data)
    return digest.hexdigest()
