"""``vqz export``: what is in compressed scans, as arrays for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .batch import Outcome, failure, overall, report
from .console import Console
from .exits import Code, Failed, explain, writing
from .names import check_no_input

if TYPE_CHECKING:
    from ..codes import Grids, Scans
    from ..codes_export import ExportItem, Sink


@click.group(epilog=options.examples("vqz export codes packed -o codes.h5"))
def export() -> None:
    """Write codes as arrays for other programs."""


@export.command(
    epilog=options.examples(
        "vqz export codes packed -o codes.h5 -j 4", "vqz export codes study.h5 -o codes.zarr"
    )
)
@click.argument("source", metavar="INPUT", type=options.PATH)
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    required=True,
    help="An HDF5 file (.h5), a Zarr folder (.zarr), or else a folder for .npz files.",
)
@options.jobs
@options.overwrite
@options.reporting
def codes(
    source: Path,
    output: Path,
    at_once: int,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Write the index grids of INPUT, a folder of VQZ files or an archive, as uint8 arrays.

    The scans must be of one model. In HDF5 and Zarr the arrays "fine", "middle" and "coarse" are
    stacks of (scan, code, D, H, W), so the scans must have one shape, too; in a folder every scan
    has a file, and a run that was stopped goes on. With token models the codebooks are written as
    well. Needs no torch.
    """
    console = options.console_of(as_json, quiet, verbose)
    _check_names(source, output)
    from ..codes import scans_in
    from ..errors import VqzError

    try:
        scans = scans_in(source)
    except (OSError, VqzError) as error:
        code, message = explain(error)
        raise Failed(code, f"{source}: {message}") from error
    items, failed = _items_of(scans)
    found = [report(outcome, console, _describe) for outcome in failed]
    if not items:
        if not failed:
            raise Failed(Code.NO_INPUT, f"{source}: no VQZ files inside")
        return overall(found)
    at_once = min(at_once, len({item.scan.name for item in items}))
    exported = partial(_exported, scans, items, source, at_once)
    return _export(scans, items, exported, output, overwrite, console, found)


def _check_names(source: Path, output: Path) -> None:
    check_no_input(output, (source,))
    if output.suffix.lower() in (".npz", ".npy", ".vqz"):
        raise click.UsageError(
            f"{output}: name an HDF5 file (.h5), a Zarr folder (.zarr), or a folder"
        )


def _items_of(scans: Scans) -> tuple[list[ExportItem], list[Outcome]]:
    from ..codes_export import items_of

    items: list[ExportItem] = []
    failed = []
    for name in scans:
        try:
            items += items_of(scans, name)
        except Exception as error:
            failed.append(failure(name, error))
    return items, failed


def _export(
    scans: Scans,
    items: list[ExportItem],
    exported: Callable[[Sink, Path], Iterator[Outcome]],
    output: Path,
    overwrite: bool,
    console: Console,
    codes: list[Code],
) -> Code:
    from ..codes import model_of
    from ..codes_export import sink_for

    model = model_of(scans, items[0].scan)
    try:
        with writing(output), sink_for(output, items, model, overwrite) as sink:
            names = [item.name for item in items]
            for outcome in console.progress(exported(sink, output), names):
                codes.append(report(outcome, console, _describe))
            if Code.DONE not in codes:
                raise _NothingExportedError
    except _NothingExportedError:
        pass
    return overall(codes)


class _NothingExportedError(Exception):
    """There is nothing to make a file of."""


def _exported(
    scans: Scans, items: list[ExportItem], source: Path, at_once: int, sink: Sink, output: Path
) -> Iterator[Outcome]:
    from .export_decoding import decoded

    left = []
    for item in items:
        if sink.holds(item):
            yield Outcome(item.name, record={**_named(item), "skipped": True})
        else:
            left.append(item)
    of_scans = groupby(left, lambda item: item.scan.name)
    names = dict.fromkeys(item.scan.name for item in left)
    ready = decoded(scans, source, names, at_once)
    for (_, frames), outcome in zip(of_scans, ready, strict=True):
        for item in frames:
            if outcome.record is None:
                yield replace(outcome, source=item.name)
            else:
                yield _put(sink, item, outcome.record["grids"][item.frame], output)


def _put(sink: Sink, item: ExportItem, grids: Grids, output: Path) -> Outcome:
    """Write one item; the command goes on after all errors but those of the output."""
    from ..errors import VqzError

    try:
        with writing(output):
            sink.put(item, grids)
    except VqzError as error:
        return failure(item.name, error)
    shapes = {level: list(grid.shape) for level, grid in grids.items()}
    return Outcome(item.name, record={**_named(item), "shapes": shapes})


def _named(item: ExportItem) -> dict[str, Any]:
    return {"source": item.scan.name, "frame": item.frame, "name": item.name}


def _describe(record: dict[str, Any]) -> list[str]:
    if record.get("skipped"):
        return [f"{record['name']}: done already"]
    shapes = ", ".join(
        f"{level} {'x'.join(map(str, shape))}" for level, shape in record["shapes"].items()
    )
    return [f"{record['name']}: {shapes}"]
