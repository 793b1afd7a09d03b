"""What ``vqz compress`` does with each volume."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..folders.names import stored_in
from .batch import Record
from .exits import Code, Failed, writing
from .interrupts import deferred_signals
from .names import STREAM, check_target, is_vqz, read_stdin, write_stdout
from .sizes import size_figures

if TYPE_CHECKING:
    from ..formats.volumes import Volume

NOT_SETTINGS = ("source", "target", "suffix", "device", "force", "overwrite", "make_folders")


@dataclass(frozen=True)
class CompressJob:
    """One volume to compress, and how; ``aims`` are what `encode` takes at most one of."""

    source: Path
    target: Path
    suffix: str | None
    aims: Mapping[str, Any]
    effort: int
    model: str | None
    drop_air: bool
    strip: bool
    max_error: str | None
    lossless: bool
    device: str
    force: bool
    overwrite: bool
    make_folders: bool


def settings_of(job: CompressJob) -> dict[str, Any]:
    """What the bytes of a result depend on, apart from the volume and the device.

    What is not asked for is left out, so that options there will be some day change nothing.
    """
    from ..registry import locate_weights
    from ..registry.weights import name_and_identity

    model, sha256 = name_and_identity(locate_weights(job.model))
    chosen = {field.name: getattr(job, field.name) for field in fields(job)} | dict(job.aims)
    kept = {
        name: value
        for name, value in chosen.items()
        if name not in (*NOT_SETTINGS, "aims") and value is not None and value is not False
    }
    return {**kept, "model": model, "model_sha256": sha256}


def plan_one(job: CompressJob) -> Record:
    """Check what can be checked without reading the volume."""
    if is_vqz(job.source):
        raise Failed(Code.BAD_DATA, "is compressed already")
    if job.source != STREAM:
        job.source.stat()
    check_target(job.target, job.overwrite, job.make_folders)
    return {"source": str(job.source), "output": str(job.target), "dry_run": True}


def compress_one(job: CompressJob, check: Callable[[], None] | None = None) -> Record:
    """Compress one volume; ``check`` is called before anything is written."""
    plan_one(job)
    with deferred_signals():
        from .. import encode

    started = time.perf_counter()
    source, dropped = source_of(job)
    vqz = encode(
        source,
        model=job.model,
        drop_air=job.drop_air,
        max_error=job.max_error,
        lossless=job.lossless,
        **job.aims,
        effort=job.effort,
        device=job.device,
        force=job.force,
    )
    if check is not None:
        check()
    if job.target == STREAM:
        write_stdout(vqz.to_bytes())
    else:
        with writing(job.target, job.make_folders):
            vqz.save(job.target, overwrite=job.overwrite)
    volume = vqz.header["volume"]
    record = {
        "source": str(job.source),
        "output": str(job.target),
        **size_figures(vqz.nbytes, volume["shape"], volume["dtype"]),
        "figures": vqz.figures,
        "model": vqz.header["model"],
        "seconds": time.perf_counter() - started,
    }
    if job.strip:
        record["dropped"] = dropped
    if "voxels" in vqz.header:
        record["voxels"] = vqz.header["voxels"]
    if job.source != STREAM:
        record["source_suffix"] = volume["suffix"]
        record["source_bytes"] = sum(file.stat().st_size for file in stored_in(job.source))
        record["percent_of_source"] = 100 * vqz.nbytes / record["source_bytes"]
    return record


def source_of(job: CompressJob) -> tuple[Volume, tuple[str, ...]]:
    """Read the volume of a job, and say what of its header was dropped."""
    from ..formats.volumes import read_volume, read_volume_bytes, without_free_text

    if job.source == STREAM:
        volume = read_volume_bytes(read_stdin(), job.suffix or "")
    else:
        volume = read_volume(job.source)
    return without_free_text(volume) if job.strip else (volume, ())
