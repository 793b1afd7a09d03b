"""A run to a weights file for the registry, with its identity and its model card."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..formats.atomic import write_atomically
from ..registry import write_weights
from .checkpoint import CHECKPOINT_NAME, read_checkpoint
from .code_prior import PriorSettings, code_tensors
from .failures import TrainingError
from .fine_tuning import COUNTS, SUMS, network_tensors, with_sums
from .logs import read_log
from .pack import Pack
from .recipe import Recipe, recipe_from_json
from .run_folder import MODES, RunFolder
from .sampling import Patches
from .systems import PaperSystem, System, system_of

PRIOR_PATCH = (128, 128, 128)
FIRST_PRIOR_NUMBER = 1 << 41
LARGEST_HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Exported:
    """What an export wrote: weights file, card, and the identity of the model."""

    weights: Path
    card: Path
    sha256: str
    size: int


def export_run(
    run: Path,
    target: Path,
    *,
    model_id: str | None = None,
    license: str = "",
    overwrite: bool = False,
    pack: Path | None = None,
    prior: PriorSettings | None = None,
    tell: Callable[[str], None] = print,
) -> Exported:
    """Write the newest checkpoint of a run as fp16 safetensors, and a card beside it.

    Parameters
    ----------
    run : Path
        Folder of the run, or a checkpoint.
    target : Path
        Weights file, usually ``NAME.safetensors``; the card gets the ending ``.md``.
    model_id : str, optional
        Name of the model; by default that of the file.
    license : str
        Of the weights.
    pack : Path, optional
        Training pack to learn the entropy tables from. Without tables a model cannot
        compress.
    prior : PriorSettings, optional
        How they are learned.
    tell : callable
        Told how the tables come on.

    Raises
    ------
    TrainingError
        There is no checkpoint, it is damaged, or its network has no codes to make tables for.
    FileExistsError
        A file exists and ``overwrite`` is false.
    """
    checkpoint = run if run.suffix == ".pt" else run / CHECKPOINT_NAME
    state = read_checkpoint(checkpoint)
    metadata = state["metadata"]
    recipe = recipe_from_json(metadata["recipe"])
    system = system_of(recipe)
    name, card = model_id or target.stem, target.with_suffix(".md")
    for path in (target, card):
        if path.exists() and not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent))
    tensors = exported_tensors(network_tensors(state))
    if pack is not None:
        tensors |= _entropy_tensors(tensors, recipe, system, pack, metadata, prior, tell)
    sha256 = write_weights(
        target,
        tensors,
        system.config(),
        model_id=name,
        family=system.family,
        license=license,
        training_data=", ".join(training_data(metadata)),
        overwrite=overwrite,
    )
    figures = RunFolder(checkpoint.parent).validation
    rows = read_log(figures) if figures.is_file() else []
    can_compress = system.family == "paper" and pack is not None
    text = card_text(name, sha256, license, system.family, state, rows, can_compress)
    write_atomically(card, text.encode(), overwrite=overwrite)
    return Exported(target, card, sha256, target.stat().st_size)


def exported_tensors(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Weights and codebooks in fp16; counts of codebook entries stay float32.

    Sums of codebooks are left out (they are entries times counts), and whatever fp16 cannot
    hold stays float32.
    """
    arrays = {}
    for name, tensor in tensors.items():
        if name.endswith(SUMS):
            continue
        array: np.ndarray = tensor.detach().cpu().numpy()
        is_float = array.dtype.kind == "f" and not name.endswith(COUNTS)
        if is_float and (array.size == 0 or float(np.abs(array).max()) <= LARGEST_HALF):
            array = array.astype(np.float16)
        arrays[name] = array
    return arrays


def training_data(metadata: Mapping[str, Any]) -> list[str]:
    """Data sets of a run, with licences and numbers of scans."""
    rows = [f"{name}: {count} scans" for name, count in sorted(metadata["data"].items())]
    if metadata["synthetic_share"]:
        rows.append(
            f"deformed MNI152 template: {100 * metadata['synthetic_share']:.0f} % of patches"
        )
    return rows


def card_text(
    name: str,
    sha256: str,
    license: str,
    family: str,
    state: Mapping[str, Any],
    validation: list[dict[str, str]],
    can_compress: bool,
) -> str:
    """Write a model card, Markdown."""
    metadata = state["metadata"]
    recipe = metadata["recipe"]
    mode = metadata["mode"]
    lines = [
        f"# {name}",
        "",
        f"- Identity (sha256): `{sha256}`",
        f"- Family: `{family}`, recipe `{recipe['name']}`",
        f"- Licence of the weights: {license or 'not stated'}",
        f"- Made with {metadata['software']} on {metadata['device']}",
        f"- Trained for {state['step']} steps ({state['samples']} patches of "
        f"{'x'.join(map(str, recipe['data']['patch']))}), {state['seconds'] / 3600:.2f} hours",
        "- Weights: moving average" if state["average"] else "- Weights: of the last step",
    ]
    if mode is not None:
        lines.append(f"- Mode {mode}: {MODES[mode]}")
    if metadata["group"]:
        group = ", ".join(f"{column} = {value}" for column, value in metadata["group"].items())
        lines.append(f"- Group: {group}")
    if origin := metadata["fine_tuned_from"]:
        lines.append(f"- Fine-tuned from {origin['name']} (sha256 `{origin['sha256']}`)")
    lines += ["", "## Training data", "", *(f"- {row}" for row in training_data(metadata))]
    if validation:
        last = validation[-1]
        figures = [f"- {column}: {value}" for column, value in last.items() if value]
        lines += ["", "## Middle patches of held-out scans, last measurement", "", *figures]
    lines += ["", "## Limits", ""]
    if not can_compress:
        lines.append(
            "This file holds the network's weights and codebooks without entropy tables, so the "
            "codec cannot compress with it: `vqz train export --pack` adds them. "
            "`vqz train run --fine-tune` reads it."
        )
    lines += ["For research, not for diagnosis.", ""]
    return "\n".join(lines)


def _entropy_tensors(
    tensors: Mapping[str, np.ndarray],
    recipe: Recipe,
    system: System,
    pack_path: Path,
    metadata: Mapping[str, Any],
    prior: PriorSettings | None,
    tell: Callable[[str], None],
) -> dict[str, np.ndarray]:
    """Entropy tables for the network in half precision, from scans it was trained on."""
    if not isinstance(system, PaperSystem):
        raise TrainingError(f"models of family {system.family!r} have no codes to make tables for")
    weights = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
    system.network.load_state_dict(with_sums(weights))
    settings = replace(recipe.data, patch=PRIOR_PATCH, batch_size=1)
    pack = Pack(pack_path)
    scans = pack.select(recipe.data.splits, metadata["group"])
    if not scans:
        raise TrainingError(f"{pack_path}: no scan of the run's group is for training")
    drawn = Patches(pack, scans, replace(recipe, data=settings))
    prior = prior or PriorSettings()
    numbers = range(FIRST_PRIOR_NUMBER, FIRST_PRIOR_NUMBER + prior.patches)
    return code_tensors(system.network, (drawn[number][0] for number in numbers), tell, prior)
