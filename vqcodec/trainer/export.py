"""A run to a weights file for the registry, with its identity and its model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..formats.container import write_atomically
from ..registry import write_weights
from .checkpoint import CHECKPOINT_NAME, read_checkpoint
from .fine_tuning import COUNTS, SUMS, network_tensors
from .logs import read_log
from .recipe import recipe_from_json
from .run_folder import MODES, RunFolder
from .systems import system_of

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

    Raises
    ------
    TrainingError
        There is no checkpoint, or it is damaged.
    FileExistsError
        A file exists and ``overwrite`` is false.
    """
    checkpoint = run if run.suffix == ".pt" else run / CHECKPOINT_NAME
    state = read_checkpoint(checkpoint)
    metadata = state["metadata"]
    recipe = recipe_from_json(metadata["recipe"])
    system = system_of(recipe)
    name, card = model_id or target.stem, target.with_suffix(".md")
    if card.exists() and not overwrite:
        raise FileExistsError(17, "File exists", str(card))
    sha256 = write_weights(
        target,
        exported_tensors(network_tensors(state)),
        system.config(),
        model_id=name,
        family=system.family,
        license=license,
        training_data=", ".join(training_data(metadata)),
        overwrite=overwrite,
    )
    figures = RunFolder(checkpoint.parent).validation
    rows = read_log(figures) if figures.is_file() else []
    text = card_text(name, sha256, license, system.family, state, rows)
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
    lines += [
        "",
        "## Limits",
        "",
        f"The codec cannot compress with a model of family `{family}` yet: this file holds the "
        "network's weights and codebooks, without entropy tables. `vqz train run --fine-tune` "
        "reads it. For research, not for diagnosis.",
        "",
    ]
    return "\n".join(lines)
