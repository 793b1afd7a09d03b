"""``python -m benchmarks bounded``: bytes at a largest error of every voxel, and without any."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from vqcodec import encode
from vqcodec.codec import decode_volume
from vqcodec.formats.volumes import read_volume, scaled_values
from vqcodec.vqz import VQZ

from .bounded_peers import bounded_peers, lossless_peers
from .documents import Document, data_hashes, show, started, write
from .peers import imagecodecs_missing
from .scan_choice import chosen_entries, json_option, scan_options
from .scans import Entry, data_folder
from .tables import Table

PERCENTS = (0.5, 1.0, 2.0)
LARGEST_STORED = 1 << 16
OURS = "vqcodec"


@dataclass(frozen=True)
class Measured:
    """Bytes of one codec for one scan; ``percent`` of the robust range is the bound, 0 lossless.

    ``error`` is the largest there was, in percent of the range, and ``seconds`` are those of
    encoding and decoding (zero where they were not taken).
    """

    scan: str
    codec: str
    percent: float
    nbytes: int
    error: float
    seconds: tuple[float, float] = (0.0, 0.0)


@click.command("bounded")
@scan_options
@json_option
def bounded_command(
    splits: tuple[str, ...], subjects: tuple[str, ...], output: Path | None
) -> None:
    """Compare bytes with SZ3, SPERR and lossless codecs on the same arrays, in one run."""
    reason = imagecodecs_missing()
    if reason is not None:
        raise click.ClickException(reason)
    record = started()
    results: list[Measured] = []
    entries = chosen_entries(splits, subjects)
    for entry in entries:
        click.echo(f"measuring {entry.subject}", err=True)
        found = measured(entry)
        results += found
        click.echo("\n".join(lines_of(found)))
        write(output, record, document(results, entries))
    show(document(results, entries))


def document(results: list[Measured], entries: Sequence[Entry]) -> Document:
    """What was measured so far."""
    seen = {one.scan for one in results}
    return Document(
        name="bounded",
        title="Voxels with a guarantee: bytes at a largest error",
        command="python -m benchmarks bounded",
        tables=(summary(results),),
        data=data_hashes([entry for entry in entries if entry.subject in seen]),
        records=tuple(asdict(one) for one in results),
    )


def measured(entry: Entry) -> list[Measured]:
    """Every codec at every bound, and without loss where voxels are integers."""
    volume = read_volume(data_folder() / entry.path)
    values = np.ascontiguousarray(scaled_values(volume), dtype=np.float32)
    found = []
    scale = 0.0
    for percent in (0.0, *PERCENTS):
        started = time.perf_counter()
        aim = {"max_error": f"{percent}%"} if percent else {"lossless": True}
        vqz = encode(volume, device="cpu", **aim)
        encoded = time.perf_counter()
        decoded = decode_volume(VQZ.from_bytes(vqz.to_bytes()), device="cpu")
        seconds = (encoded - started, time.perf_counter() - encoded)
        scale = vqz.figures["range"]
        error = 100 * float(np.abs(values - scaled_values(decoded)).max()) / scale
        found.append(Measured(entry.subject, OURS, percent, vqz.nbytes, error, seconds))
        if percent:
            bound = vqz.parsed.voxels.max_error if vqz.parsed.voxels is not None else 0.0
            for name, code in bounded_peers().items():
                nbytes, theirs = code(values, bound)
                error = 100 * float(np.abs(values - theirs).max()) / scale
                found.append(Measured(entry.subject, name, percent, nbytes, error))
    stored = volume.array
    if stored.dtype.kind in "iu" and stored.max() - min(stored.min(), 0) < LARGEST_STORED:
        for name, pack in lossless_peers().items():
            found.append(Measured(entry.subject, name, 0.0, pack(stored), 0.0))
    return found


def lines_of(found: list[Measured]) -> list[str]:
    """A line for each bound of one scan."""
    lines = []
    for percent in sorted({one.percent for one in found}):
        here = [one for one in found if one.percent == percent]
        sizes = ", ".join(f"{one.codec} {one.nbytes}" for one in here)
        taken = "/".join(f"{part:.1f}" for part in here[0].seconds)
        errors = ", ".join(f"{one.error:.4f}" for one in here)
        lines.append(
            f"{here[0].scan} {named(percent)}: {sizes} bytes; {taken} s; largest error {errors} %"
        )
    return lines


def named(percent: float) -> str:
    """Name of a bound."""
    return f"{percent:g} %" if percent else "lossless"


def summary(results: list[Measured]) -> Table:
    """Bytes of all scans against each peer."""
    rows = []
    for percent in sorted({one.percent for one in results}):
        here = [one for one in results if one.percent == percent]
        ours = {one.scan: one.nbytes for one in here if one.codec == OURS}
        for codec in dict.fromkeys(one.codec for one in here):
            theirs = {one.scan: one.nbytes for one in here if one.codec == codec}
            total, own = sum(theirs.values()), sum(ours[scan] for scan in theirs)
            saved = f"{100 * (1 - own / total):.1f}"
            rows.append((named(percent), codec, str(len(theirs)), str(total), str(own), saved))
    columns = ("largest error", "codec", "scans", "bytes", "bytes of vqcodec", "saved, %")
    notes = (
        "Largest error of any voxel in percent of the robust range. Whole files of vqcodec, with "
        "headers; SZ3 and SPERR of the same values as float32, the others of the stored integers.",
    )
    return Table("Bytes of all scans", columns, tuple(rows), notes)
