"""``index.json``: the models that this package knows by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PACKAGE_FOLDER = Path(__file__).parent
_KEYS = {"id", "sha256", "family", "license", "training_data", "card", "weights", "size", "url"}


@dataclass(frozen=True)
class ModelEntry:
    """What is known of a model without loading it.

    Attributes
    ----------
    id : str
        Its name. The meaning of a name in the index never changes.
    sha256 : str
        Its identity, see :func:`vqcodec.registry.identity_of`.
    family : str
        The network family that runs it.
    license, training_data : str
        The licence of the weights; the data sets they were made from.
    card : Path or None
        Its model card.
    weights : str
        Name of the weights file.
    size : int
        Bytes of the weights file.
    url : str or None
        Where it can be downloaded.
    default : bool
        Whether it is the one to compress with when none is named.
    source : str
        ``"package"`` for a model of the index, else the path of the weights file.
    """

    id: str
    sha256: str
    family: str
    license: str
    training_data: str
    card: Path | None
    weights: str
    size: int
    url: str | None = None
    default: bool = False
    source: str = field(default="package")


def read_index(path: Path) -> tuple[ModelEntry, ...]:
    """Read an index and check that it makes sense.

    Raises
    ------
    ValueError
        The file is no index, or an entry of it is wrong; the package is damaged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = document["models"]
        entries = tuple(_entry(row, path.parent) for row in rows)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not an index of models ({error!r})") from error
    if len({entry.id for entry in entries}) != len(entries):
        raise ValueError(f"{path}: a model id appears twice")
    if len({entry.sha256 for entry in entries}) != len(entries):
        raise ValueError(f"{path}: a model identity appears twice")
    if entries and sum(entry.default for entry in entries) != 1:
        raise ValueError(f"{path}: exactly one model must be the default")
    return entries


def _entry(row: Mapping[str, Any], folder: Path) -> ModelEntry:
    unknown = set(row) - _KEYS - {"default"}
    if unknown or not row.keys() >= _KEYS:
        raise ValueError(f"model {row.get('id')!r}: keys {sorted(set(row) ^ _KEYS)} do not belong")
    if not re.fullmatch(r"[0-9a-f]{64}", row["sha256"]):
        raise ValueError(f"model {row['id']!r}: {row['sha256']!r} is not a SHA-256")
    if Path(row["weights"]).name != row["weights"]:
        raise ValueError(f"model {row['id']!r}: {row['weights']!r} is not a plain file name")
    values = dict(row)
    values["card"] = folder / row["card"] if row["card"] is not None else None
    return ModelEntry(**values)
