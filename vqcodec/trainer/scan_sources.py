"""Which scans there are to train on: the rows of a manifest, or the files of a folder."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import VolumeError
from ..formats.volumes import pair_paths, volume_suffix
from .failures import TrainingError


@dataclass(frozen=True)
class ScanSource:
    """A scan to pack: its file, and what a manifest says about it."""

    path: Path
    name: str
    split: str = "train"
    source: str = "unknown"
    licence: str = "unknown"
    sha256: str = ""
    manifest: Mapping[str, str] = field(default_factory=dict)


def sources_of(
    place: Path,
    splits: Sequence[str] = ("train", "val"),
    modality: str | None = "T1w",
    licence: str = "unknown",
    validation_share: float = 0.0,
) -> tuple[ScanSource, ...]:
    """Find the scans of a manifest, or of a folder with or without one.

    Parameters
    ----------
    place : Path
        A CSV file with a column ``path`` and, if known, ``split``, ``source``, ``licence``,
        ``modality`` and ``sha256``; or a folder, with such a ``manifest.csv`` or without.
    splits : sequence of str
        Rows to take.
    modality : str or None
        Take only rows of this modality, where the manifest names one.
    licence : str
        Of scans that no manifest describes.
    validation_share : float
        Share of the scans without a manifest to call ``val``, chosen by a hash of the name.

    Raises
    ------
    TrainingError
        There are no such scans.
    OSError
        The manifest or folder cannot be read.
    """
    manifest = place / "manifest.csv" if place.is_dir() else place
    if place.is_dir() and not manifest.is_file():
        found = _sources_of_folder(place, licence, validation_share)
    else:
        found = [
            source
            for source, row in _rows_of(manifest, licence)
            if source.split in splits and modality in (None, row.get("modality", modality))
        ]
    if not found:
        raise TrainingError(f"{place}: there is no scan to train on")
    return tuple(found)


def _rows_of(manifest: Path, licence: str) -> Iterator[tuple[ScanSource, dict[str, str]]]:
    with manifest.open(newline="", encoding="utf-8") as table:
        rows = csv.DictReader(table)
        if "path" not in (rows.fieldnames or ()):
            raise TrainingError(f"{manifest}: not a manifest: it has no column 'path'")
        for row in rows:
            known = {name: value for name, value in row.items() if name and value}
            yield (
                ScanSource(
                    path=manifest.parent / row["path"],
                    name=row["path"],
                    split=known.get("split", "train"),
                    source=known.get("source", "unknown"),
                    licence=known.get("licence", licence),
                    sha256=known.get("sha256", ""),
                    manifest=known,
                ),
                known,
            )


def _sources_of_folder(folder: Path, licence: str, validation_share: float) -> list[ScanSource]:
    found: dict[Path, ScanSource] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or not volume_suffix(path):
            continue
        if volume_suffix(path).lower().startswith((".hdr", ".img")):
            with suppress(VolumeError):
                path = pair_paths(path)[0]
        name = path.relative_to(folder).as_posix()
        draw = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
        split = "val" if draw < validation_share else "train"
        found[path] = ScanSource(path, name, split, folder.name, licence)
    return list(found.values())
