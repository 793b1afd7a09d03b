"""From trained networks to a weights file: first tables, refinement, export."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..entropy.groups import GROUPS
from ..entropy.tables import CLASSES, SYMBOLS
from ..grids import ENTRIES, ZERO_ENTRY
from ..layout import SPLITS
from ..models.quantise import RateDistortion
from ..models.wavelet_family import FAMILY_ID, wavelet_model
from ..registry import write_weights
from .context_export import TableCounts
from .context_samples import STEP_RANGE, magnitude_maps, pick_scan
from .refine import Statistics, gather, updated
from .scans import augment, load_scan, scans_of

TRAINING_DATA = (
    "OpenNeuro ds002748 (CC0-1.0), OpenfMRI ds000011 (PDDL-1.0), rordenlab coreg_qa "
    "(BSD-2-Clause), freesurferformats test data (MIT)"
)


def first_tensors(runs: Path) -> dict[str, NDArray[Any]]:
    """Tensors of trained networks with the tables of their training samples."""
    tensors: dict[str, NDArray[Any]] = {}
    for group in range(len(GROUPS)):
        with np.load(runs / f"contexts{group}.npz") as saved:
            tensors |= {f"contexts/{group}/{name}": saved[name] for name in saved.files}
    with np.load(runs / "mask.npz") as saved:
        tensors |= {f"mask/{name}": saved[name] for name in saved.files}
    tensors["maps/magnitude"], tensors["maps/signed"] = magnitude_maps()
    entries = np.arange(ENTRIES, dtype=np.float32) - ZERO_ENTRY
    tensors["codebooks"] = np.tile(entries, (SPLITS, 1))
    nothing = TableCounts(np.zeros((CLASSES, SYMBOLS)), np.zeros(24))
    tensors["low_pass/escapes"] = nothing.frequencies()[1]
    return tensors


def refine(
    tensors: dict[str, NDArray[Any]], root: Path, scans: int, seed: int
) -> dict[str, NDArray[Any]]:
    """One refinement pass over augmented training scans."""
    rng = np.random.default_rng(seed)
    pool = scans_of(root, "train")
    model, statistics = wavelet_model(tensors), Statistics()
    low, high = np.log2(STEP_RANGE)
    for number in range(scans):
        scan = pick_scan(pool, rng)
        x = augment(load_scan(scan), scan.voxel_mm, rng)
        step_index = int(round(-64 * rng.uniform(low, high)))
        size = gather(model, x, step_index, RateDistortion(), statistics)
        print(number, scan.path.name, step_index, size, flush=True)
    return updated(tensors, statistics)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--id", required=True)
    parser.add_argument("--scans", type=int, default=24)
    parser.add_argument("--passes", type=int, default=2)
    o = parser.parse_args()
    torch.set_num_threads(2)
    current = first_tensors(o.runs)
    for number in range(o.passes):
        current = refine(current, o.root, o.scans, 100 + number)
    identity = write_weights(
        o.out,
        current,
        {"grid_levels": 3},
        model_id=o.id,
        family=FAMILY_ID,
        license="Apache-2.0",
        training_data=TRAINING_DATA,
        overwrite=True,
    )
    print(identity, o.out.stat().st_size)
