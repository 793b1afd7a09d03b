"""``python -m benchmarks region``: what tiles cost, and what a region takes to decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from vqcodec.errors import ModelUnavailableError

from .ablation import RESTORATION, weights_without
from .documents import Document, data_hashes, show, started, write
from .own_curve import OURS, findable, identity_of_model, own_codec
from .region import QUALITIES, Price, Times, price, times
from .scan_choice import (
    chosen_entries,
    device_option,
    json_option,
    loaded,
    model_option,
    scan_options,
)
from .tables import Table

#: What prices are measured without: it is cut in ways of its own, or not coded.
PARTS = (RESTORATION, "holes/")
EFFORT = 3
TIMED_QUALITY = QUALITIES[1]


@click.command("region")
@scan_options
@model_option
@device_option
@json_option
def region_command(
    splits: tuple[str, ...],
    subjects: tuple[str, ...],
    model: str | None,
    device: str,
    output: Path | None,
) -> None:
    """Bytes that independent tiles take, and how long regions take beside everything."""
    record = started()
    entries = chosen_entries(splits, subjects)
    prices: list[Price] = []
    timings: list[Times] = []
    try:
        identity = identity_of_model(model)
        with TemporaryDirectory(prefix="vqcodec-region-") as folder, findable(model):
            bare = weights_without(PARTS, model, Path(folder))
            if bare is None:
                raise click.ClickException("the model has neither holes nor restoration")
            plain = own_codec(OURS, model=str(bare), device=device, effort=EFFORT, force=True)
            whole = own_codec(OURS, model=model, device=device, force=True)
            for _, scan in loaded(entries):
                prices += [price(scan, plain, quality) for quality in QUALITIES]
                timings.append(times(scan, whole, TIMED_QUALITY, device))
    except ModelUnavailableError as error:
        raise click.ClickException(str(error)) from None
    document = Document(
        name="region",
        title="Regions",
        command="python -m benchmarks region",
        tables=(price_table(prices), times_table(timings)),
        settings={"model": identity, "prices": {"without": PARTS, "effort": EFFORT}},
        data=data_hashes(entries),
        records=(*map(asdict, prices), *map(asdict, timings)),
    )
    write(output, record, document)
    show(document)


def price_table(prices: Sequence[Price]) -> Table:
    """A line for each scan and quality."""
    rows = tuple(
        (
            f"{each.scan}, quality {each.quality:g}",
            f"{each.percent:.3f}",
            f"{each.tiled}",
            f"{each.whole}",
            f"{each.growth:+.2f} %",
        )
        for each in prices
    )
    columns = ("scan", "% of float32", "bytes in tiles", "in one", "tiles take")
    notes = (f"Without holes and restoration, at effort {EFFORT}.",)
    return Table("What independent tiles of 64x64x64 voxels cost", columns, rows, notes)


def times_table(timings: Sequence[Times]) -> Table:
    """A line for each scan."""
    names = list(timings[0].parts) if timings else []
    rows = tuple(
        (
            each.scan,
            f"{each.whole:.2f} s",
            *(f"{each.parts[name] / each.whole:.2f}" for name in names),
        )
        for each in timings
    )
    columns = ("scan", "everything", *(f"{name}, share" for name in names))
    return Table(f"Time to decode, quality {TIMED_QUALITY:g}", columns, rows)
