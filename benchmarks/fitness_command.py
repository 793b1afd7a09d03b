"""``python -m benchmarks fitness``: what is refused, and with what figures, on every file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

import vqcodec
from vqcodec.errors import VqzError
from vqcodec.fitness import check_fitness
from vqcodec.formats.volumes import Volume, read_volume, refuse_ct, refuse_labels

from . import scans
from .documents import Document, data_hashes, show, started, write
from .scan_choice import device_option, json_option
from .tables import Table

SPLITS = ("val", "ood", "formats")
REFUSED_MODALITIES = ("CT", "label")
COLUMNS = (
    ("psnr_foreground", "PSNR", ".2f"),
    ("error_to_noise", "error/noise", ".2f"),
    ("structure_error", "structure", ".3f"),
    ("surface", "surface", ".3f"),
    ("surprise", "surprise", ".2f"),
    ("fitness", "fitness", ".2f"),
)


@dataclass(frozen=True)
class Judged:
    """What became of one file.

    Attributes
    ----------
    path, modality : str
        As the manifest has them.
    wanted : str
        ``accept``, ``refuse``, or empty where either is fine.
    verdict : str
        ``accepted``, ``refused``, or ``unreadable`` where it is no volume of numbers.
    reason : str
        Why it was not accepted.
    figures : dict
        Of its file, refused or not; empty where none was made.
    """

    path: str
    modality: str
    wanted: str
    verdict: str
    reason: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def is_wrong(self) -> bool:
        """A false alarm or a miss."""
        wrong = {"accept": "refused", "refuse": "accepted"}
        return wrong.get(self.wanted) == self.verdict


def wanted(entry: scans.Entry) -> str:
    """What should become of a file."""
    if entry.modality in REFUSED_MODALITIES:
        return "refuse"
    return "accept" if entry.modality == "T1w" else ""


def judged(entry: scans.Entry, path: Path, encode: Callable[[Volume], Any]) -> Judged:
    """Read a file, ask whether it is refused, and encode it if need be."""
    about = (entry.path, entry.modality, wanted(entry))
    try:
        volume = read_volume(path)
    except VqzError as error:
        return Judged(*about, "unreadable", str(error))
    try:
        refuse_labels(volume)
        refuse_ct(volume)
    except VqzError as error:
        return Judged(*about, "refused", str(error))
    figures = encode(volume).figures
    try:
        check_fitness(figures)
    except VqzError as error:
        return Judged(*about, "refused", str(error), figures)
    return Judged(*about, "accepted", "", figures)


def table(found: Sequence[Judged]) -> Table:
    """All files."""
    rows = []
    for each in found:
        numbers = [
            "" if each.figures.get(key) is None else format(each.figures[key], form)
            for key, _, form in COLUMNS
        ]
        verdict = f"{each.verdict} (wrong)" if each.is_wrong else each.verdict
        rows.append((each.path, each.modality, verdict, *numbers))
    columns = ("file", "is", "verdict", *(name for _, name, _ in COLUMNS))
    return Table("What is refused", columns, tuple(rows), tuple(summary(found).splitlines()))


def summary(found: Sequence[Judged]) -> str:
    """Counts of false alarms and misses, and why files were refused."""
    lines = []
    for goal, name in (("accept", "false alarms"), ("refuse", "misses")):
        asked = [each for each in found if each.wanted == goal]
        wrong = sum(each.is_wrong for each in asked)
        lines.append(f"{name}: {wrong} of {len(asked)} to {goal}")
    lines += [f"{each.path}: {each.reason}" for each in found if each.reason]
    return "\n".join(lines)


@click.command("fitness")
@click.option("--split", "splits", multiple=True, help=f"Repeat. [{', '.join(SPLITS)}]")
@click.option("--ratio", type=float, help="Percent of float32. [the default of the codec]")
@click.option("--quality", type=float, help="Instead: a fixed step, without any search.")
@click.option("--effort", type=click.IntRange(1, 9), default=5, show_default=True)
@device_option
@json_option
def fitness_command(
    splits: tuple[str, ...],
    ratio: float | None,
    quality: float | None,
    effort: int,
    device: str,
    output: Path | None,
) -> None:
    """Which files are refused, scans, other contrasts, CT and labels, and with what figures."""
    record = started()

    def encode(volume: Volume) -> Any:
        return vqcodec.encode(
            volume, ratio=ratio, quality=quality, effort=effort, device=device, force=True
        )

    try:
        folder = scans.data_folder()
        entries = [e for e in scans.read_manifest(folder) if e.split in (splits or SPLITS)]
    except scans.DataFolderError as error:
        raise click.ClickException(str(error)) from None
    found: list[Judged] = []

    def document() -> Document:
        return Document(
            name="fitness",
            title="What is refused",
            command="python -m benchmarks fitness",
            tables=(table(found),),
            settings={"ratio": ratio, "quality": quality, "effort": effort},
            data=data_hashes(entries[: len(found)]),
            records=tuple(asdict(each) for each in found),
        )

    for entry in entries:
        click.echo(f"measuring {entry.path}", err=True)
        found.append(judged(entry, folder / entry.path, encode))
        write(output, record, document())
    show(document())
