"""Two groups of subjects to contrast: from a participants file, or what is known of ds002748."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from .scans import Entry

PATIENTS = range(1, 52)  # of ds002748 (Bezmaternykh et al. 2021); sub-52 to sub-72 are controls
DATA_SET = "ds002748"


class GroupError(Exception):
    """The subjects do not fall into two groups of at least two."""


def groups(
    entries: Sequence[Entry], participants: Path | None, column: str
) -> tuple[str, dict[str, str]]:
    """Name of the contrast, and the group of each subject that has one.

    Parameters
    ----------
    participants : Path, optional
        TSV of BIDS; by default the numbering of ds002748 tells patients from controls.
    column : str
        What to group by; a column of numbers is split at its median.

    Raises
    ------
    GroupError
        There are not two groups of at least two.
    """
    if participants is None:
        found = {entry.subject: _by_number(entry) for entry in entries}
        found = {subject: group for subject, group in found.items() if group}
    else:
        found = _from_file(entries, participants, column)
    names = sorted(set(found.values()))
    sizes = [sum(group == name for group in found.values()) for name in names]
    if len(names) != 2 or min(sizes) < 2:
        raise GroupError(f"groups {dict(zip(names, sizes, strict=True))}: two of two are needed")
    return f"{names[0]} against {names[1]}", found


def _by_number(entry: Entry) -> str:
    if entry.group != DATA_SET:
        return ""
    number = int(entry.subject.rpartition("-")[2])
    return "patients" if number in PATIENTS else "controls"


def _from_file(entries: Sequence[Entry], participants: Path, column: str) -> dict[str, str]:
    with participants.open(newline="", encoding="utf-8") as stream:
        rows = {row["participant_id"]: row for row in csv.DictReader(stream, delimiter="\t")}
    if rows and column not in next(iter(rows.values())):
        raise GroupError(f"{participants.name} has no column {column}")
    values = {}
    for entry in entries:
        row: Mapping[str, str] = rows.get(entry.subject.rpartition("_")[2], {})
        if row.get(column):
            values[entry.subject] = row[column]
    try:
        numbers = {subject: float(value) for subject, value in values.items()}
    except ValueError:
        return values
    if not numbers:
        return {}
    middle = statistics.median(numbers.values())
    return {
        subject: f"{column} over {middle:g}" if value > middle else f"{column} to {middle:g}"
        for subject, value in numbers.items()
    }
