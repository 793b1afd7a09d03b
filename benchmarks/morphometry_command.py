"""``python -m benchmarks morphometry``: what coding does to CSF, grey and white matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from vqcodec.errors import ModelUnavailableError, VqzError

from .bd_rate_scan import on_best_axis
from .coded_files import Coded, own_file, peer_file
from .curves import OutsideCurveError, usable
from .documents import Document, data_hashes, show, started, write
from .morphometry import (
    Floor,
    Morphometry,
    manual_labels,
    measured,
    rescan_floor,
)
from .morphometry_report import notes, plots, tables
from .own_curve import OURS, OwnCodec, findable, identity_of_model, own_codec
from .peers import Peer, named_peers
from .scan_choice import (
    chosen_scans,
    device_option,
    effort_option,
    json_option,
    loaded,
    model_option,
    say,
    scan_options,
)
from .scans import Entry, Scan
from .segmentation import SEGMENTERS, SegmentationError, Segmenter, segmented

RATES = (0.2, 0.35, 0.825)
PEERS = ("SVT-AV1 p4", "x265 slow", "SPERR 3D", "JPEG 2000")
RESCANS = (("oasis_1003", "oasis_1023"),)
QUICK_RATES = (0.35,)
QUICK_PEERS = ("SVT-AV1 p4",)


@click.command("morphometry")
@scan_options
@click.option("--rates", type=float, multiple=True, help="Percent; repeat. [0.2, 0.35, 0.825]")
@click.option("--peers", "names", type=click.Choice(PEERS), multiple=True, help="Repeat. [all]")
@click.option("--segmenter", type=click.Choice(list(SEGMENTERS)), default="hmrf", show_default=True)
@model_option
@effort_option
@device_option
@click.option("--quick", is_flag=True, help="Two scans, one rate, one peer along one axis.")
@json_option
def morphometry_command(
    splits: tuple[str, ...],
    subjects: tuple[str, ...],
    rates: tuple[float, ...],
    names: tuple[str, ...],
    segmenter: str,
    model: str | None,
    effort: int | None,
    device: str,
    quick: bool,
    output: Path | None,
) -> None:
    """Tissue Dice and volumes, original against decoded; resumes where it was interrupted."""
    record = started()
    chosen_segmenter = SEGMENTERS[segmenter]()
    reason = chosen_segmenter.missing()
    if reason is not None:
        raise click.ClickException(f"{chosen_segmenter.name}: {reason}")
    try:
        codec = own_codec(model=model, device=device, effort=effort, force=True)
        identity = identity_of_model(model) | {"effort": str(effort)}
    except ModelUnavailableError as error:
        raise click.ClickException(str(error)) from None
    entries = chosen_scans(splits, subjects, quick)
    missing: list[str] = []
    peers = usable(named_peers(names or (QUICK_PEERS if quick else PEERS)), missing.append)
    if quick:
        peers = [replace(peer, axes=peer.axes[:1]) for peer in peers]
    rates = rates or (QUICK_RATES if quick else RATES)
    settings = {
        "model": identity,
        "segmenter": chosen_segmenter.software(),
        "rates": rates,
        "peers": {peer.name: peer.software() for peer in peers},
    }
    results: list[Morphometry] = []
    floors: list[Floor] = []

    def document() -> Document:
        return Document(
            name="morphometry",
            title="Morphometry: tissues before and after coding",
            command="python -m benchmarks morphometry" + (" --quick" if quick else ""),
            tables=tuple(tables(results, floors, chosen_segmenter.name)),
            plots=tuple(plots(results, floors)),
            settings=settings,
            data=data_hashes(entries),
            records=(*map(asdict, results), *map(asdict, floors)),
            not_measured=(*missing, *notes(results)),
        )

    seen: dict[str, Scan] = {}
    with findable(model):
        for entry, scan in loaded(entries):
            results += scan_results(entry, scan, (codec, identity), peers, rates, chosen_segmenter)
            if any(entry.subject in pair for pair in RESCANS):
                seen[entry.subject] = scan
            write(output, record, document())
    floors += found_floors(seen, chosen_segmenter, missing)
    finished = document()
    write(output, record, finished)
    show(finished)


def scan_results(
    entry: Entry,
    scan: Scan,
    ours: tuple[OwnCodec, Mapping[str, str]],
    peers: Sequence[Peer],
    rates: Sequence[float],
    segmenter: Segmenter,
    cache: Path | None = None,
) -> list[Morphometry]:
    """Every codec at every rate on one scan."""
    manual = manual_labels(entry, scan)
    try:
        segmented(segmenter, scan, scan.values, cache)
    except SegmentationError as error:
        return [Morphometry(scan.name, OURS, asked, note=str(error)) for asked in rates]
    found = []
    for asked in rates:
        nbytes = int(asked / 100 * scan.float32_bytes)
        coded: Coded | None = None
        say(f"{scan.name}, {asked:g} %: {OURS}")
        try:
            coded = own_file(scan, ours[0], ours[1], {"ratio": asked}, cache)
        except VqzError as error:
            found.append(Morphometry(scan.name, OURS, asked, note=str(error)))
        else:
            nbytes = coded.nbytes
            found.append(measured(scan, manual, asked, coded, segmenter, cache))
        for peer in peers:
            say(f"{scan.name}, {asked:g} %: {peer.name}")
            try:
                coded = peer_file(scan, on_best_axis(peer, scan, cache), nbytes, cache)
            except (RuntimeError, OutsideCurveError) as error:  # libraries: the former
                found.append(Morphometry(scan.name, peer.name, asked, note=str(error)))
            else:
                found.append(measured(scan, manual, asked, coded, segmenter, cache))
    return found


def found_floors(seen: Mapping[str, Scan], segmenter: Segmenter, missing: list[str]) -> list[Floor]:
    """Rescan floors of the pairs that were measured; ``missing`` gets a line for the others."""
    floors = []
    for names in RESCANS:
        if not all(name in seen for name in names):
            missing.append(f"rescan floor: {' and '.join(names)} are not both among the scans")
            continue
        first, second = (seen[name] for name in names)
        say(f"rescan floor: {' and '.join(names)}")
        try:
            floors.append(rescan_floor(first, second, segmenter))
        except (RuntimeError, ImportError) as error:  # what fails to segment: the former
            missing.append(f"rescan floor: {error}")
    return floors
