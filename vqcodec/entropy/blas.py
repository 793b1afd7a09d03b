"""Matrix products by one thread: they are too small for two, which would wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from threadpoolctl import ThreadpoolController


class _SharedLimit:
    """A limit that holds from the first that asks for it to the last that lets go of it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._held = ExitStack()

    def take(self) -> None:
        with self._lock:
            if self._users == 0:
                limits = ThreadpoolController().limit(limits=1, user_api="blas")
                self._held.enter_context(limits)
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._held.close()


_LIMIT = _SharedLimit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use no threads of its own.

    The context networks are many small products; on cores that others use, too, decoding took
    three times as long with two threads as with one.
    """
    _LIMIT.take()
    try:
        yield
    finally:
        _LIMIT.release()
