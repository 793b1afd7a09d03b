"""Many files: one after the other or several at once, each failing for itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from .console import Console, complain
from .exits import Code
from .outcomes import AnyJob, Outcome, Record, attempt, failure

__all__ = ["Outcome", "Record", "attempt", "failure", "outcomes", "overall", "report", "run_jobs"]


def run_jobs(
    work: Callable[[AnyJob], Record],
    jobs: Sequence[AnyJob],
    *,
    at_once: int,
    console: Console,
    describe: Callable[[Record], list[str]],
    failed_before: Sequence[Outcome] = (),
) -> Code:
    """Do the jobs, report each as it ends, and return the exit code of them all.

    Parameters
    ----------
    work : callable
        Does one job and returns what ``--json`` prints; importable by its name, since it runs
        in other processes if several jobs run at once.
    jobs : sequence
        Picklable.
    at_once : int
        Number of jobs that run at the same time.
    console : Console
        Where to report.
    describe : callable
        Writes a record as lines of text.
    failed_before : sequence of Outcome
        Failures that are known already.
    """
    codes = []
    for outcome in failed_before:
        codes.append(report(outcome, console, describe))
    at_once = min(at_once, len(jobs))
    names = [str(job.source) if at_once < 2 else f"{at_once} files at once" for job in jobs]
    for _, outcome in console.progress(outcomes(work, jobs, at_once), names):
        codes.append(report(outcome, console, describe))
    return overall(codes)


def outcomes(
    work: Callable[[AnyJob], Record], jobs: Iterable[AnyJob], at_once: int
) -> Iterator[tuple[AnyJob, Outcome]]:
    """Do jobs, one after the other or several at once, and yield each as it ends.

    Parameters
    ----------
    work : callable
        As for `run_jobs`.
    jobs : iterable
        Picklable; the next is taken when there is room for it.
    at_once : int
        Number of processes; this one does the work if it is less than 2.
    """
    if at_once < 2:
        return ((job, attempt(work, job)) for job in jobs)
    from .processes import in_processes

    return in_processes(work, jobs, at_once)


def report(outcome: Outcome, console: Console, describe: Callable[[Record], list[str]]) -> Code:
    """Print an outcome."""
    if outcome.record is not None:
        console.result(outcome.record, describe(outcome.record))
        return Code.DONE
    if os.environ.get("VQZ_DEBUG") == "1":
        print(outcome.trace, file=sys.stderr, end="")
    message = outcome.message.removeprefix(f"{outcome.source}: ")
    complain(f"{outcome.source}: {message}")
    if console.as_json:
        record = {"source": str(outcome.source), "error": message, "code": int(outcome.code)}
        console.result(record, [])
    return outcome.code


def overall(codes: Sequence[Code]) -> Code:
    """Return the code that all files share, or else that some failed."""
    return codes[0] if len(set(codes)) == 1 else Code.SOME_FAILED if codes else Code.DONE
