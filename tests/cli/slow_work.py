"""Jobs for ``test_batch.py``; a module of its own, since other processes import it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqcodec.errors import FormatError


@dataclass(frozen=True)
class SlowJob:
    source: Path
    seconds: float = 0.0
    fails: bool = False


def work(job: SlowJob) -> dict[str, Any]:
    """Hold a file for some time, the way a temporary file is held while it is written."""
    if job.fails:
        raise FormatError("is broken")
    held = job.source.with_suffix(".held")
    held.touch()
    try:
        time.sleep(job.seconds)
    finally:
        held.unlink()
    return {"source": str(job.source), "threads": os.environ["OMP_NUM_THREADS"]}


def die(job: SlowJob) -> dict[str, Any]:
    os._exit(1)
