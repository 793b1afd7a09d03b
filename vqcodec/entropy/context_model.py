"""The entropy model of the default family, built from the tensors of a weights file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelUnavailableError
from .coder import SplitModel
from .groups import GROUPS
from .mask import MaskModel, mask_input_limits
from .neighbourhood import COMPANDED_MAX, input_limits
from .network import IntegerNetworks
from .stream import TableSet
from .tables import check_frequencies

ENTROPY_ID = "context-range-1"
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
    magnitude_map, signed_map : ndarray of int8
        Companding tables; see :class:`vqcodec.entropy.neighbourhood.SplitContext`.
    """

    groups: tuple[SplitModel, ...]
    mask: MaskModel
    low_pass: TableSet
    magnitude_map: NDArray[np.int8]
    signed_map: NDArray[np.int8]


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


def mask_model(tensors: Tensors) -> MaskModel:
    """Build the mask coder from the tensors ``mask/...``.

    Raises
    ------
    ModelUnavailableError
        If a tensor is missing, of the wrong shape, or would not compute exactly.
    """
    networks = _networks(tensors, "mask", mask_input_limits())
    return MaskModel(networks, _tables(tensors, "mask/tables"))


def context_model(tensors: Tensors) -> ContextModel:
    """Build the entropy model.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``contexts/{group}/...``, ``mask/...``, ``low_pass/escapes``, ``maps/...``.

    Raises
    ------
    ModelUnavailableError
        If a tensor is missing, of the wrong shape, or would not compute exactly.
    """
    limits = input_limits()
    magnitude_map, signed_map = (
        tensor_of(tensors, f"maps/{part}") for part in ("magnitude", "signed")
    )
    if max(np.abs(magnitude_map).max(), np.abs(signed_map).max()) > COMPANDED_MAX:
        raise ModelUnavailableError("companding tables exceed their range")
    groups = tuple(
        SplitModel(
            _networks(tensors, f"contexts/{group}", limits),
            _tables(tensors, f"contexts/{group}/symbols"),
            _tables(tensors, f"contexts/{group}/escapes"),
        )
        for group in range(len(GROUPS))
    )
    if max(group.networks.largest_output for group in groups) >= OUTPUT_LIMIT:
        raise ModelUnavailableError("context networks give locations beyond what is coded")
    low_pass = _tables(tensors, "low_pass/escapes")
    return ContextModel(groups, mask_model(tensors), low_pass, magnitude_map, signed_map)
