"""From trained networks to a weights file: first tables, refinement, export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..entropy.context_model import STATES
from ..entropy.groups import GROUPS
from ..entropy.tables import integer_frequencies
from ..grids import ENTRIES, ZERO_ENTRY
from ..layout import GRID_LEVELS, SPLITS
from ..models.restoration import RestorationNetwork, restoration_tensors
from ..models.wavelet_family import FAMILY_ID, wavelet_model
from ..registry import write_weights
from .context_export import bucket_prior
from .context_samples import STEP_RANGE, companding_tables, pick_scan
from .refine import Renewal, Statistics, gather, updated
from .scans import augment, load_scan, scans_of

TRAINING_DATA = (
    "OpenNeuro ds002748 (CC0-1.0), OpenfMRI ds000011 (PDDL-1.0), rordenlab coreg_qa "
    "(BSD-2-Clause), freesurferformats test data (MIT)"
)


def first_tensors(
    runs: Path, start: Mapping[str, NDArray[Any]] | None = None
) -> dict[str, NDArray[Any]]:
    """Tensors of trained networks with the tables of their training samples.

    Codebooks and offsets are those of ``start``; without one, whole numbers and none. Networks
    that the run did not train are taken over with their tables; without a start, a model does
    without holes.
    """
    tensors: dict[str, NDArray[Any]] = {}
    for group in range(len(GROUPS)):
        tensors |= networks_of(runs / f"contexts{group}.npz", f"contexts/{group}", start or {})
    for part in ("mask", "holes"):
        tensors |= networks_of(runs / f"{part}.npz", part, start or {})
    tensors |= {f"maps/{name}": table for name, table in vars(companding_tables()).items()}
    entries = np.arange(ENTRIES, dtype=np.float32) - ZERO_ENTRY
    tensors["codebooks"] = np.tile(entries, (SPLITS, 1)) if start is None else start["codebooks"]
    tensors["low_pass/escapes"] = integer_frequencies(bucket_prior()[None])
    if start is not None:
        ends = ("/offsets", "low_pass/escapes", "maps/magnitude", "maps/signed", STATES)
        kept = (name for name in start if name.endswith(ends))
        tensors |= {name: start[name] for name in kept}
    return tensors


def networks_of(
    trained: Path, part: str, start: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Tensors ``part/...`` as trained, or of the model that the run goes on from."""
    if not trained.exists():
        return {name: tensor for name, tensor in start.items() if name.startswith(f"{part}/")}
    with np.load(trained) as saved:
        return {f"{part}/{name}": saved[name] for name in saved.files}


def refine(
    tensors: dict[str, NDArray[Any]], root: Path, scans: int, seed: int, renews: Renewal
) -> dict[str, NDArray[Any]]:
    """One refinement pass over augmented training scans."""
    rng = np.random.default_rng(seed)
    pool = scans_of(root, "train")
    model = wavelet_model(tensors)
    statistics = Statistics.of(model)
    low, high = np.log2(STEP_RANGE)
    for number in range(scans):
        scan = pick_scan(pool, rng)
        x = augment(load_scan(scan), scan.voxel_mm, rng)
        step_index = round(-64 * rng.uniform(low, high)) + model.finer_by
        size = gather(model, x, step_index, statistics)
        print(number, scan.path.name, step_index, size, flush=True)
    return updated(tensors, statistics, renews)


def build_model(
    root: Path,
    runs: Path,
    out: Path,
    model_id: str,
    scans: int,
    passes: int,
    start: Mapping[str, NDArray[Any]] | None = None,
) -> str:
    """Refine tables and centroids, add the restoration network, write the weights file.

    With an earlier model to go on from, one pass for the tables alone, if there are networks that
    they are to go with.

    Parameters
    ----------
    start : mapping of str to ndarray, optional
        Tensors of an earlier model, whose codebooks and offsets stay.

    Returns
    -------
    str
        The model's identity.
    """
    current = first_tensors(runs, start)
    if start is not None:
        if any(runs.glob("contexts*.npz")):
            current = refine(current, root, scans, 100, "tables")
    else:
        for number in range(passes):
            renews: Renewal = "offsets" if number else "codebooks"
            current = refine(current, root, scans, 100 + number, renews)
    trained = runs / "restoration.pt"
    if trained.exists():
        state = torch.load(trained, weights_only=True)
        depth = sum(name.startswith("middle.") for name in state) // 2
        network = RestorationNetwork(state["first.weight"].shape[0], depth)
        network.load_state_dict(state)
        current |= restoration_tensors(network)
    return write_model(out, current, model_id)


def write_model(out: Path, tensors: Mapping[str, NDArray[Any]], model_id: str) -> str:
    """Write a weights file of the family, over one that is there; its identity."""
    return write_weights(
        out,
        dict(tensors),
        {"grid_levels": GRID_LEVELS},
        model_id=model_id,
        family=FAMILY_ID,
        license="Apache-2.0",
        training_data=TRAINING_DATA,
        overwrite=True,
    )
