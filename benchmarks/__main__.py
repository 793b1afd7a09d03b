"""``python -m benchmarks``: the measurements as commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from . import scans
from .ablation_command import ablation_command
from .archives_command import archives_command
from .bd_rate_command import bd_rate_command
from .bounded_command import bounded_command
from .curves import usable
from .documents import Document, data_hashes, started, write
from .fitness_command import fitness_command
from .folders_command import folders_command
from .lossless_command import lossless_command
from .machine import described, machine
from .morphometry_command import morphometry_command
from .ood_command import ood_command
from .paper_tables_command import paper_tables_command
from .peers import Peer, all_peers
from .quantisers_command import quantisers_command
from .rate_distortion import RATES, Codec, Result, compared, vqcodec_through_its_api
from .rate_tables import comparison_tables
from .region_command import region_command
from .report import REFERENCE_GROUP, judged, requirements, table
from .scan_choice import chosen_entries, device_option, json_option, loaded, scan_options
from .speed_command import speed_command
from .suite import QUICK_RESULTS, RESULTS, run_suite, write_page
from .tokens_command import tokens_command
from .vbm_command import vbm_command

QUICK_SCANS = 2
QUICK_PEERS = ("SVT-AV1 p4", "SPERR 3D")


def comparison_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options both commands share: which scans, rates and peers, and where results go."""
    names = click.Choice([peer.name for peer in all_peers()])
    for option in (
        scan_options,
        click.option("--rates", type=float, multiple=True, help="Percent of float32; repeat."),
        click.option("--peers", "peer_names", type=names, multiple=True, help="Peer; repeat."),
        click.option(
            "--grid",
            type=click.Choice(list(scans.GRIDS)),
            default="own",
            help="The scan's own grid, or zero-padded to the paper's 192x256x192.",
        ),
        click.option("--quick", is_flag=True, help="Two OASIS scans, two peers, one axis."),
        json_option,
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Every table on few scans, in about ten minutes.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder of the results."
)
@click.pass_context
def main(context: click.Context, quick: bool, output: Path | None) -> None:
    """Measure vqcodec and its peers on the scans of the data folder ($VQCODEC_DATA).

    Without a command, everything, into benchmarks/results with a page to look at.
    """
    if context.invoked_subcommand is not None:
        if quick or output is not None:
            raise click.UsageError("--quick and --output before a command have no meaning")
        return
    try:
        scans.data_folder()
    except scans.DataFolderError as error:
        raise click.ClickException(str(error)) from None
    folder = output or (QUICK_RESULTS if quick else RESULTS)
    context.exit(1 if run_suite(main.commands, folder, quick) else 0)


main.add_command(tokens_command)
main.add_command(quantisers_command)
main.add_command(bd_rate_command)
main.add_command(ablation_command)
main.add_command(archives_command)
main.add_command(bounded_command)
main.add_command(lossless_command)
main.add_command(morphometry_command)
main.add_command(paper_tables_command)
main.add_command(folders_command)
main.add_command(fitness_command)
main.add_command(ood_command)
main.add_command(region_command)
main.add_command(speed_command)
main.add_command(vbm_command)


@main.command("page")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=RESULTS)
def page_command(folder: Path) -> None:
    """Write the results page anew from the documents of a folder."""
    click.echo(str(write_page(folder)))


@main.command("machine")
def machine_command() -> None:
    """Print what this machine is and which versions are installed."""
    click.echo(described(machine()))


@main.command("rate-distortion")
@device_option
@comparison_options
def rate_distortion_command(device: str, **options: Any) -> None:
    """Compare vqcodec with its peers at the same bytes and judge the requirements."""
    measure(vqcodec_through_its_api(device), **options)


@main.command("peers")
@comparison_options
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
    record = started()
    chosen = chosen_entries(splits, subjects)
    missing: list[str] = []
    peers = usable(chosen_peers(peer_names, quick), missing.append)
    for peer in peers:
        click.echo(f"{peer.name}: {peer.software()}")
    for line in missing:
        click.echo(line)
    results: list[Result] = []
    chosen = chosen[:QUICK_SCANS] if quick else chosen
    for _, scan in loaded(chosen, grid):
        results += compared(scan, codec, peers, rates or RATES)
        notes = dict.fromkeys(f"{found.scan}: {found.note}" for found in results if found.note)
        document = Document(
            name="rate-distortion",
            title="Rate and distortion at equal bytes",
            command="python -m benchmarks rate-distortion" + (" --quick" if quick else ""),
            tables=tuple(comparison_tables(results)),
            settings={"grid": grid, "peers": {peer.name: peer.software() for peer in peers}},
            data=data_hashes(chosen),
            records=tuple(asdict(result) for result in results),
            not_measured=(*missing, *notes),
        )
        write(output, record, document)
    click.echo("\n" + table(results))
    for line in missing:
        click.echo(line)
    notes = dict.fromkeys(f"{found.scan}: {found.note}" for found in results if found.note)
    click.echo("\n".join(["", *notes]))
    if codec is not None:
        reference = {found.scan for found in results if found.group == REFERENCE_GROUP}
        click.echo(judged(requirements(results), len(reference)))


def chosen_peers(names: tuple[str, ...], quick: bool) -> list[Peer]:
    """Peers to measure; a quick run slices the video encoders' frames along one axis only."""
    wanted = names or (QUICK_PEERS if quick else tuple(peer.name for peer in all_peers()))
    peers = [peer for peer in all_peers() if peer.name in wanted]
    return [replace(peer, axes=peer.axes[:1]) for peer in peers] if quick else peers


if __name__ == "__main__":
    main()
