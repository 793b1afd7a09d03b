"""Jobs in several processes, each of which loads the model once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice

from ..cores import bound_cores
from .exits import Code, Failed, Terminated, end_on_signal
from .outcomes import AnyJob, Outcome, Record, attempt, failure

_AHEAD = 2
"""Jobs taken for each process: one that it works on, and one so that it does not wait."""

_DIED = "a process died, perhaps for want of memory; try again with a smaller -j"


def in_processes(
    work: Callable[[AnyJob], Record], jobs: Iterable[AnyJob], workers: int
) -> Iterator[tuple[AnyJob, Outcome]]:
    """Do jobs in so many processes and yield each as it ends; see `batch.outcomes`.

    When a process dies, the jobs that may have killed it are tried once more, alone.
    """
    waiting = iter(jobs)
    running: dict[Future[Outcome], AnyJob] = {}
    executor = _executor(workers)
    try:
        while True:
            for job in islice(waiting, _AHEAD * workers - len(running)):
                running[_submitted(executor, work, job)] = job
            if not running:
                return
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            broken = False
            for future in ended:
                if isinstance(future.exception(), BrokenProcessPool):
                    broken = True
                else:
                    yield running.pop(future), future.result()
            if broken:
                executor.shutdown()
                suspects = list(running.values())
                running.clear()
                for job in suspects:
                    yield job, _alone(work, job)
                executor = _executor(workers)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        executor.shutdown()


def _alone(work: Callable[[AnyJob], Record], job: AnyJob) -> Outcome:
    executor = _executor(1)
    try:
        return _submitted(executor, work, job).result()
    except BrokenProcessPool:
        return failure(job.source, Failed(Code.IO, _DIED))
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        executor.shutdown()


def _executor(workers: int) -> ProcessPoolExecutor:
    threads = max(1, bound_cores() // workers)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, _start_worker, (threads,))


def _submitted(
    executor: ProcessPoolExecutor, work: Callable[[AnyJob], Record], job: AnyJob
) -> Future[Outcome]:
    try:
        with _interrupts_ignored():
            return executor.submit(_attempt_or_leave, work, job)
    except BrokenProcessPool as error:
        never: Future[Outcome] = Future()
        never.set_exception(error)
        return never


def _start_worker(threads: int) -> None:
    """Share the cores among the workers; end on SIGTERM, which the first process sends.

    And end with the first process, should it be killed: nobody would take note of the results.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_on_signal)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(Code.TERMINATED)


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
