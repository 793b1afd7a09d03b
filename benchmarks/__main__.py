"""``python -m benchmarks``: the measurements as commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from . import scans
from .curves import usable
from .machine import described, machine
from .peers import Peer, all_peers
from .quantisers_command import quantisers_command
from .rate_distortion import RATES, Codec, Result, compared, vqcodec_through_its_api
from .report import REFERENCE_GROUP, judged, requirements, table
from .tokens_command import tokens_command

OTHER_SOURCES = ("ds000011_sub-11", "ds000011_sub-12", "ds002748_sub-61")
QUICK_SCANS = 2
QUICK_PEERS = ("SVT-AV1 p4", "SPERR 3D")


def scan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options both commands share: which scans, rates and peers, and where results go."""
    names = click.Choice([peer.name for peer in all_peers()])
    for option in (
        click.option("--split", "splits", multiple=True, help="Split of the manifest; repeat."),
        click.option("--scans", "subjects", multiple=True, help="Subject; repeat."),
        click.option("--rates", type=float, multiple=True, help="Percent of float32; repeat."),
        click.option("--peers", "peer_names", type=names, multiple=True, help="Peer; repeat."),
        click.option(
            "--grid",
            type=click.Choice(list(scans.GRIDS)),
            default="own",
            help="The scan's own grid, or zero-padded to the paper's 192x256x192.",
        ),
        click.option("--quick", is_flag=True, help="Two OASIS scans, two peers, one axis."),
        click.option("--json", "output", type=click.Path(path_type=Path), help="Results file."),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure vqcodec and its peers on the scans of the data folder ($VQCODEC_DATA)."""


main.add_command(tokens_command)
main.add_command(quantisers_command)


@main.command("machine")
def machine_command() -> None:
    """Print what this machine is and which versions are installed."""
    click.echo(described(machine()))


@main.command("rate-distortion")
@click.option("--device", default="auto", help="Device of the codec.")
@scan_options
def rate_distortion_command(device: str, **options: Any) -> None:
    """Compare vqcodec with its peers at the same bytes and judge the requirements."""
    measure(vqcodec_through_its_api(device), **options)


@main.command("peers")
@scan_options
def peers_command(**options: Any) -> None:
    """Measure the peers alone, at exactly the rates asked for; fills the cache."""
    measure(None, **options)


def measure(
    codec: Codec | None,
    splits: tuple[str, ...],
    subjects: tuple[str, ...],
    rates: tuple[float, ...],
    peer_names: tuple[str, ...],
    grid: str,
    quick: bool,
    output: Path | None,
) -> None:
    """Run the comparison, print the tables, write the results file."""
    record = machine()
    click.echo(described(record))
    try:
        chosen = chosen_entries(splits, subjects, quick)
    except scans.DataFolderError as error:
        raise click.ClickException(str(error)) from None
    missing: list[str] = []
    peers = usable(chosen_peers(peer_names, quick), missing.append)
    for peer in peers:
        click.echo(f"{peer.name}: {peer.software()}")
    for line in missing:
        click.echo(line)
    results: list[Result] = []
    for entry in chosen:
        click.echo(f"measuring {entry.subject}", err=True)
        try:
            scan = scans.load(entry, scans.GRIDS[grid])
        except scans.DataFolderError as error:
            click.echo(f"{entry.subject}: left out, {error}")
            continue
        results += compared(scan, codec, peers, rates or RATES)
        if output is not None:
            write_results(output, record, missing, results)
    click.echo("\n" + table(results))
    for line in missing:
        click.echo(line)
    notes = dict.fromkeys(f"{found.scan}: {found.note}" for found in results if found.note)
    click.echo("\n".join(["", *notes]))
    if codec is not None:
        reference = {found.scan for found in results if found.group == REFERENCE_GROUP}
        click.echo(judged(requirements(results), len(reference)))


def chosen_entries(
    splits: tuple[str, ...], subjects: tuple[str, ...], quick: bool
) -> list[scans.Entry]:
    """Scans to measure: ``test`` and the other sources by default, OASIS first."""
    if subjects:
        return scans.entries(subjects=subjects)
    listed = scans.entries(splits or ("test",))
    if not splits:
        listed += scans.entries(subjects=OTHER_SOURCES)
    listed.sort(key=lambda entry: entry.group != REFERENCE_GROUP)
    return listed[:QUICK_SCANS] if quick else listed


def chosen_peers(names: tuple[str, ...], quick: bool) -> list[Peer]:
    """Peers to measure; a quick run slices the video encoders' frames along one axis only."""
    wanted = names or (QUICK_PEERS if quick else tuple(peer.name for peer in all_peers()))
    peers = [peer for peer in all_peers() if peer.name in wanted]
    return [replace(peer, axes=peer.axes[:1]) for peer in peers] if quick else peers


def write_results(
    output: Path, record: dict[str, str], missing: list[str], results: list[Result]
) -> None:
    """Everything measured so far as one JSON file."""
    document = {
        "machine": record,
        "not measured": missing,
        "results": [asdict(result) for result in results],
    }
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
