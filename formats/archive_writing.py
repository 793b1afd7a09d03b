"""Writing archives so that a kill at any moment leaves a readable one; see VQA.md, section 6."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO

import numpy as np

from ..errors import FormatError, LimitExceededError
from ..limits import DEFAULT_LIMITS
from .archive_hdf5 import Superblock, dataset, group
from .archive_names import check_name
from .archive_snapshot import FORMAT_NAME, FORMAT_VERSION, Snapshot
from .archive_tables import (
    VISIBLE,
    Index,
    Kind,
    Member,
    ScanFacts,
    Table,
    members_table,
    scans_table,
)
from .canonical_json import canonical_json

_ALIGNMENT = 8
_ROOM = 1 << 14  # for everything in a slot that is no row of a table

Slots = tuple[tuple[int, int], ...]


class ArchiveWriter:
    """Adds members to an archive. What was added is part of it once :meth:`commit` returned."""

    def __init__(self, file: BinaryIO, snapshot: Snapshot, software: str) -> None:
        """Write to a file open for reading and writing, unbuffered."""
        self._file = file
        self._software = software
        self._slots = snapshot.slots
        self._data_address = snapshot.data_address
        self._end = max([snapshot.end, *(address + size for address, size in snapshot.slots)])
        self._data_end = snapshot.data_address
        self._committed_end = snapshot.end
        self._index = snapshot.index
        self._new: dict[tuple[bool, str], Member] = {}
        self._new_scans: dict[int, ScanFacts] = {}
        members = self._index.members
        if len(members):
            self._data_end += int((members["offset"] + members["length"]).max())
        self._is_changed = not snapshot.slots
        self._is_unsure = False

    def find(self, name: str, kind: Kind) -> Member | None:
        """The member of this name; scans and sidecars share their names."""
        return self._new.get(_key(kind, name)) or self._index.find(name, kind)

    def holds(self, name: str, kind: Kind, data: bytes) -> bool:
        """Whether there is a member of this name with these bytes.

        Raises
        ------
        FormatError
            There is one with other bytes.
        """
        found = self.find(name, kind)
        if found is None:
            return False
        if found.kind != kind or found.sha256 != hashlib.sha256(data).digest():
            raise FormatError(f"there is another member {name!r} already")
        return True

    def add(self, name: str, kind: Kind, data: bytes, facts: ScanFacts | None = None) -> Member:
        """Write a member's bytes behind all others.

        Parameters
        ----------
        name : str
            Relative path.
        kind : Kind
        data : bytes
        facts : ScanFacts
            For a scan, and only for one.

        Raises
        ------
        FormatError
            The name cannot be one, or is taken.
        LimitExceededError
            Too many members, or too large a one.
        OSError
        """
        check_name(name)
        if self.find(name, kind) is not None:
            raise FormatError(f"there is a member {name!r} already")
        row = len(self._index.members) + len(self._new)
        if row >= DEFAULT_LIMITS.members:
            raise LimitExceededError(f"an archive has at most {DEFAULT_LIMITS.members} members")
        if len(data) > DEFAULT_LIMITS.section_bytes:
            raise LimitExceededError(
                f"{name!r} has {len(data)} bytes, more than {DEFAULT_LIMITS.section_bytes}"
            )
        if (kind == Kind.SCAN) != (facts is not None):
            raise ValueError("a scan, and nothing else, has facts")
        write_at(self._file, self._end, data)
        sha256 = hashlib.sha256(data).digest()
        member = Member(name, kind, self._end - self._data_address, len(data), sha256)
        if facts is not None:
            self._new_scans[row] = facts
        self._new[_key(kind, name)] = member
        self._end += len(data)
        self._data_end = self._end
        self._is_changed = True
        return member

    def commit(self) -> None:
        """Make everything added so far part of the archive; it is on the disk afterwards.

        The tables go to bytes that the archive does not use at this moment: the first write to
        what it does use is that of the superblock, and it makes them its tables.

        Raises
        ------
        FormatError
            An earlier commit failed half way.
        OSError
        """
        if self._is_unsure:
            raise FormatError("an earlier write to the archive failed; open it again to go on")
        if not self._is_changed:
            return
        tables = {
            "members": members_table(list(self._new.values()), self._index.members),
            "scans": scans_table(self._new_scans, self._index.scans),
        }
        slots = self._next_slots(sum(table.nbytes for table in tables.values()) + _ROOM)
        block, root = self._block(tables, slots)
        address, capacity = slots[0]
        if len(block) > capacity:
            raise LimitExceededError("tables of the archive do not fit their place")
        write_at(self._file, address, block)
        end = max(self._data_end, address + len(block))
        sync(self._file)
        # When one of these two fails, either superblock may be there: keep what both speak of.
        self._is_unsure = True
        self._committed_end = max(self._committed_end, end)
        write_at(self._file, 0, Superblock(end, root).to_bytes())
        sync(self._file)
        self._is_unsure = False
        self._slots, self._committed_end, self._is_changed = slots, end, False
        self._end = max([self._end, *(address + size for address, size in slots)])
        visible, hidden = dict(self._index.visible), dict(self._index.hidden)
        for row, (is_visible, name) in enumerate(self._new, len(self._index.members)):
            (visible if is_visible else hidden)[name] = row
        self._index = Index(tables["members"], tables["scans"], visible, hidden)
        self._new, self._new_scans = {}, {}

    def drop_rest(self) -> None:
        """Cut off what was written since the last commit."""
        self._file.truncate(self._committed_end)

    def _next_slots(self, needed: int) -> Slots:
        """The place to write tables to, and the one in use, which is free from then on.

        A place that has become too small is given up for one with room to grow, so that all of
        them together stay within a few times the size of the tables.
        """
        if len(self._slots) > 1 and self._slots[1][1] >= needed:
            return self._slots[1], self._slots[0]
        capacity = needed + needed // 2 if self._slots else needed
        return (_aligned(self._end), capacity), *self._slots[:1]

    def _block(self, tables: dict[str, Table], slots: Slots) -> tuple[bytes, int]:
        """Header, tables and HDF5 metadata for the first slot; address of the root group."""
        contents = {name: table.tobytes() for name, table in tables.items()}
        header = {
            "format": FORMAT_NAME,
            "version": list(FORMAT_VERSION),
            "software": self._software,
            "slots": [list(slot) for slot in slots],
            **{
                f"{name}_sha256": hashlib.sha256(content).hexdigest()
                for name, content in contents.items()
            },
        }
        contents["header"] = canonical_json(header)
        block, start = bytearray(), slots[0][0]

        def place(part: bytes) -> int:
            block.extend(bytes(-len(block) % _ALIGNMENT))
            block.extend(part)
            return start + len(block) - len(part)

        u1 = np.dtype("u1")
        headers = {"data": dataset(u1, self._data_end - self._data_address, self._data_address)}
        for name, content in contents.items():
            dtype = tables[name].dtype if name in tables else u1
            headers[name] = dataset(dtype, len(content) // dtype.itemsize, place(content))
        root = place(group({name: place(each) for name, each in sorted(headers.items())}))
        return bytes(block), root


def write_at(file: BinaryIO, address: int, data: bytes) -> None:
    """Write all of some bytes at a place of a file."""
    rest = memoryview(data)
    while rest:
        file.seek(address)
        written = file.write(rest)
        address, rest = address + written, rest[written:]


def sync(file: BinaryIO) -> None:
    """Wait until everything written is on the disk."""
    os.fsync(file.fileno())


def _aligned(address: int) -> int:
    return address + -address % _ALIGNMENT


def _key(kind: Kind, name: str) -> tuple[bool, str]:
    return kind in VISIBLE, name
