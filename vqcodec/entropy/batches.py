"""Batches of tiles, several at a time: tiles know nothing of each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .tiling import Sides

#: Tiles that are in work, in all threads together, so that memory does not grow with the volume.
TILES_AT_ONCE = 48
#: More threads wait for each other: what is not array arithmetic is done by one at a time.
MOST_THREADS = 4


def in_batches(places: Sequence[Sides], work: Callable[[tuple[Sides, ...]], None]) -> None:
    """Call a function with every tile once, a batch at a time in each of several threads.

    Neighbouring tiles, which hold about as much, are dealt to different batches.

    Raises
    ------
    Exception
        The first that a call raised.
    """
    threads = min(usable_cores(), MOST_THREADS, TILES_AT_ONCE, len(places))
    if threads == 0:
        return
    rounds = -(-len(places) // TILES_AT_ONCE)
    count = min(rounds * threads, len(places))
    with ThreadPoolExecutor(threads, "tiles") as pool:
        for _ in pool.map(work, [tuple(places[start::count]) for start in range(count)]):
            pass


def usable_cores() -> int:
    """Cores that this process may use: those it is bound to, or ``OMP_NUM_THREADS`` if fewer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return min(cores or 1, int(wanted)) if wanted.isdecimal() and int(wanted) else cores or 1
