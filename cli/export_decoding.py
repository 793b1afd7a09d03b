"""Codes of many scans, decoded by one process or several, in the order of the scans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..codes import Scans, scans_in
from .batch import outcomes
from .outcomes import Outcome, Record


@dataclass(frozen=True)
class CodesJob:
    """A scan whose grids are wanted.

    Attributes
    ----------
    source : str
        Name of the scan in its folder or archive.
    place : Path
        The folder or archive.
    number : int
        Its turn, from 0 on.
    """

    source: str
    place: Path
    number: int


@lru_cache(maxsize=1)
def _scans_of_worker(place: Path) -> Scans:
    """Listed once by each worker process, which ends with the command."""
    return scans_in(place)


def grids_in_worker(job: CodesJob) -> Record:
    """The grids of all frames of a scan, under ``grids``; done by other processes."""
    return _grids(_scans_of_worker(job.place), job)


def _grids(scans: Scans, job: CodesJob) -> Record:
    return {"grids": scans[job.source].all_codes()}


def decoded(scans: Scans, place: Path, names: Iterable[str], at_once: int) -> Iterator[Outcome]:
    """Decode scans and yield what became of each, in their order.

    Parameters
    ----------
    scans : mapping of str to VQZ
    place : Path
        Where they were read from.
    names : iterable of str
        The scans wanted.
    at_once : int
        Number of processes; this one does the work if it is less than 2.
    """
    jobs = (CodesJob(name, place, number) for number, name in enumerate(names))
    work = grids_in_worker if at_once > 1 else lambda job: _grids(scans, job)
    return in_order(outcomes(work, jobs, at_once))


def in_order(ended: Iterator[tuple[CodesJob, Outcome]]) -> Iterator[Outcome]:
    """What became of jobs, in the order of their numbers: what is ready early waits."""
    early: dict[int, Outcome] = {}
    turn = 0
    for job, outcome in ended:
        early[job.number] = outcome
        while turn in early:
            yield early.pop(turn)
            turn += 1
