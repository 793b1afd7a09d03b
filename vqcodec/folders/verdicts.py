"""What is still to be done: the journal held against what is there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import VqzError
from .fingerprint import Fingerprint, fingerprint, is_same
from .journal import Entry, Journal
from .names import OWN_PREFIX, stored_in
from .plan import Item

DONE_TO = {"compress": "compressed", "decompress": "decompressed", "copy": "copied"}


@dataclass(frozen=True)
class Verdict:
    """What to do with an item.

    Attributes
    ----------
    kind : {"do", "done", "refused"}
        Make the result; it is there already; it would go over something that is not ours.
    note : str
        Why it is done again, or refused.
    entry : Entry or None
        What is known of a result that is done.
    """

    kind: Literal["do", "done", "refused"]
    note: str = ""
    entry: Entry | None = None


def judge(
    item: Item, entry: Entry | None, folder: Path, *, options: str, overwrite: bool
) -> Verdict:
    """Decide about one item.

    Parameters
    ----------
    item : Item
    entry : Entry or None
        The journal's last word on the item's result.
    folder : Path
        The output folder.
    options : str
        Hash of the settings of this run; it plays no role for copies.
    overwrite : bool
        Do again what was done from another source or with other settings.

    Raises
    ------
    OSError
        A result that is there cannot be read.
    """
    results = [folder / name for name in item.results]
    present = [file for file in results if os.path.lexists(file)]
    if entry is None or entry.action != item.action:
        return _unknown(item, present, options, overwrite)
    if entry.source_is is None or entry.result_is is None:
        return Verdict("do", "was begun, but not finished")
    if len(present) < len(results):
        return Verdict("do", "its result is missing")
    if item.action != "copy" and entry.options != options:
        return _again_if(overwrite, "was made with other options")
    if not _source_is(item, entry.source_is):
        return _again_if(overwrite, f"has changed since it was {DONE_TO[item.action]}")
    if not is_same(results, entry.result_is):
        damaged = f"{results[0]} has changed since it was written"
        return _again_if(overwrite or item.action == "compress", damaged)
    return Verdict("done", entry=entry)


def other_settings(journal: Journal, items: Iterable[Item], options: str) -> str:
    """What distinguishes this run's settings from those of results that are there; or nothing."""
    for item in items:
        entry = journal.entries.get(item.result.as_posix())
        if entry is None or entry.action != item.action or item.action == "copy":
            continue
        if entry.result_is is not None and entry.options != options:
            before, now = (journal.settings.get(each, {}) for each in (entry.options, options))
            return _difference(before, now)
    return ""


def sweep(folder: Path, items: Iterable[Item]) -> None:
    """Remove unfinished files that a killed run or worker has left where results go."""
    for parent in {(folder / item.result).parent for item in items}:
        for left in parent.glob(f"{OWN_PREFIX}*.tmp"):
            left.unlink(missing_ok=True)


def _unknown(item: Item, present: list[Path], options: str, overwrite: bool) -> Verdict:
    if not present or overwrite:
        return Verdict("do")
    if item.action == "copy":
        source, there = fingerprint((item.source,)), fingerprint(present)
        if source.sha256 == there.sha256:
            return Verdict("done", entry=entry_of(item, options, source, there))
    return Verdict("refused", f"{present[0]} exists already (-f overwrites it)")


def _again_if(allowed: bool, reason: str) -> Verdict:
    return Verdict("do", reason) if allowed else Verdict("refused", f"{reason} (-f does it again)")


def _source_is(item: Item, was: Fingerprint) -> bool:
    try:
        return is_same((item.source,) if item.action == "copy" else stored_in(item.source), was)
    except VqzError:  # half of a pair is gone
        return False


def entry_of(
    item: Item,
    options: str,
    source: Fingerprint | None = None,
    result: Fingerprint | None = None,
) -> Entry:
    """Line of the journal about an item."""
    return Entry(
        result=item.result.as_posix(),
        source=item.relative.as_posix(),
        action=item.action,
        options="" if item.action == "copy" else options,
        source_is=source,
        result_is=result,
    )


def _difference(before: Any, now: Any) -> str:
    parts = []
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            was, wanted = (_shown(each.get(name)) for each in (before, now))
            parts.append(f"{name.replace('_', ' ')} {was}, now {wanted}")
    return "; ".join(parts) or "settings that are not known"


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
