"""Work spread over the workers of a dask scheduler; the client alone writes the journal.

A task is the same function call as in a local run, and may be done twice: a result is written
whole, under its name, and a second one replaces it. dask gives the tasks of a worker that is lost
to others.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from itertools import count, islice
from typing import Any, TypeVar

from .. import __version__
from ..errors import VqzError

Job = TypeVar("Job")
Result = TypeVar("Result")

RETRIES = 2
TASKS_A_THREAD = 4
"""Tasks handed out ahead, for each thread of the workers, so that none of them waits."""

MISSING = "dask is not installed: pip install 'vqcodec[scale]'"


@contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """Start a scheduler and so many worker processes on this machine; yields a client."""
    distributed = _distributed()
    with (
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # none would still want port 8787
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def scheduler_at(address: str) -> Iterator[Any]:
    """Connect to a scheduler whose workers see the same files under the same names.

    Raises
    ------
    VqzError
        Nobody answers there, or a worker has no vqcodec or another one.
    """
    distributed = _distributed()
    try:
        client = distributed.Client(address, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise VqzError(f"no dask scheduler answers at {address} ({reason})") from None
    with client:
        _check_versions(client)
        yield client


def on_cluster(
    client: Any,
    work: Callable[[Job], Result],
    jobs: Iterable[Job],
    lost: Callable[[Job, Exception], Result],
) -> Iterator[tuple[Job, Result]]:
    """Do jobs on the workers and yield each with its result, in the order in which they end.

    Jobs are taken from ``jobs`` as workers get free for them. An exception that ``work`` lets
    through makes dask try again; what fails every time, or has cost several workers their lives,
    is given to ``lost``.
    """
    finished = _distributed().as_completed([], loop=client.loop)
    waiting = iter(jobs)
    running: dict[str, tuple[Any, Job, int]] = {}
    names = (f"vqz-{os.urandom(4).hex()}-{number}" for number in count())

    def submit(job: Job, tries: int = 0) -> None:
        future = client.submit(work, job, key=next(names), pure=False, retries=RETRIES)
        running[future.key] = (future, job, tries)
        finished.add(future)

    try:
        while True:
            for job in islice(waiting, max(0, _room(client) - len(running))):
                submit(job)
            if not running:
                return
            future = next(finished)
            _, job, tries = running.pop(future.key)
            ended = _ended(future)
            if ended is None and tries < RETRIES:
                submit(job, tries + 1)
            elif isinstance(ended, tuple):
                yield job, ended[0]
            else:
                yield job, lost(job, ended or VqzError("its dask workers were lost"))
    except (OSError, TimeoutError) as error:
        raise VqzError("the dask scheduler is gone; run the same command again to go on") from error
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.cancel([future for future, _, _ in running.values()], force=True)


def _room(client: Any) -> int:
    """Tasks to have under way; one where there are no workers yet."""
    threads: int = sum(client.nthreads().values())
    return max(1, TASKS_A_THREAD * threads)


def _ended(future: Any) -> tuple[Any] | Exception | None:
    """The result of a task, or its error, or nothing where it was lost with its worker."""
    if future.status == "error":
        error = future.exception()
        if type(error).__name__ == "KilledWorker":
            return VqzError("several dask workers died on it, perhaps for want of memory")
        return error if isinstance(error, Exception) else VqzError(f"failed with {error!r}")
    if future.status != "finished":
        return None
    try:
        return (future.result(),)
    except CancelledError:
        return None


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise VqzError(MISSING) from None
    # A lost worker is dealt with here; dask would tell about it in lines of its own.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


def _version_here() -> str:
    return __version__


def _check_versions(client: Any) -> None:
    try:
        versions = client.run(_version_here)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise VqzError(f"a dask worker cannot import vqcodec {__version__} ({reason})") from None
    if not versions:
        return
    others = sorted({version for version in versions.values() if version != __version__})
    if others:
        raise VqzError(f"a dask worker has vqcodec {others[0]}, not {__version__}")
