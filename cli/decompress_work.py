"""What ``vqz decompress`` does with each file, and prints about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .batch import Record
from .exits import Code, Failed, writing
from .interrupts import deferred_signals
from .names import STREAM, check_target, write_stdout

if TYPE_CHECKING:
    from ..header import VolumeDescription


@dataclass(frozen=True)
class DecompressJob:
    """One VQZ file to decompress, and where to.

    ``data`` is what was on stdin; ``volume`` is None where the file has not been looked at yet.
    """

    source: Path
    target: Path
    data: bytes | None
    volume: VolumeDescription | None
    region: tuple[slice, ...] | None
    device: str
    overwrite: bool
    make_folders: bool


def volume_of(path: Path, data: bytes | None) -> VolumeDescription:
    """Read what a file, or what came in on stdin, says about its volume."""
    from ..formats.container import read_prefix
    from ..header_parsing import parse_header

    if data is not None:
        prefix = read_prefix(data)
    else:
        with open(path, "rb") as stream:
            prefix = read_prefix(stream)
    return parse_header(prefix.header, prefix.file_size).volume


def plan_one(job: DecompressJob) -> Record:
    """Check what can be checked without decoding."""
    import numpy as np

    from ..formats.known import fits, format_of, volume_suffix

    volume = job.volume or volume_of(job.source, job.data)
    suffix = volume_suffix(job.target) if job.target != STREAM else volume.suffix
    if not fits(format_of(volume.format), suffix):
        raise Failed(
            Code.USAGE,
            f"holds a volume to be written as {volume.suffix}; "
            f"{job.target} would be another format",
        )
    if job.region is not None:
        from ..spans import spans_of

        try:
            spans_of(job.region, volume.shape)
        except ValueError as error:
            raise Failed(Code.USAGE, str(error)) from None
    check_target(job.target, job.overwrite, job.make_folders)
    return {
        "source": str(job.source),
        "output": str(job.target),
        "shape": list(volume.shape),
        "dtype": np.dtype(volume.dtype).name,
        "dry_run": True,
    }


def decompress_one(job: DecompressJob, check: Callable[[], None] | None = None) -> Record:
    """Decompress one file; ``check`` is called before anything is written."""
    record = plan_one(job)
    with deferred_signals():
        from ..codec import decode_volume
    from ..formats.volumes import volume_to_bytes, write_volume
    from ..vqz import VQZ

    started = time.perf_counter()
    vqz = VQZ.open(job.source) if job.data is None else VQZ.from_bytes(job.data)
    if job.region is None:
        volume = decode_volume(vqz, device=job.device)
    else:
        from ..region import decode_region

        volume = decode_region(vqz, job.region, device=job.device)
        record["shape"] = list(volume.array.shape)
    if check is not None:
        check()
    if job.target == STREAM:
        write_stdout(volume_to_bytes(volume))
    else:
        with writing(job.target, job.make_folders):
            write_volume(volume, job.target, overwrite=job.overwrite)
    return {**record, "dry_run": False, "seconds": time.perf_counter() - started}


def describe(record: Record) -> list[str]:
    """Write the one line about a file."""
    shape = "x".join(map(str, record["shape"]))
    line = f"{record['source']} -> {record['output']}: {shape} {record['dtype']}"
    return [line if record["dry_run"] else f"{line}, {record['seconds']:.1f} s"]
