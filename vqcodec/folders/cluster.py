"""Work spread over the workers of a dask scheduler; the client alone writes the journal.

A task is the same function call as in a local run, and may be done twice: a result is written
whole, under its name, and a second one replaces it. dask gives the tasks of a worker that is lost
to others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from .. import __version__
from ..errors import VqzError

Job = TypeVar("Job")
Result = TypeVar("Result")

RETRIES = 2
TASKS_A_THREAD = 4
"""Tasks handed out ahead, for each thread of the workers, so that none of them waits."""

MISSING = "dask is not installed: pip install 'vqcodec[scale]'"
CONNECT_SECONDS = "20s"


@contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """Start a scheduler and so many worker processes on this machine; yields a client."""
    distributed = _distributed()
    with (
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
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
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
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
    distributed = _distributed()
    waiting = iter(jobs)
    finished = distributed.as_completed([], with_results=False, raise_errors=False)
    running: dict[str, tuple[Any, Job]] = {}
    run_id = os.urandom(4).hex()
    number = 0

    def submit() -> bool:
        nonlocal number
        for job in waiting:
            number += 1
            future = client.submit(
                work, job, key=f"vqz-{run_id}-{number}", pure=False, retries=RETRIES
            )
            running[future.key] = (future, job)
            finished.add(future)
            return True
        return False

    try:
        while True:
            room = max(1, TASKS_A_THREAD * sum(client.nthreads().values()))
            while len(running) < room and submit():
                pass
            if not running:
                return
            future = next(finished)
            _, job = running.pop(future.key)
            if future.status == "finished":
                yield job, future.result()
            else:
                error = future.exception() if future.status == "error" else None
                yield job, lost(job, error or VqzError("was cancelled by the scheduler"))
            future.release()
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.cancel([future for future, _ in running.values()], force=True)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise VqzError(MISSING) from None
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
