"""Entropy model of codes: what integers a code stands for, and networks that predict codes.

A code of a codebook is known to coder and decoder as its entry, rounded to 1/64; the sum over
the stages of a site is the site's *embedding*. Two integer projections make use of it: a short
vector that neighbouring sites read, and the expected means of the blocks of the next finer
grid, so that a fine site knows the coarser picture around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelUnavailableError
from ..layout import LEVEL_NAMES
from .context_model import NETWORK_PARTS, Tensors, mask_model, tensor_of
from .mask import MaskModel
from .network import OUTPUT_BITS, IntegerNetworks
from .tables import FREQUENCY_TOTAL

ENTROPY_ID = "code-range-1"
ENTRY_UNITS = 64
CHILDREN = 64
VECTOR_LIMIT = 127
LARGEST_ENTRY = 1 << 14
LARGEST_WEIGHT = 1 << 15
POWER_BITS = 8
POWERS = 1 << POWER_BITS
LARGEST_POWER = 1 << 30
ROOM = FREQUENCY_TOTAL - 512


@dataclass(frozen=True)
class LevelModel:
    """Integers that the codes of one level need.

    Attributes
    ----------
    entries : ndarray of int64
        ``(stages, K, D)``, entries of the codebooks in 1/64.
    offset : ndarray of int64
        ``(D,)``, taken off the embedding of a site.
    vector, vector_shift : ndarray of int64 and int
        ``(D, R)``: what neighbours read.
    own : ndarray of int64
        ``(D, P)``: what later stages read of the earlier ones, with the same shift.
    children, children_shift : ndarray of int64 and int
        ``(D + 1, 64)``: means of the blocks of the finer grid, the last row from the mean
        that is expected here; empty at the fine level.
    networks : tuple of IntegerNetworks
        One a stage.
    """

    entries: NDArray[np.int64]
    offset: NDArray[np.int64]
    vector: NDArray[np.int64]
    vector_shift: int
    own: NDArray[np.int64]
    children: NDArray[np.int64]
    children_shift: int
    networks: tuple[IntegerNetworks, ...]

    @property
    def stages(self) -> int:
        """Most codes a site can have."""
        return len(self.entries)


@dataclass(frozen=True)
class CodeModel:
    """Entropy model of three levels; ``powers`` holds ``2**(30 - i/256)``, whole numbers."""

    levels: Mapping[str, LevelModel]
    powers: NDArray[np.int64]
    mask: MaskModel

    @property
    def entropy_id(self) -> str:
        """Id of the coder that the model is for."""
        return ENTROPY_ID


def code_model(tensors: Tensors) -> CodeModel:
    """Build the model from the tensors of a weights file.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``quantisers.{level}.codebooks.{stage}.entries`` and ``codes/...``.

    Raises
    ------
    ModelUnavailableError
        A tensor is missing, of the wrong shape, or too large to be exact.
    """
    powers = _whole(tensors, "codes/powers", LARGEST_POWER)
    if powers.shape != (POWERS,) or powers.min() < LARGEST_POWER // 2:
        raise ModelUnavailableError("codes/powers is not 256 numbers from 2**29 to 2**30")
    levels = {name: _level(tensors, name) for name in LEVEL_NAMES}
    return CodeModel(levels, powers, mask_model(tensors))


def has_code_model(tensors: Tensors) -> bool:
    """Whether a weights file holds an entropy model of codes."""
    return "codes/powers" in tensors


def _level(tensors: Tensors, name: str) -> LevelModel:
    prefix = f"codes/{name}"
    entries = _entries(tensors, name)
    stages, size, dimension = entries.shape
    offset = _whole(tensors, f"{prefix}/offset", stages * LARGEST_ENTRY)
    vector = _whole(tensors, f"{prefix}/vector", LARGEST_WEIGHT)
    own = _whole(tensors, f"{prefix}/own", LARGEST_WEIGHT)
    children = _whole(tensors, f"{prefix}/children", LARGEST_WEIGHT)
    shifts = _whole(tensors, f"{prefix}/shifts", 40)
    expected = (0 if name == "fine" else dimension + 1, CHILDREN)
    shapes = (offset.shape, vector.shape[:1], own.shape[:1], children.shape, shifts.shape)
    if shapes != ((dimension,), (dimension,), (dimension,), expected, (2,)):
        raise ModelUnavailableError(f"the projections of {prefix} do not fit its codebooks")
    if vector.ndim != 2 or own.ndim != 2 or 0 in vector.shape + own.shape or shifts.min() < 1:
        raise ModelUnavailableError(f"the projections of {prefix} do not fit its codebooks")
    limits = input_limits(name, vector.shape[1], own.shape[1])
    networks = tuple(_network(tensors, f"{prefix}/{s}", limits, size) for s in range(stages))
    shift, children_shift = (int(each) for each in shifts)
    return LevelModel(entries, offset, vector, shift, own, children, children_shift, networks)


def input_limits(name: str, neighbour: int, own: int) -> NDArray[np.float64]:
    """Largest magnitude of every input of a level's networks, in their order."""
    field = 0 if name == "coarse" else 27
    return np.array(
        [VECTOR_LIMIT] * (field + 26 * neighbour + own) + [8] * 27 + [FLAG] * 9, np.float64
    )


