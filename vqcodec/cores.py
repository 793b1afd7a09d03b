"""How many cores there are for this process."""

from __future__ import annotations

import os


def bound_cores() -> int:
    """Cores that this process is bound to; all of the machine where nothing binds it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_cores() -> int:
    """The same, or ``OMP_NUM_THREADS`` where that is less: how many threads to compute with."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isdecimal() and int(wanted) > 0:
        return min(bound_cores(), int(wanted))
    return bound_cores()
