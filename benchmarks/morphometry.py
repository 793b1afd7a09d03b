"""What a codec does to anatomy: tissue classes of decoded scans beside those of the originals.

The same segmenter sees the original and every decoded volume, inside the same brain mask. What
counts is the Dice overlap between the two, the change of each tissue's volume, and, where there
are manual labels, how much of the segmenter's agreement with them is lost. Two scans of one
person, the second registered rigidly to the first, say how much is nothing: the rescan floor.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np

from vqcodec import metrics

from .coded_files import Coded
from .curves import cache_folder, write_atomically
from .scans import Entry, Scan, data_folder
from .segmentation import TISSUES, Labels, SegmentationError, Segmenter, segmented

RECORD_DEFINITION = "tissue dice, volume change, manual dice, foreground psnr: 1"
FLOOR_DEFINITION = "rigid by ANTs, labels by nearest neighbour: 1"

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Morphometry:
    """One codec on one scan at one rate.

    Attributes
    ----------
    scan, codec : str
    asked : float
        Percent of float32 that vqcodec was asked for.
    nbytes : int or None
        What the codec is charged for.
    percent : float or None
        Of the scan's own grid as float32.
    psnr : float or None
        Over the foreground, in dB.
    dice : tuple of float or None
        Overlap of CSF, grey and white matter with those of the original.
    volume : tuple of float or None
        Change of their volumes in percent of the original's.
    manual, manual_original : tuple of float or None
        Dice with the manual labels: of this volume, and of the original.
    note : str
        Why there are no figures.
    """

    scan: str
    codec: str
    asked: float
    nbytes: int | None = None
    percent: float | None = None
    psnr: float | None = None
    dice: Triple | None = None
    volume: Triple | None = None
    manual: Triple | None = None
    manual_original: Triple | None = None
    note: str = ""


@dataclass(frozen=True)
class Floor:
    """Two scans of one person: what a rescan alone changes.

    Attributes
    ----------
    first, second : str
    dice : tuple of float
        Tissues of the second scan, brought to the first rigidly, with those of the first.
    volume : tuple of float
        Difference of the tissues' volumes in percent, each scan segmented on its own grid.
    """

    first: str
    second: str
    dice: Triple
    volume: Triple


def manual_labels(entry: Entry, scan: Scan) -> Labels | None:
    """Manual tissue labels of a scan, on its grid; None where the data folder has none."""
    path = data_folder() / entry.path.replace("_T1w.nii", "_tissues.nii")
    if path.name == Path(entry.path).name or not path.is_file():
        return None
    image = cast(nib.spatialimages.SpatialImage, nib.load(path))
    labels = np.asarray(image.dataobj).astype(np.uint8)
    return labels if labels.shape == scan.values.shape else None


def measured(
    scan: Scan,
    manual: Labels | None,
    asked: float,
    coded: Coded,
    segmenter: Segmenter,
    cache: Path | None = None,
) -> Morphometry:
    """Figures of one coded scan, from the cache where they are there.

    What cannot be segmented has a note instead of figures.
    """
    path = _record_path(scan, manual, asked, coded, segmenter, cache)
    if path.is_file():
        return restored(json.loads(path.read_text(encoding="utf-8")))
    percent = scan.percent(coded.nbytes)
    try:
        before = segmented(segmenter, scan, scan.values, cache)
        decoded = coded.decode()
        after = segmented(segmenter, scan, decoded, cache)
    except (SegmentationError, RuntimeError) as error:  # peers and their libraries: the latter
        return Morphometry(scan.name, coded.codec, asked, coded.nbytes, percent, note=str(error))
    found = Morphometry(
        scan=scan.name,
        codec=coded.codec,
        asked=asked,
        nbytes=coded.nbytes,
        percent=percent,
        psnr=metrics.psnr(scan.values, decoded, 1.0, scan.foreground),
        dice=overlaps(before, after),
        volume=volume_changes(before, after),
        manual=None if manual is None else overlaps(manual, after),
        manual_original=None if manual is None else overlaps(manual, before),
    )
    write_atomically(path, json.dumps(asdict(found)).encode())
    return found


def overlaps(first: Labels, second: Labels) -> Triple:
    """Dice of CSF, grey and white matter."""
    csf, grey, white = (metrics.dice(first, second, label) for label in _labels())
    return csf, grey, white


def volume_changes(before: Labels, after: Labels) -> Triple:
    """Change of the three volumes, percent of those before."""
    counts = [np.bincount(labels.ravel(), minlength=len(TISSUES) + 1) for labels in (before, after)]
    csf, grey, white = (
        100.0 * (float(counts[1][label]) / float(counts[0][label]) - 1.0) for label in _labels()
    )
    return csf, grey, white


def rescan_floor(
    first: Scan,
    second: Scan,
    segmenter: Segmenter,
    cache: Path | None = None,
    register: Callable[[Scan, Scan, Labels], Labels] | None = None,
) -> Floor:
    """Tissues of two scans of one person, from the cache where they are there.

    Parameters
    ----------
    register : callable, optional
        ``(first, second, labels)``: labels of the second scan on the grid of the first; by
        default the rigid registration of ANTs.

    Raises
    ------
    SegmentationError
        One of them cannot be segmented.
    ImportError
        ANTs is not installed.
    """
    parts = [first.values_digest, second.values_digest, segmenter.name, segmenter.software()]
    digest = hashlib.sha256(json.dumps([FLOOR_DEFINITION, *parts]).encode()).hexdigest()[:20]
    path = (cache or cache_folder()) / first.name / "morphometry" / f"rescan_{digest}.json"
    if path.is_file():
        record = json.loads(path.read_text(encoding="utf-8"))
        dice, volume = (tuple(record[name]) for name in ("dice", "volume"))
        return Floor(record["first"], record["second"], dice, volume)
    one = segmented(segmenter, first, first.values, cache)
    other = segmented(segmenter, second, second.values, cache)
    moved = (register or rigidly_moved)(first, second, other)
    floor = Floor(first.name, second.name, overlaps(one, moved), volume_changes(one, other))
    write_atomically(path, json.dumps(asdict(floor)).encode())
    return floor


def rigidly_moved(first: Scan, second: Scan, labels: Labels) -> Labels:
    """Labels of the second scan on the grid of the first: rigid, nearest neighbour."""
    ants = importlib.import_module("ants")
    fixed, moving = ants.from_numpy(first.values), ants.from_numpy(second.values)
    found = ants.registration(fixed, moving, "Rigid")
    moved = ants.apply_transforms(
        fixed,
        ants.from_numpy(labels.astype(np.float32)),
        found["fwdtransforms"],
        interpolator="nearestNeighbor",
    )
    return np.asarray(moved.numpy()).astype(np.uint8)


def restored(record: dict[str, Any]) -> Morphometry:
    """A record back from JSON."""
    triples = ("dice", "volume", "manual", "manual_original")
    values = {name: tuple(record[name]) if record[name] else None for name in triples}
    return Morphometry(**(record | values))


def _labels() -> Iterator[int]:
    return iter(range(1, len(TISSUES) + 1))


def _record_path(
    scan: Scan,
    manual: Labels | None,
    asked: float,
    coded: Coded,
    segmenter: Segmenter,
    cache: Path | None,
) -> Path:
    labelled = "" if manual is None else hashlib.sha256(manual.tobytes()).hexdigest()
    parts = [RECORD_DEFINITION, coded.key, asked, segmenter.name, segmenter.software(), labelled]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]
    return (cache or cache_folder()) / scan.name / "morphometry" / f"{digest}.json"
