"""A model for a trellis from one without, and from what was trained on its draws.

The networks are taken over: a label is to them what a quantised coefficient was. Tables of the
second quantiser start from the Laplace distribution, then all tables, codebooks and offsets are
counted on what the encoder really does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..entropy.context_model import STATES
from ..entropy.groups import GROUPS
from ..entropy.neighbourhood import (
    COMPANDED_MAX,
    SIGNED,
    Surroundings,
    input_limits,
    inputs_of,
)
from ..entropy.tables import SYMBOLS, integer_frequencies
from ..entropy.trellis import EIGHT_STATES, QUANTISERS, labels_of
from ..grids import ENTRIES, ZERO_ENTRY
from ..layout import BANDS, PHASES, SPLITS
from ..models.restoration import restoration_network, restoration_tensors
from .build_model import networks_of, refine
from .context_export import float_networks, integer_networks, laplace_mass
from .prior import LAPLACE_START, ContextNetworks
from .refine import Renewal

Tensors = dict[str, NDArray[Any]]

MAPPED = ("magnitude", "signed")
#: Signed values of up to 12 labels are as they are, in halves; above, six an octave.
LINEAR_HALVES = 24
#: Scans and what is renewed, pass by pass.
PASSES: tuple[tuple[int, Renewal], ...] = ((10, "codebooks"), (20, "offsets"), (40, "offsets"))


def trellis_tensors(tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """Tensors for coder ``context-tiles-2`` from those of a model for ``context-tiles-1``."""
    made = dict(tensors)
    for group in range(len(GROUPS)):
        prefix = f"contexts/{group}"
        first = made[f"{prefix}/symbols"]
        second = integer_frequencies(laplace_mass(1)).astype(first.dtype)
        made[f"{prefix}/symbols"] = np.concatenate((first, second))
        made[f"{prefix}/offsets"] = np.zeros((QUANTISERS * len(first), SYMBOLS), np.float16)
    for name in MAPPED:
        table = made[f"maps/{name}"]
        labels = labels_of(np.arange(2 * len(table)))
        made[f"maps/{name}"] = table[np.minimum(labels, len(table) - 1)]
    entries = np.arange(ENTRIES, dtype=np.float32) - ZERO_ENTRY
    made["codebooks"] = np.tile(entries, (SPLITS, 1))
    return made


def with_finer_maps(tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """Tensors whose networks read the integers themselves instead of labels.

    Two integers have one label, so a label says too little of small ones. Signed values are
    twice what they were, and their weights half; magnitudes keep their scale. Tables stay, and
    networks are to be trained on.
    """
    made = dict(tensors)
    halved = signed_columns()
    q = np.arange(len(made["maps/signed"]))
    octaves = np.log2(np.maximum(q, LINEAR_HALVES) / LINEAR_HALVES)
    signed = np.minimum(q, LINEAR_HALVES) + np.round(6 * octaves)
    made["maps/signed"] = np.minimum(signed, COMPANDED_MAX).astype(np.int8)
    made["maps/magnitude"] = np.round(4 * np.log2(1 + q / 2)).astype(np.int8)
    for group in range(len(GROUPS)):
        prefix = f"contexts/{group}"
        networks = float_networks(made, prefix, made[f"{prefix}/first"].shape[1])
        with torch.no_grad():
            networks.first[:, halved] *= 0.5
        made |= _network_tensors(networks, prefix)
    return made


def with_eight_states(tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """Tensors for coder ``context-tiles-3`` from those of a model for ``context-tiles-2``.

    What is coded with two quantisers hardly depends on how many states say which is next, so
    networks and tables may stay.
    """
    return {**tensors, STATES: np.array(EIGHT_STATES.next_states, np.uint8)}


def signed_columns() -> NDArray[np.intp]:
    """Columns of the inputs that are signed coefficients."""
    around = Surroundings(has_parent=True, has_grandparent=True, has_wide=True)
    every = (inputs_of(band, phase, around) for band, phase in np.ndindex(len(BANDS), len(PHASES)))
    found = {entry.column for inputs in every for entry in inputs if entry.part == SIGNED}
    return np.array(sorted(found))


def _network_tensors(networks: ContextNetworks, prefix: str) -> Tensors:
    parts = vars(integer_networks(networks, input_limits(has_wide=True)))
    return {f"{prefix}/{name}": part for name, part in parts.items()}


def refined(tensors: Tensors, root: Path) -> Tensors:
    """The same with tables, codebooks and offsets of what the encoder does."""
    for number, (scans, renews) in enumerate(PASSES):
        tensors = refine(tensors, root, scans, 200 + number, renews)
    return tensors


def with_trained(tensors: Mapping[str, NDArray[Any]], run: Path) -> Tensors:
    """Tensors with the networks that a run folder holds, if any.

    Those of ``timed_training``, and of the mask and of holes. Tables are to be counted anew
    where context networks changed.
    """
    made = dict(tensors)
    for part in ("mask", "holes"):
        made |= networks_of(run / f"{part}.npz", part, tensors)
    for group in range(len(GROUPS)):
        path = run / f"contexts{group}-0.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            networks, inputs, hidden = state["first"].shape
            model = ContextNetworks(
                networks, inputs, hidden, state["second"].shape[2], LAPLACE_START
            )
            model.load_state_dict(state)
            made |= _network_tensors(model, f"contexts/{group}")
    path, network = run / "restoration-0.pt", restoration_network(made)
    if path.exists() and network is not None:
        network.load_state_dict(torch.load(path, weights_only=True))
        made |= restoration_tensors(network)
    return made
