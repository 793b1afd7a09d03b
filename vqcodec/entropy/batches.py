"""Batches of tiles, several at a time: tiles know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event

from ..cores import usable_cores
from .tiling import Sides

#: Tiles that are in work, in all threads together, so that memory does not grow with the volume.
TILES_AT_ONCE = 48
#: More threads wait for each other: what is not array arithmetic is done by one at a time.
MOST_THREADS = 4

Batch = tuple[Sides, ...]
#: What long work calls now and then; it raises where the result is not wanted any more.
Check = Callable[[], None]


class _StoppedError(Exception):
    """Another batch failed, or who waits for all of them was interrupted."""


def proceed() -> None:
    """The check of work that nothing stops."""


def in_batches(places: Sequence[Sides], work: Callable[[Batch, Check], None]) -> None:
    """Have work done on every tile, a batch at a time in each of several threads.

    Parameters
    ----------
    places : sequence of tuple of int
        Tiles in raster order.
    work : callable
        Gets the tiles of a batch, and a check to call every few milliseconds: it stops the other
        batches where one fails or an exception interrupts the wait for them.

    Raises
    ------
    Exception
        What a batch raised, the first in time.
    """
    threads = min(usable_cores(), MOST_THREADS, TILES_AT_ONCE, len(places))
    batches = dealt(places, threads * -(-len(places) // TILES_AT_ONCE))
    if threads <= 1:
        for batch in batches:
            work(batch, proceed)
        return
    stopped = Event()

    def check() -> None:
        if stopped.is_set():
            raise _StoppedError

    with ThreadPoolExecutor(threads, "tiles") as pool:
        try:
            tasks = [pool.submit(work, batch, check) for batch in batches]
            for task in as_completed(tasks):
                task.result()
        finally:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)


def dealt(places: Sequence[Sides], count: int) -> list[Batch]:
    """So many batches, fewer where there are fewer tiles.

    Neighbours, which hold about as much, go to different batches. Every round of dealing begins
    one batch further on, lest one of them gets an edge of the volume, or its middle.
    """
    batches: list[list[Sides]] = [[] for _ in range(min(count, len(places)))]
    for number, place in enumerate(places):
        batches[(number + number // len(batches)) % len(batches)].append(place)
    return [tuple(batch) for batch in batches]
