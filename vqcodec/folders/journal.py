"""What was done in an output folder: one line a step, written before anyone relies on it.

A JSON object a line, in ASCII (names that are no text keep their bytes as surrogates):

``{"event": "run", "options": ID, "settings": {...}, "software": ..., "journal": 1}``
    A run with these settings; ``ID`` is a hash of them.
``{"event": "begun", "result": NAME, "source": NAME, "action": ..., "options": ID}``
    The result is being made. Whatever has its name from now on comes from a run.
``{"event": "done", ..., "source_is": {...}, "result_is": {...}}``
    The result is there: size, time and SHA-256 of both.

The last line about a result counts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from ..errors import FormatError, UnsupportedError
from .fingerprint import Fingerprint
from .names import OWN_PREFIX

JOURNAL_NAME = f"{OWN_PREFIX}journal.jsonl"
VERSION = 1

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """What is known of a result; without fingerprints it was begun only.

    Attributes
    ----------
    result, source : str
        Relative names, with slashes.
    action : str
        ``compress``, ``decompress`` or ``copy``.
    options : str
        Hash of the settings it was made with.
    source_is, result_is : Fingerprint or None
    """

    result: str
    source: str
    action: str
    options: str
    source_is: Fingerprint | None = None
    result_is: Fingerprint | None = None


@dataclass
class Journal:
    """The journal of an output folder, in memory; and open for more, where a run goes on.

    Attributes
    ----------
    entries : dict
        By name of the result.
    settings : dict
        By hash, those of all runs so far.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    settings: dict[str, Settings] = field(default_factory=dict)
    stream: FileIO | None = None

    def run(self, settings: Settings, software: str) -> str:
        """Note that a run with these settings begins; return their hash."""
        options = options_id(settings)
        self._write(
            event="run", options=options, settings=settings, software=software, journal=VERSION
        )
        self.settings[options] = settings
        return options

    def note(self, entry: Entry) -> None:
        """Note a result that is begun or done; when this returns, it is on the disk."""
        if entry.result_is is None:
            step = {
                name: value
                for name, value in asdict(entry).items()
                if name not in ("source_is", "result_is")
            }
            self._write(event="begun", **step)
        else:
            self._write(event="done", **asdict(entry))
        self.entries[entry.result] = entry

    def _write(self, **line: Any) -> None:
        if self.stream is None:
            raise ValueError("the journal is not open for writing")
        left = memoryview(json.dumps(line, sort_keys=True).encode("ascii") + b"\n")
        while left:  # no buffer that would be written once more on closing
            left = left[self.stream.write(left) :]
        os.fsync(self.stream.fileno())

    def close(self) -> None:
        """Close the file."""
        if self.stream is not None:
            self.stream.close()


def read_journal(folder: Path) -> Journal:
    """Read the journal of an output folder; an empty one if there is none.

    Raises
    ------
    FormatError
        A line is damaged; the last one may be torn.
    UnsupportedError
        It is of a newer version.
    OSError
        It cannot be read.
    """
    path = folder / JOURNAL_NAME
    journal = Journal()
    data = path.read_bytes() if path.exists() else b""
    for number, line in enumerate(data[: _sound_length(data)].splitlines(), 1):
        try:
            _take(journal, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FormatError(
                f"line {number} of {path} is damaged: remove the line, or use another folder"
            ) from None
    return journal


def open_journal(folder: Path) -> Journal:
    """Read the journal and open it for more, without the torn line a crash may have left.

    Raises
    ------
    FormatError, UnsupportedError, OSError
        As `read_journal`; also where the folder cannot be written to.
    """
    journal = read_journal(folder)
    stream = FileIO(folder / JOURNAL_NAME, "ab+")
    try:
        stream.seek(0)
        stream.truncate(_sound_length(stream.readall()))
    except BaseException:
        stream.close()
        raise
    journal.stream = stream
    return journal


def options_id(settings: Settings) -> str:
    """Hash of settings."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def _sound_length(data: bytes) -> int:
    """Bytes up to the end of the last complete line."""
    return data.rfind(b"\n") + 1


def _take(journal: Journal, line: dict[str, Any]) -> None:
    event = line.pop("event")
    if event == "run":
        if line["journal"] > VERSION:
            raise UnsupportedError("the journal was written by a newer vqcodec")
        journal.settings[line["options"]] = dict(line["settings"])
        return
    for name in ("source_is", "result_is"):
        if event == "done":
            line[name] = Fingerprint(**line[name])
    entry = Entry(**line)
    journal.entries[entry.result] = entry
