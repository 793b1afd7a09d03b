"""Make one operation on files fail, or end the process there.

Patches are never taken back: they belong to a process that is made for one fault.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

MILLISECOND = 1e-3
SECTOR = 512
CREATING = set("wxa+")


class Kind(Enum):
    """What happens. At an operation, from one on, or throughout."""

    FULL_DISK = "no space is left from an operation on"
    DEVICE_ERROR = "one operation fails with EIO"
    SHORT_WRITE = "one write stores half of its bytes, the next ones all"
    FULL_AFTER_HALF = "one write stores half of its bytes, then no space is left"
    KILL = "the process is killed at an operation"
    TOO_LARGE = "the kernel stops writes at some size, half way"
    SIGNALS = "a signal every millisecond interrupts system calls"
    LATE_KILL = "the process is killed after some time"


@dataclass(frozen=True)
class Fault:
    """One fault; ``place`` is an operation, counted from 0, a size in bytes, or a share of time."""

    kind: Kind
    place: float


class Operations:
    """Counts operations that change files, and makes them fail."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.done = 0

    def meet(self) -> bool:
        """Count one; fail if it is to fail; say whether it is to be cut short."""
        number, kind = self.done, self.fault.kind
        self.done += 1
        if kind is Kind.FULL_DISK and number >= self.fault.place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if kind is Kind.FULL_AFTER_HALF and number > self.fault.place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if number != self.fault.place:
            return False
        if kind is Kind.DEVICE_ERROR:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if kind is Kind.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        return kind in (Kind.SHORT_WRITE, Kind.FULL_AFTER_HALF)

    def failing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, counted."""

        def counted(*arguments: Any, **options: Any) -> Any:
            self.meet()
            return function(*arguments, **options)

        return counted


def install(fault: Fault) -> Operations:
    """Put a fault into this process."""
    operations = Operations(fault)
    if fault.kind is Kind.SIGNALS:
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, MILLISECOND, MILLISECOND)
        return operations
    if fault.kind is Kind.TOO_LARGE:
        limit_file_size(int(fault.place))
        return operations
    if fault.kind is Kind.LATE_KILL:
        signal.setitimer(signal.ITIMER_REAL, max(fault.place, MILLISECOND))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        return operations
    for name in ("fsync", "link", "replace", "rename", "mkdir", "ftruncate", "truncate"):
        setattr(os, name, operations.failing(getattr(os, name)))
    os.write, os.pwrite = cut_short(os.write, operations), cut_short(os.pwrite, operations)
    os.open = counted_open(os.open, operations)
    io.open = builtins.open = buffered_open(io.open, operations)  # type: ignore[assignment]
    return operations


def limit_file_size(nbytes: int) -> None:
    """Let the kernel write that much to a file, and no more."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, resource.RLIM_INFINITY))


def cut_short(write: Callable[..., int], operations: Operations) -> Callable[..., int]:
    """`os.write` or `os.pwrite`, counted."""

    def counted(descriptor: int, data: Any, *place: int) -> int:
        half = operations.meet()
        return write(descriptor, half_of(data) if half else data, *place)

    return counted


def counted_open(opened: Callable[..., int], operations: Operations) -> Callable[..., int]:
    """`os.open`, counted where it may make a file."""

    def counted(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT:
            operations.meet()
        return opened(path, flags, *rest, **options)

    return counted


def buffered_open(plain: Callable[..., Any], operations: Operations) -> Callable[..., Any]:
    """`open`, whose writes are counted below the buffer."""

    class Counted(io.FileIO):
        def write(self, data: Any) -> int:
            half = operations.meet() and not self.is_within_a_sector(len(data))
            return super().write(half_of(data) if half else data)

        def is_within_a_sector(self, nbytes: int) -> bool:
            """Whether bytes that are there are written over, so few that a disk does so whole."""
            place = self.tell()
            inside = place // SECTOR == (place + nbytes - 1) // SECTOR
            return inside and place + nbytes <= os.fstat(self.fileno()).st_size

        def truncate(self, size: int | None = None) -> int:
            operations.meet()
            return super().truncate(size)

    def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **options: Any) -> Any:
        if not CREATING & set(mode):
            return plain(file, mode, buffering, *rest, **options)
        if not isinstance(file, int):
            operations.meet()
        raw = Counted(file, mode.replace("b", "").replace("t", ""), options.pop("closefd", True))
        if "b" in mode and buffering == 0:
            return raw
        stream = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return stream
        return io.TextIOWrapper(stream, *rest, line_buffering=buffering == 1, **options)

    return opened


def half_of(data: Any) -> bytes:
    """Return the first half, at least a byte."""
    whole = bytes(data)
    return whole[: max(1, len(whole) // 2)]
