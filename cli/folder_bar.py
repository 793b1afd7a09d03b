"""How far a folder run is: files, speed, bytes saved, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ..folders.plan import Item
from ..folders.run import FileResult
from .console import Console, file_size

LAYOUT = "{percentage:3.0f} % |{bar:20}| {desc}"


@dataclass
class Pace:
    """What the bar says. Copies are quick: they count for the speed only if there is nothing else.

    Attributes
    ----------
    sizes : mapping
        Bytes of each item's source.
    clock : callable
        Seconds.
    """

    sizes: Mapping[Item, int]
    clock: Callable[[], float] = time.monotonic
    files: int = 0
    saved: int = 0
    _done_now: int = 0
    _bytes_now: int = 0
    _left: int = 0
    _started: float = 0.0
    _only_copies: bool = False

    def __post_init__(self) -> None:
        self._started = self.clock()
        self._only_copies = all(item.action == "copy" for item in self.sizes)
        self._left = sum(size for item, size in self.sizes.items() if self._counts(item))

    def _counts(self, item: Item) -> bool:
        return self._only_copies or item.action != "copy"

    def add(self, result: FileResult) -> None:
        """Take note of a file that is through."""
        self.files += 1
        if result.result_bytes:
            self.saved += result.source_bytes - result.result_bytes
        if not self._counts(result.item):
            return
        size = self.sizes.get(result.item, 0)
        self._left -= size
        if result.status == "done":
            self._done_now += 1
            self._bytes_now += size

    def __str__(self) -> str:
        """``12 of 340 files, 3.1 files/min, 8.2 MB/s, 1.2 GB saved, 41 min left``."""
        parts = [f"{self.files} of {len(self.sizes)} files"]
        seconds = max(self.clock() - self._started, 1e-9)
        if self._done_now:
            parts.append(f"{60 * self._done_now / seconds:.3g} files/min")
            parts.append(f"{file_size(round(self._bytes_now / seconds))}/s")
        if self.saved > 0:
            parts.append(f"{file_size(self.saved)} saved")
        if self._bytes_now:
            parts.append(f"{duration(self._left * seconds / self._bytes_now)} left")
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """Write a time for people: ``48 s``, ``41 min``, ``3 h 20 min``."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def folder_bar(
    console: Console, sizes: Mapping[Item, int]
) -> Iterator[Callable[[FileResult], None]]:
    """Show a bar while the block lasts, if someone is watching; yields what moves it."""
    if console.verbosity < 0 or not sys.stderr.isatty():
        yield lambda _result: None
        return
    from tqdm import tqdm

    pace = Pace(sizes)
    total = max(1, sum(sizes.values()))
    with tqdm(total=total, leave=False, file=sys.stderr, bar_format=LAYOUT) as bar:
        bar.set_description_str(str(pace))

        def move(result: FileResult) -> None:
            pace.add(result)
            bar.set_description_str(str(pace), refresh=False)
            bar.update(sizes.get(result.item, 0))

        yield move
