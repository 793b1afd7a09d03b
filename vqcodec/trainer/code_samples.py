"""Codes of training patches, and the integer projections that their contexts are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..background import solid_background
from ..entropy.code_contexts import CodeContext, children_field, site_fractions
from ..entropy.code_model import (
    CHILDREN,
    ENTRY_UNITS,
    LARGEST_POWER,
    LARGEST_WEIGHT,
    POWERS,
    VECTOR_LIMIT,
    LevelModel,
)
from ..layout import LEVEL_NAMES, LEVEL_SIDES, PHASES
from ..models.paper import PaperNetwork

NEIGHBOUR_LENGTH = 12
OWN_LENGTH = 32
RIDGE = 1e-3
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class CodedPatch:
    """Codes ``(stages, d, h, w)`` of each level, foreground and intensities of a patch."""

    codes: Mapping[str, NDArray[np.uint8]]
    foreground: NDArray[np.bool_]
    x_DHW: NDArray[np.float32]


def coded_patches(
    network: PaperNetwork, patches: Iterable[NDArray[np.float32]]
) -> Iterator[CodedPatch]:
    """Encode patches, sides multiples of 64, with all stages."""
    for x_DHW in patches:
        codes = network.encode(torch.from_numpy(np.ascontiguousarray(x_DHW))[None, None])
        background = solid_background(x_DHW)
        foreground = np.ones(x_DHW.shape, bool) if background is None else ~background
        yield CodedPatch({n: c[0].numpy() for n, c in codes.items()}, foreground, x_DHW)


def powers_of_two() -> NDArray[np.uint32]:
    """``2**(30 - i / 256)`` for i from 0 to 255, as a weights file states them."""
    exact = LARGEST_POWER * 2.0 ** (-np.arange(POWERS) / POWERS)
    return np.rint(exact).astype(np.uint32)


def embeddings(entries_SKD: NDArray[np.int64], codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Sums of entries, ``(D, N)`` in raster order."""
    rows = codes.reshape(len(codes), -1)
    return sum(
        (entries_SKD[stage][row].T for stage, row in enumerate(rows)),
        start=np.zeros((entries_SKD.shape[2], rows.shape[1]), np.int64),
    )


def written_sites(patch: CodedPatch, name: str) -> NDArray[np.bool_]:
    """Sites of a level with foreground, in raster order."""
    return site_fractions(patch.foreground, LEVEL_SIDES[name]).reshape(-1) > 0


def level_projections(
    entries_SKD: NDArray[np.int64],
    patches: list[CodedPatch],
    fields: list[NDArray[np.int64]],
    name: str,
) -> Arrays:
    """Offset, vectors and expected means of a level, fitted to coded patches.

    Parameters
    ----------
    fields : list of ndarray
        Means expected by the coarser levels, on the level's grid; one a patch.

    Returns
    -------
    dict
        The tensors ``offset``, ``vector``, ``own``, ``children`` and ``shifts`` of
        :class:`~vqcodec.entropy.code_model.LevelModel`.
    """
    inside = [written_sites(patch, name) for patch in patches]
    rows = [embeddings(entries_SKD, patch.codes[name]) for patch in patches]
    all_DN = np.concatenate([r[:, i] for r, i in zip(rows, inside, strict=True)], 1)
    offset = np.rint(all_DN.mean(1)).astype(np.int64)
    centred = (all_DN - offset[:, None]).astype(np.float64)
    values, axes = np.linalg.eigh(centred @ centred.T / centred.shape[1])
    axes, deviations = axes[:, ::-1], np.sqrt(np.maximum(values[::-1], 1.0))
    # Three deviations fill the range of a vector; weights below 2**15 after the shift.
    shift = 14
    gain = np.minimum(VECTOR_LIMIT / (3 * deviations), 1.9) * 2.0**shift
    weights = np.rint(axes * gain).clip(-LARGEST_WEIGHT, LARGEST_WEIGHT).astype(np.int32)
    children = np.zeros((0, CHILDREN), np.int32)
    children_shift = 10
    if name != LEVEL_NAMES[0]:
        side = LEVEL_SIDES[name] // 4
        wanted = np.concatenate(
            [_child_means(p.x_DHW, side)[:, i] for p, i in zip(patches, inside, strict=True)], 1
        )
        told = np.concatenate(
            [f.reshape(-1)[i] for f, i in zip(fields, inside, strict=True)]
        ).astype(np.float64)
        design = np.concatenate((centred, told[None]))
        gram = design @ design.T
        gram[np.diag_indices_from(gram)] += RIDGE * np.trace(gram) / len(gram) + 1.0
        fitted = np.linalg.solve(gram, design @ (wanted * ENTRY_UNITS).T)
        children = (
            np.rint(fitted * 2.0**children_shift)
            .clip(-LARGEST_WEIGHT, LARGEST_WEIGHT)
            .astype(np.int32)
        )
    return {
        "offset": offset.astype(np.int32),
        "vector": np.ascontiguousarray(weights[:, :NEIGHBOUR_LENGTH]),
        "own": np.ascontiguousarray(weights[:, :OWN_LENGTH]),
        "children": children,
        "shifts": np.array([shift, children_shift], np.int32),
    }


