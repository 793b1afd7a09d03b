"""A folder or manifest of scans to one training pack, whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import h5py
import numpy as np

from .. import __version__
from ..background import foreground, solid_background
from ..conform import bounding_box, crop
from ..errors import VolumeError, VqzError
from ..formats.volumes import (
    pair_paths,
    read_volume,
    volume_suffix,
)
from .failures import TrainingError
from .frames import FRAMES, FrameName, conform, scaled_volume, voxel_size_mm
from .pack import PACK_FORMAT, PACK_VERSION, PackType, add_scan


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


@dataclass(frozen=True)
class PreparationOptions:
    """How scans are packed.

    Attributes
    ----------
    dtype : {"uint8", "uint16"}
    conform : bool
        Resample to 1 mm and centre in 192x256x192 (RAS), as the paper's networks expect.
    synthetic : int
        Number of synthetic volumes to add; see :mod:`vqcodec.trainer.synthetic`.
    seed : int
        Of the synthetic volumes.
    """

    dtype: PackType = "uint16"
    frame: FrameName = "own"
    synthetic: int = 0
    seed: int = 0


@dataclass(frozen=True)
class PackSummary:
    """What became of the scans: how many are packed, and which were skipped and why."""

    packed: int
    skipped: tuple[tuple[str, str], ...]
    nbytes: int


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


def pack_scan(file: h5py.File, source: ScanSource, options: PreparationOptions) -> None:
    """Read one scan and append it to an open pack.

    Raises
    ------
    VqzError, OSError
        The scan cannot be used; nothing was written.
    """
    digest = hashlib.sha256(source.path.read_bytes()).hexdigest()
    if source.sha256 not in ("", digest):
        raise VolumeError("is not the file that the manifest describes: its sha256 differs")
    volume = read_volume(source.path)
    x_DHW, voxel_mm = scaled_volume(volume), voxel_size_mm(volume)
    masked = solid_background(x_DHW) is not None
    if options.frame == "own":
        x_DHW = crop(x_DHW, *bounding_box(foreground(x_DHW)))
    else:
        frame = FRAMES[options.frame]
        x_DHW, voxel_mm = conform(x_DHW, voxel_mm, frame), (frame.voxel_mm,) * 3
    add_scan(
        file,
        np.ascontiguousarray(x_DHW),
        options.dtype,
        {
            "name": source.name,
            "split": source.split,
            "source": source.source,
            "licence": source.licence,
            "sha256": digest,
            "voxel_mm": voxel_mm,
            "masked": masked,
            "manifest": dict(source.manifest),
        },
    )


def prepare_pack(
    sources: Sequence[ScanSource],
    target: Path,
    options: PreparationOptions | None = None,
    overwrite: bool = False,
    skipped: Callable[[str, str], None] = lambda name, reason: None,
    watch: Callable[[Sequence[ScanSource]], Iterator[ScanSource]] = iter,
) -> PackSummary:
    """Write a training pack.

    Parameters
    ----------
    sources : sequence of ScanSource
        From :func:`sources_of`; may be empty if synthetic volumes are asked for.
    target : Path
        The pack. It appears only when it is complete.
    overwrite : bool
        Replace an existing file.
    skipped : callable
        Told the name of a scan that cannot be used, and why; the others go on.
    watch : callable
        Passes the sources on, to show progress.

    Raises
    ------
    TrainingError
        No scan could be used.
    FileExistsError
        The pack exists.
    OSError
        It cannot be written; ``target`` is as it was.
    """
    options = options or PreparationOptions()
    reasons: list[tuple[str, str]] = []
    with _new_file(target, overwrite) as file:
        for source in watch(sources):
            try:
                pack_scan(file, source, options)
            except (VqzError, FileNotFoundError, PermissionError) as error:
                reason = str(error) if isinstance(error, VqzError) else str(error.strerror)
                reasons.append((source.name, reason))
                skipped(source.name, reason)
        if options.synthetic:
            from .synthetic import pack_synthetic

            pack_synthetic(file, options.synthetic, options.seed, options.dtype)
        packed = len(file.require_group("scans"))
        if not packed:
            raise TrainingError(f"none of the {len(sources)} scans could be used")
        file.attrs["format"] = PACK_FORMAT
        file.attrs["version"] = PACK_VERSION
        file.attrs["provenance"] = json.dumps(
            {"software": f"vqcodec {__version__}", "options": asdict(options), "skipped": reasons},
            sort_keys=True,
        )
    return PackSummary(packed, tuple(reasons), target.stat().st_size)


@contextmanager
def _new_file(target: Path, overwrite: bool) -> Iterator[h5py.File]:
    """An HDF5 file that takes its name only when the block has ended well."""
    if target.exists() and not overwrite:
        raise FileExistsError(17, "File exists", str(target))
    temporary = target.with_name(f".vqz-{os.urandom(8).hex()}.tmp")
    try:
        with h5py.File(temporary, "w") as file:
            yield file
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if target.exists() and not overwrite:
            raise FileExistsError(17, "File exists", str(target))
        os.replace(temporary, target)
    except OSError as error:
        error.filename, error.filename2 = str(target), None
        raise
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
