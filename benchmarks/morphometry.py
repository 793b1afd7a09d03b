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
from numpy.typing import NDArray

from vqcodec import metrics

from .coded_files import Coded
from .curves import cache_folder, write_atomically
from .scans import Entry, Scan, data_folder
from .segmentation import TISSUES, Labels, SegmentationError, Segmenter, segmented

RECORD_DEFINITION = "tissue dice, volume change, manual dice, foreground psnr: 1"

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
    affines: tuple[NDArray[np.float64], NDArray[np.float64]],
    segmenter: Segmenter,
    cache: Path | None = None,
    register: Callable[..., Any] | None = None,
) -> Floor:
    """Tissues of two scans of one person.

    Parameters
    ----------
    affines : tuple of ndarray
        Voxels to millimetres of either scan.
    register : callable, optional
        ``(second, first, affines)`` to the second scan on the grid of the first; the rigid
        registration of DIPY by default.

    Raises
    ------
    SegmentationError
        One of them cannot be segmented.
    """
    before = segmented(segmenter, first, first.values, cache)
    other = segmented(segmenter, second, second.values, cache)
    moved = (register or rigidly_moved)(second.values, first.values, affines)
    inside = first.foreground & (moved > 0)
    common = Scan(first.name, first.group, first.whole_head, first.values, inside)
    after = segmented(segmenter, common, moved, cache)
    return Floor(
        first.name,
        second.name,
        overlaps(np.where(inside, before, 0).astype(np.uint8), after),
        volume_changes(before, other),
    )


def rigidly_moved(
    moving: NDArray[np.float32],
    fixed: NDArray[np.float32],
    affines: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float32]:
    """One volume on the grid of another, by DIPY's rigid registration and linear interpolation."""
    align = importlib.import_module("dipy.align")
    moved, _ = align.affine_registration(
        moving,
        fixed,
        moving_affine=affines[1],
        static_affine=affines[0],
        pipeline=["center_of_mass", "translation", "rigid"],
        level_iters=[100, 50, 20],
        sigmas=[3.0, 1.0, 0.0],
        factors=[4, 2, 1],
    )
    return np.clip(np.asarray(moved, np.float32), 0.0, 1.0)


def affine_of(entry: Entry) -> NDArray[np.float64]:
    """Voxels to millimetres of a scan of the data folder."""
    image = cast(nib.spatialimages.SpatialImage, nib.load(data_folder() / entry.path))
    return np.asarray(image.affine, dtype=np.float64)


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
