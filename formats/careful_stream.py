"""A file for libraries that do not stand a full disk."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class CarefulStream(io.FileIO):
    """A new file whose first failure is kept, while what is written afterwards is dropped.

    HDF5 cannot close a file that it cannot write: it prints to stderr and leaves the process in
    pieces. So it is told that all is well, and the failure is raised when it has closed.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, "x+")
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of the data, or note why that failed."""
        rest = memoryview(data).cast("B")
        nbytes = len(rest)
        while rest and self.failure is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.failure = error
        return nbytes

    def truncate(self, size: int | None = None) -> int:
        """Set the length, or note why that failed."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def check(self) -> None:
        """Raise the failure, if there was one.

        Raises
        ------
        OSError
            A write failed: the disk is full, or the file too large for it.
        """
        if self.failure is not None:
            raise self.failure


@contextmanager
def careful_stream(path: str) -> Iterator[CarefulStream]:
    """A new file for a block; an error of the block gives way to that of the file.

    Raises
    ------
    OSError
        The file cannot be made, or a write failed.
    """
    with CarefulStream(path) as stream:
        try:
            yield stream
        except Exception as error:
            if stream.failure is not None and error is not stream.failure:
                raise stream.failure from error
            raise
        stream.check()
