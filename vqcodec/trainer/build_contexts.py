"""Train all context networks from collected samples and write their integer tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..entropy.groups import GROUPS
from ..entropy.neighbourhood import INPUTS_WITH_WIDE, Surroundings, input_limits, inputs_of
from ..layout import BANDS, PHASES
from .context_export import TableCounts, float_networks, integer_networks
from .context_samples import NETWORKS
from .prior import LAPLACE_START, ContextNetworks, mean_bits, train_split

HIDDEN = ((56, 16), (48, 16), (32, 16), (20, 12))
#: From random weights; the held-out bits rise again after more.
STEPS = (2800, 2600, 1400, 600)
LEARNING_RATE = 4e-3
#: From the networks of an earlier model.
MORE_STEPS = (6500, 5500, 3000, 1000)
SMALLER_LEARNING_RATE = 2e-3
COUNTED_ROWS = 400
EVERYTHING = Surroundings(has_parent=True, has_grandparent=True, has_wide=True)


def _load(folder: Path, splits: tuple[int, ...]) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    jobs = _finished(folder)
    inputs, targets = (
        [np.load(folder / f"{name}{split}.npy", mmap_mode="r")[:jobs] for split in splits]
        for name in ("inputs", "targets")
    )
    if len(splits) == 1:
        return inputs[0], targets[0]
    return np.concatenate(inputs, axis=2), np.concatenate(targets, axis=2)


def _finished(folder: Path) -> int:
    """Jobs of a sample folder that are complete."""
    return len((folder / "done.txt").read_text().split())


def existing_inputs() -> NDArray[np.bool_]:
    """Inputs each network of a split can see, ``(networks, INPUTS_WITH_WIDE)``."""
    exists = np.zeros((len(BANDS) * len(PHASES), INPUTS_WITH_WIDE), bool)
    for band in range(len(BANDS)):
        for phase in range(len(PHASES)):
            columns = [entry.column for entry in inputs_of(band, phase, EVERYTHING)]
            exists[band * len(PHASES) + phase, columns] = True
    return exists


def build(
    samples: Path,
    validation: Path,
    out: Path,
    group: int,
    start: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Train one group of splits and save ``out/contexts{group}.npz``.

    Parameters
    ----------
    start : mapping of str to ndarray, optional
        Tensors of a model to go on from; it may read fewer inputs.
    """
    inputs, targets = _load(samples, GROUPS[group])
    held_out = _load(validation, GROUPS[group])
    torch.manual_seed(group)
    if start is None:
        model = ContextNetworks(NETWORKS, INPUTS_WITH_WIDE, *HIDDEN[group], start=LAPLACE_START)
    else:
        model = float_networks(start, f"contexts/{group}", INPUTS_WITH_WIDE)
    train_split(
        inputs,
        targets,
        held_out,
        model,
        exists=existing_inputs(),
        steps=(STEPS if start is None else MORE_STEPS)[group],
        learning_rate=LEARNING_RATE if start is None else SMALLER_LEARNING_RATE,
        seed=group,
    )
    torch.save(model.state_dict(), out / f"contexts{group}.pt")
    limits = input_limits(has_wide=True)
    tensors = integer_networks(model, limits)
    networks = tensors.networks(limits)
    counts, check = TableCounts.empty(), TableCounts.empty()
    for job in range(len(inputs)):
        rows = np.array(inputs[job][:, :COUNTED_ROWS])
        for network in range(rows.shape[0]):
            counts.add(networks, network, rows[network], targets[job][network, :COUNTED_ROWS])
    for job in range(len(held_out[0])):
        for network in range(held_out[0].shape[1]):
            check.add(networks, network, held_out[0][job, network], held_out[1][job, network])
    symbols, escapes = counts.frequencies()
    ideal = -(check.symbols * np.log2(symbols / 2.0**24)).sum() / check.symbols.sum()
    print(
        f"group {group}: laplace {mean_bits(model, *held_out):.4f}, tables {ideal:.4f} bits, "
        f"own {check.ideal_bits():.4f}, escapes {check.escapes.sum() / check.symbols.sum():.5f}"
    )
    np.savez(out / f"contexts{group}.npz", symbols=symbols, escapes=escapes, **vars(tensors))