#: Of the inputs that say which phase is coded, and of the constant one.
FLAG = 64


def _entries(tensors: Tensors, name: str) -> NDArray[np.int64]:
    stages: list[NDArray[np.int64]] = []
    while (key := f"quantisers.{name}.codebooks.{len(stages)}.entries") in tensors:
        exact = tensors[key].astype(np.float64) * ENTRY_UNITS
        if exact.ndim != 2 or not np.all(np.abs(exact) <= LARGEST_ENTRY):
            raise ModelUnavailableError(f"{key} does not hold entries of a usable size")
        stages.append(np.rint(exact).astype(np.int64))
    if not stages or len({each.shape for each in stages}) != 1:
        raise ModelUnavailableError(f"weights hold no codebooks of one shape for level {name!r}")
    if not 2 <= stages[0].shape[0] <= 256 or stages[0].shape[1] < 1:
        raise ModelUnavailableError(f"codebooks of level {name!r} do not have 2 to 256 entries")
    return np.stack(stages)


def _network(
    tensors: Tensors, prefix: str, limits: NDArray[np.float64], size: int
) -> IntegerNetworks:
    parts = {name: tensor_of(tensors, f"{prefix}/{name}") for name in NETWORK_PARTS}
    shift = parts.pop("first_shift").reshape(-1)
    hidden, hidden_2 = (parts[name].shape[-1:] for name in ("first", "second"))
    inputs = parts["first"].shape[:1]
    shapes = (inputs + hidden, hidden + hidden_2, hidden_2, (*hidden_2, size), (size,))
    if 0 in hidden + hidden_2 or tuple(part.shape for part in parts.values()) != shapes:
        raise ModelUnavailableError(f"the layers of {prefix} do not fit together, or {size} codes")
    if shift.size != 1 or shift[0] < 0:
        raise ModelUnavailableError(f"{prefix}/first_shift is not one number from 0")
    network = IntegerNetworks(
        first=parts["first"][None].astype(np.float32),
        first_shift=shift.astype(np.int64),
        second=parts["second"][None].astype(np.float64),
        second_bias=parts["second_bias"][None].astype(np.float64),
        last=parts["last"][None].astype(np.float64),
        last_bias=parts["last_bias"][None].astype(np.float64),
        input_limits=limits,
    )
    if network.largest_output >= 1 << (30 + OUTPUT_BITS):
        raise ModelUnavailableError(f"{prefix} gives outputs beyond what is coded")
    return network


def _whole(tensors: Tensors, name: str, largest: int) -> NDArray[np.int64]:
    tensor = tensor_of(tensors, name)
    whole = tensor.astype(np.int64)
    if tensor.dtype.kind not in "iu" or (whole.size and int(np.abs(whole).max()) > largest):
        raise ModelUnavailableError(f"tensor {name!r} does not hold integers up to {largest}")
    return whole
