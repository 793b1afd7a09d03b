"""Many files: one after the other or several at once, each failing for itself."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from .console import Console, complain
from .exits import Code, Failed, Terminated, end_on_signal, explain


class Job(Protocol):
    """Something to do with one file."""

    @property
    def source(self) -> Path | str:
        """The file, ``-``, or another name of what the job is about."""


AnyJob = TypeVar("AnyJob", bound=Job)
Record = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a record if it is done, else a code and a message."""

    source: Path | str
    record: Record | None = None
    code: Code = Code.DONE
    message: str = ""
    trace: str = ""


def attempt(work: Callable[[AnyJob], Record], job: AnyJob) -> Outcome:
    """Do one job; every error becomes an outcome."""
    try:
        return Outcome(job.source, record=work(job))
    except BrokenPipeError:
        raise
    except Exception as error:
        return failure(job.source, error)


def failure(source: Path | str, error: Exception) -> Outcome:
    """Turn an error into an outcome."""
    code, message = explain(error)
    trace = "".join(traceback.format_exception(error))
    return Outcome(source, code=code, message=message, trace=trace)


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
    alone = at_once < 2 or len(jobs) < 2
    outcomes = _in_turn(work, jobs) if alone else _at_once(work, jobs, at_once)
    names = [str(job.source) if alone else f"{at_once} files at once" for job in jobs]
    for outcome in console.progress(outcomes, names):
        codes.append(report(outcome, console, describe))
    return overall(codes)


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


def _in_turn(work: Callable[[AnyJob], Record], jobs: Sequence[AnyJob]) -> Iterator[Outcome]:
    for job in jobs:
        yield attempt(work, job)


def _at_once(
    work: Callable[[AnyJob], Record], jobs: Sequence[AnyJob], at_once: int
) -> Iterator[Outcome]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    workers = min(at_once, len(jobs))
    threads = max(1, (os.cpu_count() or 1) // workers)
    executor = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _start_worker, (threads,)
    )
    try:
        with _interrupts_ignored():
            sources = {executor.submit(_attempt_or_leave, work, job): job.source for job in jobs}
        for future in as_completed(sources):
            try:
                yield future.result()
            except BrokenProcessPool:
                died = "a process died, perhaps for want of memory; try again with a smaller -j"
                yield failure(sources[future], Failed(Code.IO, died))
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        executor.shutdown()


def _start_worker(threads: int) -> None:
    """Share the cores among the workers; end on SIGTERM only, which the first process sends."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_on_signal)


def _attempt_or_leave(work: Callable[[AnyJob], Record], job: AnyJob) -> Outcome:
    try:
        return attempt(work, job)
    except Terminated:
        os._exit(Code.TERMINATED)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes start that inherit deafness to Ctrl-C: this one tells them when to end."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
