"""What a command says, and where: results on stdout, errors and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar

T = TypeVar("T")


def printable(text: str) -> str:
    """Escape control characters, which a file or its name may hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def put(text: str, stream: TextIO) -> None:
    """Print a line, above the progress bar if there is one."""
    bars = sys.modules.get("tqdm")
    if bars is None:
        print(text, file=stream, flush=True)
    else:
        bars.tqdm.write(text, file=stream)
        stream.flush()


def complain(text: str) -> None:
    """Print one line of error."""
    put(f"vqz: {printable(' '.join(text.split()))}", sys.stderr)


def file_size(size: int) -> str:
    """Write a number of bytes for people, such as ``311 kB``."""
    if size < 1000:
        return f"{size} B"
    value, unit = size / 1000, "kB"
    for larger in ("MB", "GB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}" if value < 999.5 else f"{value:.0f} {unit}"


@dataclass(frozen=True)
class Console:
    """How much to say.

    Attributes
    ----------
    verbosity : int
        -1 for errors only, 0, or 1 for details.
    as_json : bool
        One JSON object a line on stdout instead of text.
    stdout_is_taken : bool
        Data go to stdout, so that results go to stderr.
    """

    verbosity: int = 0
    as_json: bool = False
    stdout_is_taken: bool = False

    def result(self, record: dict[str, Any], lines: Sequence[str]) -> None:
        """Report a result: the record with ``--json``, else the lines."""
        stream = sys.stderr if self.stdout_is_taken else sys.stdout
        if self.as_json:
            put(json.dumps(record, sort_keys=True, default=str), stream)
        elif self.verbosity >= 0 and lines:
            put("\n".join(printable(line) for line in lines), stream)

    def note(self, text: str) -> None:
        """Say something on the way, on stderr, unless only errors are wanted."""
        if self.verbosity >= 0:
            complain(text)

    def progress(self, items: Iterable[T], names: Sequence[str]) -> Iterator[T]:
        """Pass the items on; if someone is watching, show which one is worked on.

        Parameters
        ----------
        items : iterable
            As many as there are names.
        names : sequence of str
            What to show while waiting for each item.
        """
        if self.verbosity < 0 or not sys.stderr.isatty():
            yield from items
            return
        from tqdm import tqdm

        layout = "{desc} ({n_fmt} of {total_fmt} done, {elapsed})"
        waiting = iter(items)
        with tqdm(total=len(names), leave=False, file=sys.stderr, bar_format=layout) as bar:
            for name in names:
                bar.set_description_str(printable(name))
                yield next(waiting)
                bar.update()
