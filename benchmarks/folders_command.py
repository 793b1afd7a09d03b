"""``python -m benchmarks folders``: a whole dataset, by workers, and killed on the way."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from vqcodec.cores import bound_cores

from . import folders
from .documents import Document, started, write
from .folder_study import make_study
from .scan_choice import json_option
from .tables import Table


@click.command("folders")
@click.option("--subjects", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--side", type=click.IntRange(16, 233), default=233, show_default=True)
@click.option("--real", type=click.IntRange(min=0), default=0, help="Real scans to add.")
@click.option("--workers", type=click.IntRange(min=1), multiple=True, help="-j of a run; repeat.")
@click.option("--kills", type=click.IntRange(min=0), default=20, show_default=True)
@click.option("--effort", type=click.IntRange(1, 9), default=5, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder to work in, kept.")
@json_option
def folders_command(
    subjects: int,
    side: int,
    real: int,
    workers: tuple[int, ...],
    kills: int,
    effort: int,
    keep: Path | None,
    output: Path | None,
) -> None:
    """Compress a folder of deformed MNI templates: files a minute, memory, kills, a lost worker."""
    record = started()
    with tempfile.TemporaryDirectory() as temporary:
        place = keep or Path(temporary)
        study = make_study(place / "study", subjects, side, real)
        click.echo(f"\n{subjects} subjects of {side} voxels, {real} real scans, effort {effort}")
        results = _measured(study, place, workers or _doubling(), kills, ["--effort", str(effort)])
    settings = {"subjects": subjects, "side": side, "real": real, "effort": effort}
    options = " ".join(f"--{name} {value}" for name, value in settings.items())
    document = Document(
        name="folders",
        title="Whole datasets",
        command=f"python -m benchmarks folders {options}",
        tables=(speed_table(results),),
        settings=settings,
        records=(results,),
    )
    write(output, record, document)


def record_of(speed: folders.Speed) -> dict[str, Any]:
    """JSON values, what follows from the others included."""
    return {**asdict(speed), "per_minute": speed.per_minute, "percent": speed.percent}


def speed_table(results: Mapping[str, Any]) -> Table:
    """Speed by the number of workers; what kills and a lost worker did, as notes."""
    rows = tuple(
        (
            str(each["workers"]),
            f"{each['per_minute']:.1f}",
            f"{each['seconds']:.1f}",
            f"{each['percent']:.2f}",
            f"{each['memory']:.0f}",
        )
        for each in results["speeds"]
    )
    notes = [f"The same bytes with every number of workers: {results['same bytes']}."]
    if "kills" in results:
        notes.append(", ".join(f"{name}: {count}" for name, count in results["kills"].items()))
    if "dask" in results:
        found = results["dask"]
        notes.append(
            f"dask with a worker killed: {found['seconds']:.0f} s, the same bytes: "
            f"{found['same bytes']}, {found['doubled']} doubled."
        )
    columns = ("workers", "files a minute", "seconds", "% of .nii.gz", "MiB a worker")
    return Table("Files a minute", columns, rows, tuple(notes))


def _measured(
    study: Path, place: Path, workers: tuple[int, ...], kills: int, options: list[str]
) -> dict[str, Any]:
    click.echo(
        f"\n{'workers':>7}{'files/min':>11}{'seconds':>9}{'% of .nii.gz':>14}{'MiB each':>10}"
    )
    speeds = []
    for count in workers:
        speed = folders.measured(study, place / f"workers-{count}", count, options)
        speeds.append(speed)
        line = f"{count:>7}{speed.per_minute:>11.1f}{speed.seconds:>9.1f}{speed.percent:>14.2f}"
        click.echo(f"{line}{speed.memory:>10.0f}")
    whole = place / f"workers-{workers[0]}"
    same = all(folders.tree(place / f"workers-{n}") == folders.tree(whole) for n in workers)
    click.echo(f"the same bytes with every number of workers: {'yes' if same else 'NO'}")
    results: dict[str, Any] = {"speeds": [record_of(each) for each in speeds], "same bytes": same}
    if kills:
        most = max(speeds, key=lambda each: each.workers)
        more = ["-j", str(most.workers), *options]
        found = folders.killed(study, place, whole, kills, more)
        results["kills"] = asdict(found)
        click.echo(
            f"\n{found.kills} runs killed (SIGKILL) into {found.folders} folders, "
            f"{found.done_before} files done by then: "
            f"{found.lost} lost, {found.doubled} doubled, {found.corrupt} corrupt, "
            f"{found.left} unfinished files left"
        )
    if find_spec("distributed") is not None:
        seconds = folders.lost_worker(study, place / "dask", max(2, max(workers)), options)
        same = folders.tree(place / "dask") == folders.tree(whole)
        doubled = sum(count != 1 for count in folders.times_done(place / "dask").values())
        results["dask"] = {"seconds": seconds, "same bytes": same, "doubled": doubled}
        click.echo(
            f"\ndask, {max(2, max(workers))} workers, one killed: {seconds:.0f} s, "
            f"the same bytes: {'yes' if same else 'NO'}, {doubled} doubled"
        )
    return results


def _doubling() -> tuple[int, ...]:
    """1, 2, 4 and so on, up to the number of cores."""
    return tuple(2**power for power in range(bound_cores().bit_length()))
