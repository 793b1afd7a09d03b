"""``python -m benchmarks archives``: how long an archive of very many small scans takes to use."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

import vqcodec
from vqcodec import VQZ, Archive

from .machine import described, machine
from .scan_choice import json_option, write_document

SIDE = 24
REPEATS = 5


@click.command("archives")
@click.option("--members", type=click.IntRange(1), default=10_000, show_default=True)
@json_option
def archives_command(members: int, output: Path | None) -> None:
    """Measure an archive of MEMBERS small scans: making, opening, listing, reading, appending."""
    record = machine()
    click.echo(described(record))
    with tempfile.TemporaryDirectory(prefix="vqcodec-archives-") as folder:
        rows = measured(Path(folder) / "study.h5", members)
    for name, value in rows.items():
        click.echo(f"{name:<36} {value:.6g}")
    write_document(output, {"machine": record, "members": members, "results": rows})


def measured(path: Path, members: int) -> dict[str, float]:
    """Seconds that each use of an archive takes; the best of several where it can be repeated."""
    ramp = np.indices((SIDE,) * 3, dtype=np.float32).sum(0)
    vqz = vqcodec.encode(ramp, effort=1, device="cpu")
    names = [f"sub-{number:05d}/anat/sub-{number:05d}_T1w.vqz" for number in range(members)]
    rows: dict[str, float] = {"bytes of a scan": vqz.nbytes}
    started = time.perf_counter()
    with Archive.create(path) as builder:
        for name in names:
            builder.add(name, vqz)
    rows["create, s"] = time.perf_counter() - started
    rows["bytes of the archive"] = path.stat().st_size
    rows["open, s"] = best(lambda: Archive.open(path).close())
    archive = Archive.open(path)
    rows["list names, s"] = best(lambda: list(archive))
    rows["table of figures, s"] = best(archive.figures)
    middle = names[len(names) // 2]
    rows["bytes of one scan, s"] = best(lambda: archive.read(middle))
    rows["one scan, checked, s"] = best(lambda: archive[middle])
    rows["open and read one scan, s"] = best(lambda: Archive.open(path)[middle])
    rows["append one and commit, s"] = appended(path, vqz)
    rows["bytes after appending"] = path.stat().st_size
    return rows


def best(use: Callable[[], Any]) -> float:
    """Seconds of the quickest of several calls."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        use()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def appended(path: Path, vqz: VQZ) -> float:
    """Seconds of adding one scan and committing it, opening and locking aside."""
    with Archive.append(path) as builder:
        numbers = iter(range(REPEATS))

        def add() -> None:
            builder.add(f"new/{next(numbers)}.vqz", vqz)
            builder.commit()

        return best(add)
