"""Archives opened for writing: new ones, which appear when complete, and ones to add to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from ..errors import FormatError
from .archive_reading import ArchiveFile
from .archive_snapshot import DATA_ADDRESS, Snapshot
from .archive_writing import ArchiveWriter
from .atomic import appears_whole
from .file_lock import lock_at_once


@contextmanager
def create_archive(
    path: str | os.PathLike[str], software: str, overwrite: bool = False
) -> Iterator[ArchiveWriter]:
    """A new archive, which has its name once it is complete.

    Raises
    ------
    FileExistsError
        ``path`` exists and ``overwrite`` is false.
    OSError
        It cannot be written, or is being written to by another program.
    """
    with (
        _held(path, overwrite),
        appears_whole(path, overwrite) as temporary,
        open(temporary, "x+b", buffering=0) as file,
    ):
        writer = ArchiveWriter(file, Snapshot(DATA_ADDRESS, DATA_ADDRESS), software)
        yield writer
        writer.commit()


@contextmanager
def append_to_archive(path: str | os.PathLike[str], software: str) -> Iterator[ArchiveWriter]:
    """An archive to add to; what was not committed when the block failed is cut off again.

    Raises
    ------
    FormatError, UnsupportedError, LimitExceededError
    OSError
        It cannot be read or written, or is being written to by another program.
    """
    with open(path, "r+b", buffering=0) as file:
        lock_at_once(file.fileno())
        if not os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
            raise FormatError("archive was replaced by another program at this moment; try again")
        archive = ArchiveFile(path)
        archive.close()
        _check_slots(archive.snapshot)
        writer = ArchiveWriter(file, archive.snapshot, software)
        try:
            yield writer
            writer.commit()
        finally:
            writer.drop_rest()


def _check_slots(snapshot: Snapshot) -> None:
    """Never write tables over members on the word of a file."""
    start = snapshot.data_address
    members = snapshot.index.members
    offsets, lengths = members["offset"].tolist(), members["length"].tolist()
    places = [
        (start + offset, start + offset + length)
        for offset, length in zip(offsets, lengths, strict=True)
        if length
    ]
    places += [(address, address + size) for address, size in snapshot.slots]
    places.sort()
    lowest = min([start, *(first for first, _ in places)])
    if (
        lowest < DATA_ADDRESS
        or not 1 <= len(snapshot.slots) <= 2
        or any(address > snapshot.end for address, _ in snapshot.slots)
        or any(end > first for (_, end), (first, _) in pairwise(places))
    ):
        raise FormatError("the places for tables in the archive overlap its members")


@contextmanager
def _held(path: str | os.PathLike[str], overwrite: bool) -> Iterator[None]:
    """Do not replace an archive that someone is adding to."""
    if not overwrite or not Path(path).is_file():
        yield
        return
    with open(path, "rb") as file:
        lock_at_once(file.fileno())
        yield
