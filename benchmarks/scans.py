"""Real scans from the data folder, as the float32 arrays every codec is given.

The folder is ``$VQCODEC_DATA``, or ``../shared/data`` beside the checkout; its
``manifest.csv`` names every file. Nothing in it is ever copied into the project.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

ROBUST_PERCENTILE = 99.9
WHOLE_HEAD_THRESHOLD = 0.08
PAPER_GRID = (192, 256, 192)
GRIDS = {"own": None, "paper": PAPER_GRID}


class DataFolderError(Exception):
    """The data folder, or a scan named in a request, is not there."""


@dataclass(frozen=True)
class Entry:
    """One line of the manifest: a T1-weighted scan or anything else in the folder."""

    path: str
    split: str
    subject: str
    source: str
    modality: str
    note: str
    sha256: str = ""

    @property
    def group(self) -> str:
        """Short name of the data set, ``oasis`` for example."""
        return self.subject.partition("_")[0]

    @property
    def whole_head(self) -> bool:
        """Whether the background is noise and air rather than exact zero."""
        return "whole head" in self.note


@dataclass(frozen=True)
class Scan:
    """A scan as every codec in a comparison is given it.

    Attributes
    ----------
    name : str
        Subject of the manifest.
    group : str
        Data set the scan belongs to.
    whole_head : bool
        Not skull-stripped.
    values : ndarray
        float32 in [0, 1], shape ``(X, Y, Z)`` in the axis order of the file.
    foreground : ndarray
        bool, same shape: voxels the in-brain figures are taken over.
    """

    name: str
    group: str
    whole_head: bool
    values: NDArray[np.float32]
    foreground: NDArray[np.bool_] = field(repr=False)

    @property
    def float32_bytes(self) -> int:
        """Size of the scan's own grid in float32, the 100 % of every rate."""
        return 4 * self.values.size

    def percent(self, nbytes: int) -> float:
        """Rate of ``nbytes`` in percent of the float32 size."""
        return 100.0 * nbytes / self.float32_bytes

    @functools.cached_property
    def values_digest(self) -> str:
        """SHA-256 over shape and values."""
        digest = hashlib.sha256(repr(self.values.shape).encode())
        digest.update(np.ascontiguousarray(self.values).data)
        return digest.hexdigest()


def data_folder() -> Path:
    """Folder with the real scans; `DataFolderError` where there is none."""
    named = os.environ.get("VQCODEC_DATA")
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(named) if named else beside
    if not (folder / "manifest.csv").is_file():
        raise DataFolderError(f"{folder} has no manifest.csv; set VQCODEC_DATA")
    return folder


def entries(
    splits: Sequence[str] = ("test",), subjects: Sequence[str] = (), folder: Path | None = None
) -> list[Entry]:
    """T1-weighted scans of the splits, or exactly the named subjects of any split."""
    listed = [entry for entry in read_manifest(folder or data_folder()) if entry.modality == "T1w"]
    if not subjects:
        return [entry for entry in listed if entry.split in splits]
    by_subject = {entry.subject: entry for entry in listed}
    unknown = [subject for subject in subjects if subject not in by_subject]
    if unknown:
        raise DataFolderError(f"no T1w scan named {', '.join(unknown)} in the manifest")
    return [by_subject[subject] for subject in subjects]


def read_manifest(folder: Path) -> Iterator[Entry]:
    """Every line of ``manifest.csv``."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield Entry(
                path=row["path"],
                split=row["split"],
                subject=row["subject"],
                source=row["source"],
                modality=row["modality"],
                note=row["note"],
                sha256=row.get("sha256", ""),
            )


def load(
    entry: Entry, grid: tuple[int, int, int] | None = None, folder: Path | None = None
) -> Scan:
    """Read a scan and scale it robustly to [0, 1].

    Parameters
    ----------
    entry : Entry
        Line of the manifest.
    grid : tuple of 3 ints, optional
        Zero-pad, or crop background, to this shape around the centre, in the order
        left-right, front-back, foot-head; the scan's own grid by default.
    folder : Path, optional
        Data folder.
    """
    image = cast(SpatialImage, nib.load((folder or data_folder()) / entry.path))
    scaled = robustly_scaled(np.asarray(image.dataobj, dtype=np.float32))
    if grid is not None:
        scaled = regridded(scaled, grid)
    foreground = scaled > (WHOLE_HEAD_THRESHOLD if entry.whole_head else 0.0)
    return Scan(entry.subject, entry.group, entry.whole_head, scaled, foreground)


def robustly_scaled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide by the 99.9th percentile of the positive voxels and clip to [0, 1].

    Zero stays zero, so a stripped background stays exact. MR magnitudes are not negative;
    values below zero, the ringing of a resampled scan, become zero.
    """
    positive = values[values > 0]
    if positive.size == 0:
        raise DataFolderError("the scan has no positive voxel")
    top = np.float32(np.percentile(positive, ROBUST_PERCENTILE))
    return np.ascontiguousarray(np.clip(values / top, 0.0, 1.0), dtype=np.float32)


def regridded(values: NDArray[np.float32], grid: tuple[int, int, int]) -> NDArray[np.float32]:
    """Zero-pad or crop to ``grid`` around the centre of the non-zero voxels.

    Raises
    ------
    DataFolderError
        When a non-zero voxel would be lost.
    """
    moved = np.zeros(grid, np.float32)
    occupied = np.nonzero(values)
    source, target = [], []
    for axis, side in enumerate(grid):
        low, high = int(occupied[axis].min()), int(occupied[axis].max()) + 1
        if high - low > side:
            raise DataFolderError(f"{high - low} voxels do not fit {side} along axis {axis}")
        start = (side - (high - low)) // 2
        source.append(slice(low, high))
        target.append(slice(start, start + high - low))
    moved[tuple(target)] = values[tuple(source)]
    return moved
