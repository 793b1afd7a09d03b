"""What the codec does to scans unlike those it was trained on: refusals, errors, lesions.

Every file is coded as a user would, at the default setting. One that is refused is coded again
with ``force``, to see what the refusal kept away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vqcodec import metrics

from .coded_files import sources_digest
from .curves import cache_folder, write_atomically
from .scans import DataFolderError, Entry, Scan, robustly_scaled
from .segmentation import Mask, Segmenter, segmented

DEFINITION = "file figures, error percentiles in the foreground, regions: 2"
PERCENTILES = (50.0, 95.0, 99.0, 99.9)
LESION_DEVIATIONS = 3.0
LESION_VOXELS = 20
EDGE_VOXELS = 6
LEAST_CONTRAST = 0.05
WHITE = 3


@dataclass(frozen=True)
class RegionError:
    """Errors in one region of a scan.

    Attributes
    ----------
    voxels : int
    rms, mean : float
        Root mean square and mean of decoded minus original, percent of the robust range.
    contrast : float or None
        Difference to healthy white matter in the decoded volume as a share of that in the
        original; 1 where it is kept, None for white matter itself and where there is little.
    """

    voxels: int
    rms: float
    mean: float
    contrast: float | None = None


@dataclass(frozen=True)
class Outlier:
    """One file.

    Attributes
    ----------
    scan, modality, note : str
        As in the manifest.
    refusal : str
        What the codec said, empty where it took the file.
    nbytes : int or None
    percent : float or None
        Of the grid as float32.
    figures : mapping
        What the file says of itself.
    percentiles : tuple of float
        Of the absolute error in the foreground, percent of the robust range, at `PERCENTILES`.
    regions : mapping of str to RegionError
    failure : str
        Why there are no figures.
    """

    scan: str
    modality: str
    note: str
    refusal: str = ""
    nbytes: int | None = None
    percent: float | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)
    percentiles: tuple[float, ...] = ()
    regions: Mapping[str, RegionError] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class FileCodec:
    """The codec as it is given files.

    Attributes
    ----------
    encode : callable
        ``(path, force)`` to the bytes of a file and its own figures.
    decode : callable
        Those bytes to values.
    identity : mapping of str to str
        Model and its hash.
    """

    encode: Callable[[Path, bool], tuple[bytes, Mapping[str, float | None]]]
    decode: Callable[[bytes], NDArray[np.float32]]
    identity: Mapping[str, str]


def file_codec(identity: Mapping[str, str], device: str = "auto") -> FileCodec:
    """The default model at the default setting."""
    import vqcodec

    def encode(path: Path, force: bool) -> tuple[bytes, Mapping[str, float | None]]:
        vqz = vqcodec.encode(path, device=device, force=force)
        return vqz.to_bytes(), vqz.info()["figures"]

    def decode(data: bytes) -> NDArray[np.float32]:
        image = cast(Any, vqcodec.decode(vqcodec.VQZ.from_bytes(data), device=device))
        return np.asarray(image.dataobj, dtype=np.float32)

    return FileCodec(encode, decode, identity)


def measured(
    entry: Entry,
    path: Path,
    codec: FileCodec,
    regions: Mapping[str, Mask],
    cache: Path | None = None,
) -> Outlier:
    """One file through the codec, from the cache where it was before."""
    from vqcodec.errors import VqzError

    masks = {
        name: hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()
        for name, mask in regions.items()
    }
    parts = [DEFINITION, entry.sha256 or str(path), dict(codec.identity), sources_digest(), masks]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]
    stored = (cache or cache_folder()) / entry.subject / "ood" / f"{digest}.json"
    if stored.is_file():
        return restored(json.loads(stored.read_text(encoding="utf-8")))
    about = (entry.subject, entry.modality, entry.note)
    refusal = ""
    try:
        original = read_values(path)
        try:
            data, figures = codec.encode(path, False)
        except VqzError as error:
            refusal = str(error)
            data, figures = codec.encode(path, True)
        decoded = codec.decode(data)
    except (VqzError, DataFolderError) as error:
        return Outlier(*about, refusal=refusal, failure=str(error))
    found = Outlier(
        *about,
        refusal=refusal,
        nbytes=len(data),
        percent=100.0 * len(data) / (4 * original.size),
        figures=dict(figures),
        percentiles=error_percentiles(original, decoded),
        regions=region_errors(original, decoded, regions),
    )
    write_atomically(stored, json.dumps(asdict(found)).encode())
    return found


def error_percentiles(
    original: NDArray[np.float32], decoded: NDArray[np.float32]
) -> tuple[float, ...]:
    """Absolute error in the foreground at `PERCENTILES`, and the largest; percent of the range."""
    inside = metrics.foreground(original)
    errors = 100.0 * np.abs(decoded - original)[inside] / robust_top(original)
    found = [float(value) for value in np.percentile(errors, PERCENTILES)]
    return (*found, float(errors.max()))


def region_errors(
    original: NDArray[np.float32], decoded: NDArray[np.float32], regions: Mapping[str, Mask]
) -> dict[str, RegionError]:
    """Errors by region; the first of the regions is what contrast is measured against."""
    top = robust_top(original)
    found: dict[str, RegionError] = {}
    reference = next(iter(regions.values()), None)
    for name, mask in regions.items():
        if not mask.any() or reference is None:
            continue
        errors = 100.0 * (decoded[mask].astype(np.float64) - original[mask]) / top
        contrast = None
        if mask is not reference:
            before = float(original[mask].mean() - original[reference].mean())
            after = float(decoded[mask].mean() - decoded[reference].mean())
            contrast = after / before if abs(before) >= LEAST_CONTRAST * top else None
        rms = float(np.sqrt(np.mean(errors**2)))
        found[name] = RegionError(int(mask.sum()), rms, float(errors.mean()), contrast)
    return found


def lesion_regions(
    t1: NDArray[np.float32],
    flair: NDArray[np.float32],
    segmenter: Segmenter,
    cache: Path | None = None,
) -> dict[str, Mask]:
    """Healthy white matter, lesions as FLAIR shows them, and the rest of the brain.

    There is no manual lesion mask in the data folder. Lesions are estimated: clusters of at
    least `LESION_VOXELS` voxels that are brighter than white matter by `LESION_DEVIATIONS`
    robust standard deviations on FLAIR, away from the edge of the brain.

    Raises
    ------
    SegmentationError
        The T1 volume falls into no three tissues.
    """
    scaled = robustly_scaled(t1)
    inside = scaled > 0
    labels = segmented(segmenter, Scan("ms_T1w", "ms", False, scaled, inside), scaled, cache)
    white = labels == WHITE
    middle = float(np.median(flair[white]))
    deviation = 1.4826 * float(np.median(np.abs(flair[white] - middle)))
    deep = ndimage.binary_erosion(inside, iterations=EDGE_VOXELS)
    bright = deep & (flair > middle + LESION_DEVIATIONS * deviation)
    clusters, _ = ndimage.label(bright)
    sizes = np.bincount(clusters.ravel())
    sizes[0] = 0
    lesions: Mask = (sizes >= LESION_VOXELS)[clusters]
    healthy = white & ~ndimage.binary_dilation(lesions, iterations=2)
    return {
        "healthy white matter": healthy,
        "lesions (estimated from FLAIR)": lesions,
        "rest of the brain": inside & ~healthy & ~lesions,
    }


def read_values(path: Path) -> NDArray[np.float32]:
    """The intensities of a file.

    Raises
    ------
    DataFolderError
        It cannot be read.
    """
    try:
        image = cast(nib.spatialimages.SpatialImage, nib.load(path))
        return np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, nib.filebasedimages.ImageFileError) as error:
        raise DataFolderError(f"{path.name} cannot be read: {error}") from error


def robust_top(values: NDArray[np.float32]) -> float:
    """The robust range of the intensities, what every error is in percent of."""
    low, high = np.percentile(values[metrics.foreground(values)], (0.1, 99.9))
    return float(high - low) or 1.0


def restored(record: dict[str, Any]) -> Outlier:
    """A record back from JSON."""
    regions = {name: RegionError(**one) for name, one in record["regions"].items()}
    return Outlier(**(record | {"percentiles": tuple(record["percentiles"]), "regions": regions}))
