"""How long coding takes and how much memory, beside the peers and over growing volumes.

Every run is a process of its own. vqcodec and a peer take turns, so that a busy machine slows
both: what is compared is the ratio within each pair, and its median over pairs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from .own_curve import OURS
from .peers import Array
from .tables import Plot, Series, Table, number

ROOT = Path(__file__).resolve().parents[1]
ACTIONS = ("encode", "decode")


class RunError(RuntimeError):
    """A measured process failed."""


@dataclass(frozen=True)
class Run:
    """One process: seconds of the call alone, and its peak memory with everything in it."""

    seconds: float
    mebibytes: float


@dataclass(frozen=True)
class Contender:
    """What is timed: a peer at a setting along an axis, or vqcodec by default on a device."""

    name: str
    setting: float = 0.0
    axis: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Pair:
    """vqcodec and a peer, one after the other."""

    scan: str
    action: str
    peer: str
    ours: Run
    theirs: Run


@dataclass(frozen=True)
class Growth:
    """One volume of a growing series, coded by vqcodec."""

    side: int
    device: str
    nbytes: int
    encode: Run
    decode: Run


def run(action: str, contender: Contender, values: Path, file: Path) -> Run:
    """One encode or decode in a process of its own.

    Raises
    ------
    RunError
        It failed.
    """
    words = [action, contender.name, repr(contender.setting), str(contender.axis)]
    command = [sys.executable, "-m", "benchmarks.speed_worker", *words, contender.device]
    done = subprocess.run(
        [*command, str(values), str(file)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise RunError(f"{contender.name}: {lines[-1] if lines else 'failed'}")
    record = json.loads(done.stdout.splitlines()[-1])
    return Run(**record)


def pairs(scan: str, values: Array, ours: Contender, peer: Contender, repeats: int) -> list[Pair]:
    """Vqcodec and a peer in turns, encoding and decoding."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "values.npy")
        np.save(source, values)
        files = Path(folder, "ours"), Path(folder, "theirs")
        for _ in range(repeats):
            for action in ACTIONS:
                mine = run(action, ours, source, files[0])
                found.append(
                    Pair(scan, action, peer.name, mine, run(action, peer, source, files[1]))
                )
    return found


def grown(values: Array, side: int, device: str) -> Growth:
    """The scan stretched to a cube, through vqcodec."""
    factors = [side / length for length in values.shape]
    cube = np.clip(ndimage.zoom(values, factors, order=1), 0.0, 1.0).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        source, file = Path(folder, "values.npy"), Path(folder, "file")
        np.save(source, cube)
        ours = Contender(OURS, device=device)
        encode = run("encode", ours, source, file)
        decode = run("decode", ours, source, file)
        return Growth(side, device, file.stat().st_size, encode, decode)


def slope(volumes: Sequence[Growth], figures: Sequence[float]) -> float | None:
    """Exponent of growth with the number of voxels: 1 for proportional; None for one volume."""
    if len({one.side for one in volumes}) < 2:
        return None
    places = 3.0 * np.log([one.side for one in volumes])
    return float(np.polyfit(places, np.log(figures), 1)[0])


def pair_table(found: Sequence[Pair]) -> Table:
    """Medians over the pairs of every peer."""
    rows = []
    for peer in dict.fromkeys(pair.peer for pair in found):
        for action in ACTIONS:
            chosen = [pair for pair in found if (pair.peer, pair.action) == (peer, action)]
            if not chosen:
                continue
            ratios = [pair.ours.seconds / pair.theirs.seconds for pair in chosen]
            cells = [
                statistics.median(pair.ours.seconds for pair in chosen),
                statistics.median(pair.theirs.seconds for pair in chosen),
                statistics.median(ratios),
            ]
            memory = [
                statistics.median(pair.ours.mebibytes for pair in chosen),
                statistics.median(pair.theirs.mebibytes for pair in chosen),
            ]
            rows.append(
                (
                    f"{peer}, {action}",
                    str(len(chosen)),
                    *(number(value, ".2f") for value in cells),
                    *(number(value, ".0f") for value in memory),
                )
            )
    columns = (
        *("peer", "pairs", "vqcodec s", "peer s", "ratio of seconds"),
        *("vqcodec MiB", "peer MiB"),
    )
    notes = (
        "vqcodec by default, peers at 0.825 % of float32; every run a process of its own, vqcodec "
        "and the peer in turns; medians. Seconds of the call alone, without imports (Python and "
        "torch take about 3 s to start), loading of weights included; memory is the peak of the "
        "process with Python, numpy and, for vqcodec, torch. Peers run on one thread, as their "
        "settings say, unless their name says otherwise; vqcodec on what the machine gives.",
    )
    return Table("Time and memory beside peers", columns, tuple(rows), notes)


def growth_table(found: Sequence[Growth]) -> Table:
    """A row for each volume and the exponents of growth."""
    rows = [
        (
            f"{one.side}x{one.side}x{one.side}, {one.device}",
            str(one.nbytes),
            *(number(value, ".2f") for value in (one.encode.seconds, one.decode.seconds)),
            *(number(value, ".0f") for value in (one.encode.mebibytes, one.decode.mebibytes)),
        )
        for one in found
    ]
    for device in dict.fromkeys(one.device for one in found):
        chosen = [one for one in found if one.device == device]
        runs = [[one.encode for one in chosen], [one.decode for one in chosen]]
        exponents = [slope(chosen, [one.seconds for one in part]) for part in runs]
        exponents += [slope(chosen, [one.mebibytes for one in part]) for part in runs]
        rows.append((f"log-log slope, {device}", "", *(number(one, ".2f") for one in exponents)))
    columns = ("volume", "bytes", "encode s", "decode s", "encode MiB", "decode MiB")
    notes = ("A scan stretched to cubes. Slope: exponent of growth with the number of voxels.",)
    return Table("Growth with the volume", columns, tuple(rows), notes)


def growth_plot(found: Sequence[Growth]) -> Plot:
    """Seconds over the number of voxels."""
    series = []
    for device in dict.fromkeys(one.device for one in found):
        chosen = [one for one in found if one.device == device]
        voxels = tuple(float(one.side**3) for one in chosen)
        series.append(
            Series(f"encode, {device}", voxels, tuple(one.encode.seconds for one in chosen))
        )
        series.append(
            Series(f"decode, {device}", voxels, tuple(one.decode.seconds for one in chosen))
        )
    return Plot("Growth with the volume", "voxels", "seconds", tuple(series), True, True)
