"""Training packs: many scans in one HDF5 file, quantised, compressed, with their provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError

PACK_FORMAT = "vqcodec training pack"
PACK_VERSION = 1
CHUNK_SIDE = 64
UINT8_CEILING = 1.25

FloatVolume = NDArray[np.float32]
Triple = tuple[int, int, int]
PackType = Literal["uint8", "uint16"]


@dataclass(frozen=True)
class PackedScan:
    """What is known of one scan of a pack.

    Attributes
    ----------
    key : str
        Its group in the file.
    name : str
        Path of the source, relative to the folder that was prepared.
    split, source, licence : str
    sha256 : str
        Of the source file; empty for a synthetic volume.
    voxel_mm : tuple of float
        Voxel size in mm.
    shape : tuple of int
        ``(D, H, W)``, RAS axes, cropped to the anatomy.
    step, zero : float, int
        A voxel is ``(stored - zero) * step``, in units of the robust range.
    masked : bool
        Whether everything outside the box is exact zero (skull-stripped).
    manifest : mapping of str to str
        The row of the manifest, for filters.
    registration : mapping
        How it was registered, moved and stripped; empty if it was not. See
        :func:`vqcodec.trainer.stripping.in_mni_space`.
    """

    key: str
    name: str
    split: str
    source: str
    licence: str
    sha256: str
    voxel_mm: tuple[float, float, float]
    shape: Triple
    step: float
    zero: int
    masked: bool
    manifest: Mapping[str, str]
    registration: Mapping[str, Any] = field(default_factory=dict)


def quantise(x_DHW: FloatVolume, dtype: PackType) -> tuple[NDArray[Any], float, int]:
    """Voxels in units of the robust range to integers; zero stays exactly zero.

    Parameters
    ----------
    x_DHW : ndarray
        Finite.
    dtype : {"uint8", "uint16"}
        With ``"uint8"``, values above 1.25 are clipped, or rare bright voxels would leave
        the tissue few levels.

    Returns
    -------
    tuple
        Stored values, step, and the stored value that stands for zero.
    """
    levels = int(np.iinfo(dtype).max)
    low, high = min(0.0, float(x_DHW.min())), max(0.0, float(x_DHW.max()))
    if dtype == "uint8":
        low, high = max(low, -UINT8_CEILING), min(high, UINT8_CEILING)
    step = (high - low) / (levels - 1) if high > low else 1.0
    zero = int(np.ceil(-low / step))
    stored = np.clip(np.rint(x_DHW.astype(np.float64) / step) + zero, 0, levels)
    return stored.astype(dtype), step, zero


def add_scan(
    file: h5py.File, x_DHW: FloatVolume, dtype: PackType, facts: Mapping[str, Any]
) -> PackedScan:
    """Write a scan as the next one of an open pack.

    Parameters
    ----------
    facts : mapping
        The attributes of `PackedScan` that the voxels do not tell.
    """
    key = f"scans/{len(file.require_group('scans')):06d}"
    stored, step, zero = quantise(x_DHW, dtype)
    d, h, w = x_DHW.shape
    scan = PackedScan(key=key, shape=(d, h, w), step=step, zero=zero, **facts)
    file.create_dataset(
        key,
        data=stored,
        chunks=tuple(min(CHUNK_SIDE, side) for side in stored.shape),
        compression="gzip",
        compression_opts=4,
        shuffle=True,
        track_times=False,
    )
    record = {name: value for name, value in vars(scan).items() if name not in ("key", "shape")}
    record["manifest"] = dict(scan.manifest)
    if not record["registration"]:
        del record["registration"]
    file[key].attrs["scan"] = json.dumps(record, sort_keys=True)
    return scan


class Pack:
    """A training pack open for reading; safe to hand to other processes.

    Attributes
    ----------
    path : Path
    scans : tuple of PackedScan
    provenance : dict
        How it was made: software, options, scans that were skipped.
    """

    def __init__(self, path: Path) -> None:
        """Read what the pack holds, not its voxels.

        Raises
        ------
        FormatError
            The file is no training pack, or of a later version.
        OSError
            It is missing or cannot be read.
        """
        self.path = path
        path.stat()
        try:
            with h5py.File(path, "r", locking=False) as file:
                if file.attrs.get("format") != PACK_FORMAT:
                    raise FormatError(f"{path}: not a training pack")
                if int(file.attrs["version"]) > PACK_VERSION:
                    raise FormatError(f"{path}: a training pack of a later version")
                self.provenance: dict[str, Any] = json.loads(file.attrs["provenance"])
                self.scans = tuple(_scan(f"scans/{key}", file["scans"]) for key in file["scans"])
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise FormatError(f"{path}: not a training pack, or damaged ({error})") from error

    def select(
        self, splits: Sequence[str], groups: Mapping[str, str] | None = None
    ) -> tuple[PackedScan, ...]:
        """Scans of some splits whose manifest has the given values in the given columns."""
        wanted = dict(groups or {})
        return tuple(
            scan
            for scan in self.scans
            if scan.split in splits
            and all(scan.manifest.get(name) == value for name, value in wanted.items())
        )

    def read(self, scan: PackedScan, origin: Sequence[int], extent: Sequence[int]) -> FloatVolume:
        """Voxels of a box, which may reach beyond the scan.

        Parameters
        ----------
        scan : PackedScan
        origin, extent : sequence of int
            First voxel, possibly negative, and shape of the box.

        Returns
        -------
        ndarray of float32
            In units of the robust range. Outside the scan there is zero if it is masked, and
            the nearest voxel otherwise.

        Raises
        ------
        FormatError
            The voxels cannot be read.
        """
        inside, margins = [], []
        for first, side, size in zip(origin, extent, scan.shape, strict=True):
            low = min(max(first, 0), size - 1)
            high = min(max(first + side, low + 1), size)
            inside.append(slice(low, high))
            margins.append((max(0, low - first), max(0, first + side - high)))
        try:
            with h5py.File(self.path, "r", locking=False) as file:
                stored = file[scan.key][tuple(inside)]
        except (OSError, KeyError) as error:
            raise FormatError(f"{self.path}: cannot read {scan.name}: {error}") from error
        x_DHW: FloatVolume = (stored.astype(np.float32) - np.float32(scan.zero)) * np.float32(
            scan.step
        )
        if any(before or after for before, after in margins):
            x_DHW = np.pad(x_DHW, margins, mode="constant" if scan.masked else "edge")
        return x_DHW[tuple(slice(0, side) for side in extent)]


def _scan(key: str, scans: h5py.Group) -> PackedScan:
    dataset = scans[key.rpartition("/")[2]]
    record = json.loads(dataset.attrs["scan"])
    d, h, w = (int(side) for side in dataset.shape)
    x, y, z = (float(side) for side in record.pop("voxel_mm"))
    return PackedScan(key=key, shape=(d, h, w), voxel_mm=(x, y, z), **record)
