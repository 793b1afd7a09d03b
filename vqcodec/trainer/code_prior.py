"""Training of the entropy model of a ``paper`` network: what is needed to compress with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as nn_functional

from ..entropy.code_model import LevelModel, input_limits
from ..entropy.network import IntegerNetworks
from ..layout import LEVEL_NAMES
from ..models.paper import PaperNetwork
from ..registry import load_model
from .code_samples import (
    Arrays,
    coded_patches,
    finer_fields,
    level_projections,
    powers_of_two,
    stage_rows,
)
from .context_export import integer_networks
from .prior import INPUT_UNIT, ContextNetworks

INT16_MAX = 32767


@dataclass(frozen=True)
class PriorSettings:
    """How an entropy model is learned; triples run fine, middle, coarse.

    Attributes
    ----------
    patches : int
        Patches to learn from.
    hidden, hidden_2 : tuple of int
        Widths of the networks.
    steps : tuple of int
        Training steps a stage; 0 keeps the shares that the codes have anyway.
    most : tuple of int
        Sites to learn from, of each phase of a patch.
    rows : int
        Rows of a batch.
    """

    patches: int = 64
    hidden: tuple[int, int, int] = (48, 16, 1)
    hidden_2: tuple[int, int, int] = (24, 12, 1)
    steps: tuple[int, int, int] = (1500, 300, 0)
    most: tuple[int, int, int] = (300, 1000, 1000)
    rows: int = 4096


def code_tensors(
    network: PaperNetwork,
    patches: Iterable[NDArray[np.float32]],
    tell: Callable[[str], None],
    settings: PriorSettings | None = None,
    seed: int = 0,
) -> Arrays:
    """Learn an entropy model of a network's codes.

    Parameters
    ----------
    network : PaperNetwork
        With the very codebooks that the weights file will hold.
    patches : iterable of ndarray
        ``(D, H, W)``, sides multiples of 64, in units of the robust range.
    tell : callable
        Told a line for each level.

    Returns
    -------
    dict
        Tensors ``codes/...`` of a weights file, and ``mask/...``, those of the default model.
    """
    settings = settings or PriorSettings()
    rng = np.random.default_rng(seed)
    coded = list(coded_patches(network.eval(), patches))
    masks = {k: v for k, v in load_model(None).tensors.items() if k.startswith("mask/")}
    tensors: Arrays = {"codes/powers": powers_of_two(), **masks}
    fields = [np.zeros(patch.codes["coarse"].shape[1:], np.int64) for patch in coded]
    for level in reversed(range(len(LEVEL_NAMES))):
        name = LEVEL_NAMES[level]
        entries = _entries(network, name)
        parts = level_projections(entries, coded, fields, name)
        limits = input_limits(name, parts["vector"].shape[1], parts["own"].shape[1])
        untrained = _level_model(entries, parts, ())
        rows = stage_rows(untrained, coded, fields, name, settings.most[level], rng)
        bits = []
        for stage, (inputs, targets) in enumerate(zip(*rows, strict=True)):
            trained, found = _train_stage(inputs, targets, entries.shape[1], settings, level, seed)
            exported = vars(integer_networks(trained, limits))
            for part, array in exported.items():
                tensors[f"codes/{name}/{stage}/{part}"] = _narrow(array[0])
            bits.append(found)
        tell(f"{name}: {np.mean(bits):.2f} bits a code (of {np.log2(entries.shape[1]):.0f})")
        tensors.update({f"codes/{name}/{part}": array for part, array in parts.items()})
        if level:
            fields = finer_fields(untrained, coded, fields, name)
    return tensors


def _entries(network: PaperNetwork, name: str) -> NDArray[np.int64]:
    """Entries as the entropy coder will read them from the file: half precision, in 1/64."""
    books = network.quantiser_of(name).codebooks
    stages = [torch.as_tensor(book.entries).detach().cpu().half().numpy() for book in books]
    return np.stack([np.rint(each.astype(np.float64) * 64) for each in stages]).astype(np.int64)


def _level_model(
    entries: NDArray[np.int64], parts: Arrays, networks: tuple[IntegerNetworks, ...]
) -> LevelModel:
    whole = {name: array.astype(np.int64) for name, array in parts.items()}
    shift, children_shift = (int(each) for each in whole["shifts"])
    return LevelModel(
        entries,
        whole["offset"],
        whole["vector"],
        shift,
        whole["own"],
        whole["children"],
        children_shift,
        networks,
    )


def _narrow(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """As 16-bit integers, where they fit."""
    fits = array.size == 0 or int(np.abs(array.astype(np.int64)).max()) <= INT16_MAX
    return array.astype(np.int16) if fits else array


def _train_stage(
    inputs: NDArray[np.int8],
    targets: NDArray[np.int64],
    size: int,
    settings: PriorSettings,
    level: int,
    seed: int,
) -> tuple[ContextNetworks, float]:
    """A network that predicts one stage, and the bits a code it is left with."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    counts = np.bincount(targets, minlength=size) + 0.25
    start = tuple(np.log2(counts / counts.sum()).tolist())
    model = ContextNetworks(
        1, inputs.shape[1], settings.hidden[level], settings.hidden_2[level], start
    )
    steps = settings.steps[level]
    if steps == 0:
        with torch.no_grad():
            for weights in (model.first, model.second, model.last):
                weights.zero_()
        return model, float(-(counts * np.log2(counts / counts.sum())).sum() / counts.sum())
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.02)
    course = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps, pct_start=0.1)
    found = 0.0
    for step in range(steps):
        picked = rng.integers(len(inputs), size=min(settings.rows, len(inputs)))
        x = torch.from_numpy(inputs[picked]).float()[None] * INPUT_UNIT
        logits = model(x)[0] * float(np.log(2))
        loss = nn_functional.cross_entropy(logits, torch.from_numpy(targets[picked]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        course.step()
        bits = float(loss.detach()) / float(np.log(2))
        found = bits if step == 0 else 0.98 * found + 0.02 * bits
    return model, found