def _child_means(x_DHW: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """Means of the 4x4x4 blocks of ``side**3`` voxels of every site, ``(64, N)``."""
    d, h, w = (length // (4 * side) for length in x_DHW.shape)
    blocks = x_DHW.reshape(d, 4, side, h, 4, side, w, 4, side).mean(axis=(2, 5, 8))
    means: NDArray[np.float64] = blocks.transpose(1, 3, 5, 0, 2, 4).reshape(CHILDREN, -1)
    return means


def finer_fields(
    model: LevelModel, patches: list[CodedPatch], fields: list[NDArray[np.int64]], name: str
) -> list[NDArray[np.int64]]:
    """What a fitted level tells the next finer one of each patch."""
    told = []
    for patch, field in zip(patches, fields, strict=True):
        codes = patch.codes[name]
        centred = embeddings(model.entries, codes) - model.offset[:, None]
        d, h, w = codes.shape[1:]
        told.append(children_field(model, centred, field, (d, h, w)))
    return told


def stage_rows(
    model: LevelModel,
    patches: list[CodedPatch],
    fields: list[NDArray[np.int64]],
    name: str,
    most: int,
    rng: np.random.Generator,
) -> tuple[list[NDArray[np.int8]], list[NDArray[np.int64]]]:
    """Network inputs ``(N, K)`` and codes ``(N,)`` of each stage of a level.

    Parameters
    ----------
    most : int
        Sites to take of each phase of a patch.
    """
    inputs: list[list[NDArray[np.int8]]] = [[] for _ in range(model.stages)]
    targets: list[list[NDArray[np.int64]]] = [[] for _ in range(model.stages)]
    for patch, field in zip(patches, fields, strict=True):
        fractions = site_fractions(patch.foreground, LEVEL_SIDES[name])
        context = CodeContext(model, None if name == LEVEL_NAMES[-1] else field, fractions)
        written = fractions.reshape(-1) > 0
        codes = patch.codes[name].reshape(model.stages, -1)
        for phase in range(len(PHASES)):
            sites = context.sites(phase)
            taken = np.flatnonzero(written[sites])
            if taken.size > most:
                taken = rng.choice(taken, most, replace=False)
            matrix = context.inputs(phase)
            embedding = np.zeros((model.entries.shape[2], sites.size), np.int64)
            for stage in range(model.stages):
                if stage:
                    context.set_own(matrix, embedding)
                inputs[stage].append(np.ascontiguousarray(matrix[:, taken].T))
                chosen = codes[stage, sites].astype(np.int64)
                targets[stage].append(chosen[taken])
                embedding += model.entries[stage][chosen].T
            context.store(phase, embedding)
    return [np.concatenate(i) for i in inputs], [np.concatenate(t) for t in targets]
