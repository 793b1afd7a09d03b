"""The entropy model of the default family, built from the tensors of a weights file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelUnavailableError
from .companding import Companding
from .escapes import BUCKETS
from .groups import GROUPS
from .hole_contexts import hole_input_limits
from .holes import HOLE_TABLES, HoleModel
from .mask import MaskModel, mask_input_limits
from .neighbourhood import COMPANDED_MAX, INPUTS, WIDE_MAX, input_limits
from .network import IntegerNetworks
from .split_model import SplitModel
from .stream import TableSet
from .tables import CLASSES, SCALE_CLASSES, SYMBOLS, check_frequencies
from .trellis import FOUR_STATES, QUANTISERS, Trellis

ENTROPY_ID = "context-range-1"
TILED_ENTROPY_ID = "context-tiles-1"
TRELLIS_ENTROPY_ID = "context-tiles-2"
#: Coder whose models hold the states of their trellis, and whose streams are trimmed.
TRIMMED_ENTROPY_ID = "context-tiles-3"
STATES = "trellis/next_states"
NETWORK_PARTS = ("first", "first_shift", "second", "second_bias", "last", "last_bias")

OUTPUT_LIMIT = 1 << 38

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ContextModel:
    """Everything integer that coding needs.

    Attributes
    ----------
    groups : tuple of SplitModel
        One for each entry of ``GROUPS``.
    mask : MaskModel
    low_pass : TableSet
        ``(1, BUCKETS)``: differences of neighbouring low-pass values.
    companding : Companding
    holes : HoleModel or None
        Of background inside of the coded region; None for models that cannot have any there.
    """

    groups: tuple[SplitModel, ...]
    mask: MaskModel
    low_pass: TableSet
    companding: Companding
    holes: HoleModel | None = None

    @property
    def is_tiled(self) -> bool:
        """Whether the fine level is cut into tiles, as coder ``context-tiles-1`` does."""
        return self.companding.wide is not None

    @property
    def is_trellis(self) -> bool:
        """Whether quantisation is trellis-coded, as coders ``context-tiles-2`` and ``-3`` do."""
        return self.groups[0].trellis is not None

    @property
    def is_trimmed(self) -> bool:
        """Whether streams end at a byte, as with coder ``context-tiles-3``."""
        return self.mask.is_trimmed

    @property
    def entropy_id(self) -> str:
        """Id of the coder that the model is for."""
        if self.is_trimmed:
            return TRIMMED_ENTROPY_ID
        if self.is_trellis:
            return TRELLIS_ENTROPY_ID
        return TILED_ENTROPY_ID if self.is_tiled else ENTROPY_ID


def tensor_of(tensors: Tensors, name: str) -> NDArray[Any]:
    """A tensor that must be there."""
    try:
        return tensors[name]
    except KeyError:
        raise ModelUnavailableError(f"weights hold no tensor {name!r}") from None


def _networks(tensors: Tensors, prefix: str, limits: NDArray[np.float64]) -> IntegerNetworks:
    parts = {part: tensor_of(tensors, f"{prefix}/{part}") for part in NETWORK_PARTS}
    return IntegerNetworks(
        first=parts["first"].astype(np.float32),
        first_shift=parts["first_shift"].astype(np.int64),
        second=parts["second"].astype(np.float64),
        second_bias=parts["second_bias"].astype(np.float64),
        last=parts["last"].astype(np.float64),
        last_bias=parts["last_bias"].astype(np.float64),
        input_limits=limits,
    )


def _tables(tensors: Tensors, name: str) -> TableSet:
    frequencies = tensor_of(tensors, name)
    check_frequencies(frequencies, name)
    return TableSet(frequencies)


def mask_model(tensors: Tensors, is_trimmed: bool = False) -> MaskModel:
    """Build the mask coder from the tensors ``mask/...``.

    Raises
    ------
    ModelUnavailableError
        If a tensor is missing, of the wrong shape, or would not compute exactly.
    """
    networks = _networks(tensors, "mask", mask_input_limits())
    return MaskModel(networks, _tables(tensors, "mask/tables"), is_trimmed)


def hole_model(tensors: Tensors, is_trimmed: bool = False) -> HoleModel | None:
    """Build the coder of holes from the tensors ``holes/...``; None where there are none.

    Raises
    ------
    ModelUnavailableError
        If a tensor is missing, of the wrong shape, or would not compute exactly.
    """
    if not any(name.startswith("holes/") for name in tensors):
        return None
    networks = _networks(tensors, "holes", hole_input_limits())
    tables = _tables(tensors, "holes/tables")
    if tables.frequencies.shape != (HOLE_TABLES, 2):
        raise ModelUnavailableError(f"tables of holes are not of shape ({HOLE_TABLES}, 2)")
    return HoleModel(networks, tables, is_trimmed)


def context_model(tensors: Tensors) -> ContextModel:
    """Build the entropy model.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``contexts/{group}/...``, ``mask/...``, ``low_pass/escapes``, ``maps/...``, and perhaps
        ``holes/...``.

    Raises
    ------
    ModelUnavailableError
        If a tensor is missing, of the wrong shape, or would not compute exactly.
    """
    companding = _companding(tensors)
    has_wide = companding.wide is not None
    limits = input_limits(has_wide)
    groups = tuple(_split_model(tensors, group, limits) for group in range(len(GROUPS)))
    is_trellis = groups[0].trellis is not None
    if any((group.trellis is not None) != is_trellis for group in groups):
        raise ModelUnavailableError("some groups of splits are for a trellis, others are not")
    if is_trellis and not has_wide:
        raise ModelUnavailableError("weights for a trellis hold no tensor 'maps/wide'")
    if STATES in tensors and not is_trellis:
        raise ModelUnavailableError("weights hold states of a trellis, and tables for none")
    low_pass = _tables(tensors, "low_pass/escapes")
    is_trimmed = STATES in tensors
    mask, holes = mask_model(tensors, is_trimmed), hole_model(tensors, is_trimmed)
    return ContextModel(groups, mask, low_pass, companding, holes)


def _companding(tensors: Tensors) -> Companding:
    magnitude, signed = (tensor_of(tensors, f"maps/{part}") for part in ("magnitude", "signed"))
    wide = tensors.get("maps/wide")
    ranges = [(magnitude, COMPANDED_MAX), (signed, COMPANDED_MAX)]
    if wide is not None:
        ranges.append((wide, WIDE_MAX))
    for table, largest in ranges:
        if table.ndim != 1 or not table.size or table.min() < 0 or table.max() > largest:
            raise ModelUnavailableError("companding tables exceed their range")
    if magnitude.size != signed.size:
        raise ModelUnavailableError("companding tables differ in length")
    small = [table.astype(np.int8) for table, _ in ranges]
    return Companding(small[0], small[1], None if wide is None else small[2])


def _split_model(tensors: Tensors, group: int, limits: NDArray[np.float64]) -> SplitModel:
    prefix = f"contexts/{group}"
    is_grouped = limits.size == INPUTS
    symbols, escapes = (_tables(tensors, f"{prefix}/{part}") for part in ("symbols", "escapes"))
    is_trellis = len(symbols.frequencies) == QUANTISERS * CLASSES
    trellis = _trellis(tensors) if is_trellis else None
    classes = QUANTISERS * CLASSES if is_trellis else CLASSES
    shapes = (classes, SYMBOLS), (1 if is_grouped else SCALE_CLASSES, BUCKETS)
    if (symbols.frequencies.shape, escapes.frequencies.shape) != shapes:
        raise ModelUnavailableError(f"tables of {prefix} are not of shapes {shapes}")
    offsets = tensors.get(f"{prefix}/offsets")
    if offsets is not None and offsets.shape != (classes, SYMBOLS):
        raise ModelUnavailableError(f"weights hold offsets that are not {classes} x {SYMBOLS}")
    networks = _networks(tensors, prefix, limits)
    if networks.largest_output >= OUTPUT_LIMIT:
        raise ModelUnavailableError("context networks give locations beyond what is coded")
    return SplitModel(
        networks,
        symbols,
        escapes,
        is_grouped=is_grouped,
        offsets=None if offsets is None else offsets.astype(np.float32),
        trellis=trellis,
    )


def _trellis(tensors: Tensors) -> Trellis:
    states = tensors.get(STATES)
    if states is None:
        return FOUR_STATES
    if states.ndim != 2 or states.shape[1] != QUANTISERS or states.dtype.kind not in "iu":
        raise ModelUnavailableError(f"tensor {STATES!r} does not hold pairs of states")
    return Trellis(tuple((int(even), int(odd)) for even, odd in states))
