"""``python -m benchmarks speed``: time, memory and growth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from .coded_files import bracket, setting_for
from .curves import OutsideCurveError, stream, usable
from .documents import Document, data_hashes, show, started, write
from .own_curve import OURS
from .peers import Peer, named_peers
from .rate_distortion import DEFAULT_LIMIT
from .scan_choice import chosen_scans, json_option, loaded, say, scan_options
from .scans import Scan
from .speed import (
    Contender,
    Growth,
    Pair,
    RunError,
    grown,
    growth_plot,
    growth_table,
    pair_table,
    pairs,
)

PEERS = (
    *("SVT-AV1 p4", "SVT-AV1 p4, all cores", "x265 slow"),
    *("SPERR 3D", "SZ3", "JPEG 2000", "JPEG XL", "zfp"),
)
QUICK_PEERS = ("SVT-AV1 p4", "SPERR 3D")
SIDES, QUICK_SIDES = (64, 96, 128, 192, 256, 384, 512), (64, 96)


@click.command("speed")
@scan_options
@click.option("--peers", "names", type=click.Choice(PEERS), multiple=True, help="Repeat. [all]")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--side", "sides", type=click.IntRange(32, 1024), multiple=True, help="Repeat.")
@click.option("--quick", is_flag=True, help="Two peers, one pair each, small cubes.")
@json_option
def speed_command(
    splits: tuple[str, ...],
    subjects: tuple[str, ...],
    names: tuple[str, ...],
    repeats: int,
    sides: tuple[int, ...],
    quick: bool,
    output: Path | None,
) -> None:
    """Time and memory beside peers, growth with the volume; for folders see ``folders``."""
    record = started()
    entries = chosen_scans(splits, subjects, quick)[:1]
    missing: list[str] = []
    peers = usable(named_peers(names or (QUICK_PEERS if quick else PEERS)), missing.append)
    found: list[Pair] = []
    growth: list[Growth] = []

    def document() -> Document:
        return Document(
            name="speed",
            title="Speed, memory and scale",
            command="python -m benchmarks speed" + (" --quick" if quick else ""),
            tables=(pair_table(found), growth_table(growth)),
            plots=(growth_plot(growth),) if growth else (),
            data=data_hashes(entries),
            records=(*map(asdict, found), *map(asdict, growth)),
            not_measured=tuple(missing),
        )

    for _, scan in loaded(entries):
        found += paired(scan, peers, 1 if quick else repeats, missing)
        write(output, record, document())
        for device in devices(missing):
            for side in sides or (QUICK_SIDES if quick else SIDES):
                say(f"{side}x{side}x{side}, {device}")
                try:
                    growth.append(grown(scan.values, side, device))
                except RunError as error:
                    missing.append(f"{side}x{side}x{side}, {device}: {error}")
                write(output, record, document())
    finished = document()
    write(output, record, finished)
    show(finished)


def paired(scan: Scan, peers: Sequence[Peer], repeats: int, missing: list[str]) -> list[Pair]:
    """Pairs with every peer at about the bytes of the default rate."""
    nbytes = int(DEFAULT_LIMIT / 100 * scan.float32_bytes)
    found: list[Pair] = []
    for peer in peers:
        say(f"{scan.name}: {OURS} and {peer.name}")
        try:
            setting = setting_at(peer, scan, nbytes)
            theirs = Contender(peer.name, setting, peer.axes[0])
            found += pairs(scan.name, scan.values, Contender(OURS), theirs, repeats)
        except (RuntimeError, OutsideCurveError) as error:  # libraries, ffmpeg: the former
            missing.append(f"{peer.name}: {error}")
    return found


def setting_at(peer: Peer, scan: Scan, nbytes: int) -> float:
    """The setting of a peer for that many bytes, or the nearest of its ladder that there is."""

    def size(setting: float) -> int:
        return peer.charged(stream(peer, scan, setting, peer.axes[0])[0])

    try:
        bracket(peer, nbytes, size)
    except OutsideCurveError:
        return min(peer.settings, key=lambda setting: abs(size(setting) - nbytes))
    return setting_for(peer, nbytes, size)


def devices(missing: list[str]) -> list[str]:
    """The processor, and CUDA where there is one."""
    import torch

    if torch.cuda.is_available():
        return ["cpu", "cuda"]
    missing.append("CUDA: there is none here")
    return ["cpu"]
