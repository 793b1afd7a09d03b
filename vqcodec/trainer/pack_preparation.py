"""A folder or manifest of scans to one training pack, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from .. import __version__
from ..background import foreground, solid_background
from ..boxes import bounding_box, crop
from ..errors import VolumeError, VqzError
from ..formats.volumes import read_volume
from .ants_registration import ants_registrar
from .failures import TrainingError
from .frames import FRAMES, FrameName, conform, scaled_volume, voxel_size_mm
from .mni import Registrar, mni_template, place
from .pack import PACK_FORMAT, PACK_VERSION, PackType, add_scan
from .scan_sources import ScanSource
from .stripping import MniSteps, in_mni_space


@dataclass(frozen=True)
class PreparationOptions:
    """How scans are packed.

    Attributes
    ----------
    dtype : {"uint8", "uint16"}
    frame : {"own", "paper", "low"}
        Voxels of the scan's own, or resampled to 192x256x192 (RAS) at 1 mm, as the paper's
        networks expect, or to 64^3 at 3 mm.
    synthetic : int
        Number of synthetic volumes to add; see :mod:`vqcodec.trainer.synthetic`.
    seed : int
        Of the synthetic volumes.
    register : {"mni"} or None
        Bring every scan to MNI space; the frame ``"own"`` is then that of the template.
    strip : bool
        Keep only the brain. Registers too, if only to know where the brain is.
    blur_mm : float
        Of the brain mask; see :func:`vqcodec.trainer.stripping.soft_mask`.
    """

    dtype: PackType = "uint16"
    frame: FrameName = "own"
    synthetic: int = 0
    seed: int = 0
    register: Literal["mni"] | None = None
    strip: bool = False
    blur_mm: float = MniSteps.blur_mm


@dataclass(frozen=True)
class PackSummary:
    """What became of the scans: how many are packed, and which were skipped and why."""

    packed: int
    skipped: tuple[tuple[str, str], ...]
    nbytes: int


def pack_scan(
    file: h5py.File,
    source: ScanSource,
    options: PreparationOptions,
    registrar: Registrar | None = None,
) -> None:
    """Read one scan and append it to an open pack.

    Parameters
    ----------
    registrar : Registrar, optional
        Needed if scans are to be registered or stripped.

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
    registration: dict[str, Any] = {}
    if registrar is not None:
        steps = MniSteps(options.register is not None, options.strip, options.blur_mm)
        scan, registration = in_mni_space(
            place(x_DHW, volume), mni_template(), registrar, steps, options.frame
        )
        x_DHW, voxel_mm = scan.x_DHW, scan.voxel_mm
    masked = solid_background(x_DHW) is not None
    if options.register is None and options.frame == "own":
        x_DHW = crop(x_DHW, *bounding_box(foreground(x_DHW)))
    elif options.register is None:
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
            "registration": registration,
        },
    )


def prepare_pack(
    sources: Sequence[ScanSource],
    target: Path,
    options: PreparationOptions | None = None,
    overwrite: bool = False,
    skipped: Callable[[str, str], None] = lambda name, reason: None,
    watch: Callable[[Sequence[ScanSource]], Iterator[ScanSource]] = iter,
    registrar: Registrar | None = None,
) -> PackSummary:
    """Write a training pack.

    Parameters
    ----------
    sources : sequence of ScanSource
        From :func:`~vqcodec.trainer.scan_sources.sources_of`; may be empty if synthetic
        volumes are asked for.
    target : Path
        The pack. It appears only when it is complete.
    overwrite : bool
        Replace an existing file.
    skipped : callable
        Told the name of a scan that cannot be used, and why; the others go on.
    watch : callable
        Passes the sources on, to show progress.
    registrar : Registrar, optional
        Who registers, where the options ask for it; by default ANTs.

    Raises
    ------
    TrainingError
        No scan could be used, or antspyx or nilearn is missing.
    FileExistsError
        The pack exists.
    OSError
        It cannot be written; ``target`` is as it was.
    """
    options = options or PreparationOptions()
    if options.register is None and not options.strip:
        registrar = None
    elif sources:
        mni_template()
        registrar = registrar or ants_registrar()
    reasons: list[tuple[str, str]] = []
    with _new_file(target, overwrite) as file:
        for source in watch(sources):
            try:
                pack_scan(file, source, options, registrar)
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
