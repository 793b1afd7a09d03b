"""Going through the items of a folder: judged, begun, done and noted one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from .fingerprint import Fingerprint
from .journal import Entry, Journal
from .plan import Item
from .verdicts import entry_of, judge


class Ended(Protocol):
    """How the work on an item ended: with a record, or with a message."""

    @property
    def record(self) -> Mapping[str, Any] | None:
        """What is to be reported; ``source_is`` and ``result_is`` are fingerprints."""

    @property
    def message(self) -> str:
        """One line about what failed."""

    @property
    def stops(self) -> bool:
        """Whether nothing more can be written."""


Execute = Callable[[Iterable[Item]], Iterator[tuple[Item, Ended]]]


@dataclass(frozen=True)
class FileResult:
    """What became of one item.

    Attributes
    ----------
    item : Item
    status : {"done", "skipped", "failed"}
    note : str
        Why it failed, or was done again.
    source_bytes, result_bytes : int
        0 where they are not known.
    ended : Ended or None
        As its worker gave it; None for what no worker has seen.
    """

    item: Item
    status: Literal["done", "skipped", "failed"]
    note: str = ""
    source_bytes: int = 0
    result_bytes: int = 0
    ended: Ended | None = None


class StoppedError(Exception):
    """Nothing more can be written; the rest was not tried. Its text is one line."""


@dataclass
class Run:
    """One run into an output folder that is locked.

    Attributes
    ----------
    folder : Path
        The output folder.
    journal : Journal
        Open for writing.
    options : str
        Hash of the settings.
    overwrite : bool
    explain : callable
        One line about an error.
    """

    folder: Path
    journal: Journal
    options: str
    overwrite: bool
    explain: Callable[[Exception], str]
    _notes: dict[Item, str] = field(default_factory=dict)
    _settled: list[FileResult] = field(default_factory=list)

    def through(self, items: Iterable[Item], execute: Execute) -> Iterator[FileResult]:
        """Do what is left to do, and yield what became of each item.

        Raises
        ------
        StoppedError
            The disk is full, or the journal cannot be written.
        """
        for item, ended in execute(self._left(items)):
            yield from self._take_settled()
            yield self._noted(item, ended)
            if ended.stops:
                raise StoppedError(ended.message)
        yield from self._take_settled()

    def _left(self, items: Iterable[Item]) -> Iterator[Item]:
        """Items to do, each begun in the journal; the others are settled on the way."""
        for item in items:
            name = item.result.as_posix()
            entry = self.journal.entries.get(name)
            try:
                verdict = judge(
                    item, entry, self.folder, options=self.options, overwrite=self.overwrite
                )
            except OSError as error:
                self._settled.append(FileResult(item, "failed", self.explain(error)))
                continue
            if verdict.kind == "refused":
                self._settled.append(FileResult(item, "failed", verdict.note))
            elif verdict.kind == "done" and verdict.entry is not None:
                if entry is None:
                    self._note(verdict.entry)
                source, result = verdict.entry.source_is, verdict.entry.result_is
                sizes = (source.size if source else 0, result.size if result else 0)
                self._settled.append(FileResult(item, "skipped", "", *sizes))
            else:
                self._notes[item] = verdict.note
                if item.action != "copy":
                    self._note(entry_of(item, self.options))
                yield item

    def _take_settled(self) -> Iterator[FileResult]:
        while self._settled:
            yield self._settled.pop(0)

    def _noted(self, item: Item, ended: Ended) -> FileResult:
        note = self._notes.pop(item, "")
        if ended.record is None:
            return FileResult(item, "failed", ended.message, ended=ended)
        source = Fingerprint(**ended.record["source_is"])
        result = Fingerprint(**ended.record["result_is"])
        self._note(entry_of(item, self.options, source, result))
        return FileResult(item, "done", note, source.size, result.size, ended)

    def _note(self, entry: Entry) -> None:
        try:
            self.journal.note(entry)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoppedError(f"cannot write the journal in {self.folder}: {reason}") from error
