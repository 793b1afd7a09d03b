"""``python -m benchmarks bd-rate``: how many bytes vqcodec saves on each peer, on real scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from vqcodec.errors import ModelUnavailableError

from .bd_rate import HIGH_PERCENT, LOW_PERCENT, METHOD, bd_missing
from .bd_rate_report import FOOTNOTES, notes, requirements, table
from .bd_rate_scan import ScanResult, measured_scan, points_before
from .curves import usable
from .documents import Document, data_hashes, started, write
from .earlier_peers import earlier_peers
from .own_curve import (
    NoEffortError,
    OwnCodec,
    findable,
    identity_of_model,
    own_codec,
    sources_hash,
)
from .peers import Peer, named_peers
from .peers_masked import MASKED_NAME, masked_peer
from .rate_tables import all_tables, curve_plots
from .report import REFERENCE_GROUP, judged
from .scan_choice import (
    chosen_entries,
    device_option,
    effort_option,
    json_option,
    loaded,
    model_option,
    say,
    scan_options,
)
from .tables import as_text

JUDGED_PEERS = ("SVT-AV1 p4", MASKED_NAME, "x265 slow", "SPERR 3D")
PEER_NAMES = (*JUDGED_PEERS, "SZ3", "JPEG 2000", "JPEG XL", "zfp")
QUICK_PEERS = ("SVT-AV1 p4", "SPERR 3D", "SZ3", "JPEG 2000")


@click.command("bd-rate")
@scan_options
@click.option("--peers", "names", type=click.Choice(PEER_NAMES), multiple=True, help="Repeat.")
@click.option("--peers-only", is_flag=True, help="Measure the peers alone; fills their cache.")
@click.option(
    "--peers-from",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Results whose curves of peers are taken over where --peers leaves them out.",
)
@model_option
@effort_option
@click.option(
    "--axes",
    type=click.Choice(["1", "3"]),
    default="3",
    help="Slicing axes of video encoders: all, or the one a probe finds best. [3]",
)
@device_option
@click.option("--quick", is_flag=True, help="One OASIS scan, four peers along one axis.")
@json_option
def bd_rate_command(
    splits: tuple[str, ...],
    subjects: tuple[str, ...],
    names: tuple[str, ...],
    peers_only: bool,
    peers_from: Path | None,
    model: str | None,
    effort: int | None,
    axes: str,
    device: str,
    quick: bool,
    output: Path | None,
) -> None:
    """Bjontegaard rate differences of vqcodec to its peers; judges the requirements.

    With --json FILE, what an interrupted run left there is not measured again.
    """
    record = started()
    codec: OwnCodec | None = None
    identity: dict[str, str] = {}
    if not peers_only:
        codec, identity = chosen_codec(model, device, effort)
        click.echo(f"vqcodec: {identity['id']}, sha256 {identity['sha256']}")
    entries = chosen_entries(splits, subjects)[: 1 if quick else None]
    missing: list[str] = []
    peers = usable(chosen_peers(names or (QUICK_PEERS if quick else ())), missing.append)
    if quick:
        peers = [replace(peer, axes=peer.axes[:1]) for peer in peers]
    for peer in peers:
        click.echo(f"{peer.name}: {peer.software()}")
    settings = {
        "model": identity,
        "effort": effort,
        "axes": axes,
        "range": [LOW_PERCENT, HIGH_PERCENT],
        "method": METHOD,
        "sources": sources_hash(),
    }
    before = points_before(output, settings)
    earlier = earlier_peers(peers_from)
    measured = [peer.name for peer in peers]
    taken: set[str] = set()
    results: list[ScanResult] = []
    columns = measured
    with findable(model):
        for entry, scan in loaded(entries):
            known, held = before.get(scan.name, ()), earlier.of(entry.sha256, measured)
            taken |= {each.peer for each in held}
            results.append(
                measured_scan(scan, codec, peers, axes == "3", say, known=known, earlier=held)
            )
            columns = [name for name in PEER_NAMES if name in (*measured, *taken)]
            document = Document(
                name="bd-rate",
                title="Bytes saved: Bjontegaard rate differences",
                command="python -m benchmarks bd-rate" + (" --quick" if quick else ""),
                tables=all_tables(results, columns),
                plots=tuple(curve_plots(results)),
                settings=settings,
                data=data_hashes(entries),
                records=tuple(one.record() for one in results),
                not_measured=(*earlier.note(taken), *missing, *notes(results)),
            )
            write(output, record, document)
    click.echo("\n" + table(results, columns))
    for found in all_tables(results, columns)[1:]:
        click.echo("\n" + as_text(found))
    for line in (*earlier.note(taken), *missing, *notes(results)):
        click.echo(line)
    click.echo("\n" + FOOTNOTES)
    if codec is not None:
        reference = [found for found in results if found.group == REFERENCE_GROUP]
        click.echo("\n" + judged(requirements(results), len(reference)))


def chosen_codec(
    model: str | None, device: str, effort: int | None
) -> tuple[OwnCodec, dict[str, str]]:
    """The codec to measure and its model, which must be there, as must be what compares curves."""
    reason = bd_missing()
    if reason is not None:
        raise click.ClickException(reason)
    try:
        codec = own_codec(model=model, device=device, effort=effort, force=True)
        return codec, identity_of_model(model)
    except (NoEffortError, ModelUnavailableError) as error:
        raise click.ClickException(str(error)) from None


def chosen_peers(names: tuple[str, ...]) -> list[Peer]:
    """Peers by name, all by default, in the order of the table."""
    wanted = [name for name in PEER_NAMES if not names or name in names]
    return [masked_peer() if name == MASKED_NAME else named_peers((name,))[0] for name in wanted]
