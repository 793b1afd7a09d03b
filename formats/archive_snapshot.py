"""The HDF5 side of opening an archive: its four datasets, and what they must be like."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import FormatError, LimitExceededError, UnsupportedError
from ..limits import DEFAULT_LIMITS
from .archive_hdf5 import Superblock
from .archive_tables import Index, empty_index, index_of, members_type
from .canonical_json import parse_canonical_json

FORMAT_NAME = "vqcodec archive"
FORMAT_VERSION = (1, 0)
DATA_ADDRESS = 512
DATASETS = ("data", "header", "members", "scans")

_MOST_OBJECTS = 64
_MOST_COLUMNS = 64

ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Place:
    """A dataset in the file: address in bytes, rows, and their type."""

    address: int
    rows: int
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of the dataset."""
        return self.rows * self.dtype.itemsize


@dataclass(frozen=True)
class Snapshot:
    """What an archive held when it was opened.

    Attributes
    ----------
    end : int
        Bytes of the file that belong to it.
    data_address : int
        Where in the file the bytes of the members are counted from.
    slots : tuple of (int, int)
        Address and capacity of the places for tables, the one in use first.
    index : Index
        Its tables.
    """

    end: int
    data_address: int
    slots: tuple[tuple[int, int], ...] = ()
    index: Index = field(default_factory=empty_index)


def read_snapshot(descriptor: int, superblock: Superblock, read_at: ReadAt) -> Snapshot:
    """Read and check the tables of an archive.

    Parameters
    ----------
    descriptor : int
        The open file.
    superblock : Superblock
        Its superblock.
    read_at : callable
        Returns bytes of the file, given address and size.

    Raises
    ------
    FormatError, UnsupportedError, LimitExceededError
    """
    places = _places(descriptor, superblock.end)
    header = _header(read_at(places["header"].address, places["header"].size))
    tables = {}
    for name in ("members", "scans"):
        data = read_at(places[name].address, places[name].size)
        if hashlib.sha256(data).hexdigest() != header.get(f"{name}_sha256"):
            raise FormatError(f"checksum of table {name!r} does not match (archive is damaged)")
        tables[name] = np.frombuffer(data, places[name].dtype)
    return Snapshot(
        end=superblock.end,
        data_address=places["data"].address if places["data"].rows else DATA_ADDRESS,
        slots=_slots(header),
        index=index_of(tables["members"], tables["scans"], places["data"].size),
    )


def _places(descriptor: int, end: int) -> dict[str, Place]:
    import h5py

    with (
        _hdf5_errors(),
        os.fdopen(os.dup(descriptor), "rb") as stream,
        h5py.File(stream, "r") as file,
    ):
        if len(file) > _MOST_OBJECTS:
            raise FormatError(f"archive holds more than {_MOST_OBJECTS} objects")
        for name in DATASETS:
            if name not in file.keys():  # noqa: SIM118, links are not followed like this
                raise FormatError(f"not an archive (an HDF5 file without {name!r})")
            if type(file.get(name, getlink=True)) is not h5py.HardLink:
                raise FormatError(f"{name!r} is a link to elsewhere")
        places = {name: _place(file, name, end) for name in DATASETS}
    _check_types(places)
    return places


def _place(file: Any, name: str, end: int) -> Place:
    """Where a dataset is, if its bytes are plainly there."""
    import h5py

    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or len(dataset.shape or ()) != 1:
        raise FormatError(f"{name!r} is no dataset of one axis")
    creation = dataset.id.get_create_plist()
    if (
        creation.get_layout() != h5py.h5d.CONTIGUOUS
        or creation.get_nfilters()
        or creation.get_external_count()
    ):
        raise FormatError(f"{name!r} is not stored in one piece of the file, as it is")
    rows, dtype = int(dataset.shape[0]), dataset.dtype
    address = dataset.id.get_offset() if rows else 0
    if address is None or address + rows * dtype.itemsize > end:
        raise FormatError(f"{name!r} reaches beyond the end of the archive")
    return Place(address, rows, dtype)


def _check_types(places: dict[str, Place]) -> None:
    if any(places[name].dtype != np.dtype("u1") for name in ("data", "header")):
        raise FormatError("data and header of the archive are not bytes")
    members, scans = places["members"].dtype, places["scans"].dtype
    width = members["name"].itemsize if "name" in (members.names or ()) else 1
    if width > DEFAULT_LIMITS.name_bytes or members != members_type(width):
        raise FormatError("table 'members' does not have the columns of an archive")
    fields = scans.names or ()
    if (
        fields[:2] != ("member", "model")
        or (scans["member"], scans["model"]) != (np.dtype("<u4"), np.dtype("S64"))
        or any(scans[name] != np.dtype("<f8") for name in fields[2:])
    ):
        raise FormatError("table 'scans' does not have the columns of an archive")
    for found, limit, what in (
        (places["header"].size, DEFAULT_LIMITS.archive_header_bytes, "header bytes"),
        (places["members"].rows, DEFAULT_LIMITS.members, "members"),
        (places["scans"].rows, DEFAULT_LIMITS.members, "scans"),
        (len(fields), _MOST_COLUMNS, "columns of figures"),
    ):
        if found > limit:
            raise LimitExceededError(f"archive claims {found} {what}, more than {limit}")


def _header(data: bytes) -> dict[str, Any]:
    header = parse_canonical_json(data, "the header of the archive")
    if not isinstance(header, dict) or header.get("format") != FORMAT_NAME:
        raise FormatError("not an archive (its header does not say so)")
    version: Any = header.get("version")
    if not _are_numbers(version, 2):
        raise FormatError("the header of the archive states no version")
    if version[0] != FORMAT_VERSION[0]:
        found = ".".join(map(str, version))
        raise UnsupportedError(
            f"archive version {found} is unknown (this vqcodec reads {FORMAT_VERSION[0]}.x)"
        )
    return header


def _slots(header: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    slots = header.get("slots")
    if not isinstance(slots, list) or not all(_are_numbers(slot, 2) for slot in slots):
        raise FormatError("the header of the archive lacks its slots")
    return tuple((address, capacity) for address, capacity in slots)


def _are_numbers(value: Any, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(type(each) is int and each >= 0 for each in value)
    )


@contextmanager
def _hdf5_errors() -> Iterator[None]:
    """Whatever the HDF5 library says of a file it cannot make sense of."""
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(f"archive is damaged, or no archive: {reason}") from error
