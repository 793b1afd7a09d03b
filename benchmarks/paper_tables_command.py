"""``python -m benchmarks paper-tables``: Tables 1 and 2 of the paper, with our figures beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from vqcodec.errors import ModelUnavailableError, VqzError

from .coded_files import own_file
from .documents import Document, data_hashes, show, started, write
from .own_curve import OwnCodec, identity_of_model, own_codec
from .paper_tables import TRAINED, Batches, PaperFigures, both_on_grids, both_tables, measured
from .rate_distortion import DEFAULT_LIMIT
from .scan_choice import chosen_scans, device_option, json_option, loaded, scan_options
from .scans import DataFolderError, Scan
from .segmentation import SEGMENTERS, Segmenter

ALL_STAGES = 9.0


@click.command("paper-tables")
@scan_options
@click.option(
    "--segmenter",
    type=click.Choice([*SEGMENTERS, "none"]),
    default="hmrf",
    show_default=True,
    help="For Dice; none leaves it out, which is faster.",
)
@device_option
@click.option("--quick", is_flag=True, help="One scan, without Dice.")
@json_option
def paper_tables_command(
    splits: tuple[str, ...],
    subjects: tuple[str, ...],
    segmenter: str,
    device: str,
    quick: bool,
    output: Path | None,
) -> None:
    """Print the paper's Tables 1 and 2 with our figures; resumes where it was interrupted."""
    record = started()
    missing: list[str] = []
    chosen = segmenter_of("none" if quick else segmenter, missing.append)
    codecs = models(device, missing.append)
    if not codecs:
        raise click.ClickException("no model is available")
    entries = chosen_scans(splits, subjects, quick)[: 1 if quick else None]
    default = next(name for name in codecs if name not in TRAINED.values())
    batches = {name: Batches() for name in codecs}
    figures: list[PaperFigures] = []

    def document() -> Document:
        found = {name: one.found() for name, one in batches.items() if one.count}
        name = "no segmenter" if chosen is None else chosen.name
        settings = {"models": {name: identity for name, (_, identity) in codecs.items()}}
        notes = [f"{one.scan}, {one.model}: {one.note}" for one in figures if one.note]
        return Document(
            name="paper-tables",
            title="The paper's Tables 1 and 2",
            command="python -m benchmarks paper-tables" + (" --quick" if quick else ""),
            tables=tuple(both_tables(figures, found, default, name)),
            settings=settings | {"segmenter": chosen.software() if chosen else "none"},
            data=data_hashes(entries),
            records=(*map(asdict, figures), *({"model": m} | asdict(d) for m, d in found.items())),
            not_measured=(*missing, *notes),
        )

    for _, scan in loaded(entries):
        for name, (codec, identity) in codecs.items():
            click.echo(f"  {scan.name}: {name}", err=True)
            aim = {"quality": ALL_STAGES} if name in TRAINED.values() else {"ratio": DEFAULT_LIMIT}
            try:
                figures.append(measured_model(scan, codec, identity, aim, batches[name], chosen))
            except (VqzError, DataFolderError) as error:
                missing.append(f"{scan.name}, {name}: {error}")
        write(output, record, document())
    finished = document()
    write(output, record, finished)
    show(finished)


def measured_model(
    scan: Scan,
    codec: OwnCodec,
    identity: dict[str, str],
    aim: dict[str, float],
    batches: Batches,
    segmenter: Segmenter | None,
    cache: Path | None = None,
) -> PaperFigures:
    """One model on one scan; its differences join the batches.

    Raises
    ------
    VqzError
        The codec refuses.
    DataFolderError
        The brain does not fit the paper's grid.
    """
    coded = own_file(scan, codec, identity, aim, cache)
    decoded = coded.decode()
    grids = both_on_grids(scan, decoded)
    batches.add(grids)
    return measured(scan, coded, decoded, grids, segmenter, cache)


def models(device: str, say: Callable[[str], None]) -> dict[str, tuple[OwnCodec, dict[str, str]]]:
    """The default model and our trained ones of the paper by id; ``say`` gets what is not there."""
    found = {}
    for model in (None, *TRAINED.values()):
        try:
            identity = identity_of_model(model) | {"effort": "None"}
        except ModelUnavailableError as error:
            say(f"{model or 'default model'}: {error}")
            continue
        name = identity["id"]
        found[name] = (own_codec(name, model=model, device=device, force=True), identity)
    return found


def segmenter_of(name: str, say: Callable[[str], None]) -> Segmenter | None:
    """A segmenter by name; None, and a line said, where there is none."""
    if name == "none":
        say("Dice: left out, no segmenter was asked for")
        return None
    segmenter = SEGMENTERS[name]()
    reason = segmenter.missing()
    if reason is not None:
        say(f"Dice: {segmenter.name}: {reason}")
        return None
    return segmenter
