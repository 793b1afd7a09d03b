"""The tables of an archive: which members there are, and the figures of its scans."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, LimitExceededError, UnsupportedError
from ..limits import DEFAULT_LIMITS
from .archive_names import are_plain, check_name

Table = NDArray[Any]

MOST_FIGURES = 32
_FIGURE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_SHA256 = re.compile(rb"[0-9a-f]{64}")
_SCAN_FIELDS = ("member", "model")


class Kind(IntEnum):
    """What a member is. A number never changes its meaning."""

    SCAN = 1
    SIDECAR = 2
    WEIGHTS = 3
    MODEL_ENTRY = 4


VISIBLE = (Kind.SCAN, Kind.SIDECAR)


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes
    ----------
    name : str
        Relative path with ``/`` between its parts.
    kind : Kind
    offset, length : int
        Place of its bytes in the dataset ``data``.
    sha256 : bytes
        Of its bytes; 32 of them.
    """

    name: str
    kind: Kind
    offset: int
    length: int
    sha256: bytes


@dataclass(frozen=True)
class ScanFacts:
    """What the table of scans says of one.

    Attributes
    ----------
    model_sha256 : str
        Identity of the model it was written with.
    figures : mapping of str to float or None
        What was measured when it was written.
    """

    model_sha256: str
    figures: Mapping[str, float | int | None] = field(default_factory=dict)


def members_type(name_bytes: int) -> np.dtype[Any]:
    """Type of a row of ``members`` for names of at most so many bytes."""
    import h5py

    return np.dtype(
        [
            ("name", h5py.string_dtype("utf-8", max(1, name_bytes))),
            ("kind", "u1"),
            ("offset", "<u8"),
            ("length", "<u8"),
            ("sha256", "V32"),
        ]
    )


def scans_type(figures: Sequence[str]) -> np.dtype[Any]:
    """Type of a row of ``scans``: row of the member, identity of its model, and the figures."""
    return np.dtype([("member", "<u4"), ("model", "S64"), *((name, "<f8") for name in figures)])


@dataclass(frozen=True, eq=False)
class Index:
    """The tables of an archive, with the rows of its members by their names.

    Attributes
    ----------
    members, scans : Table
        As :func:`members_type` and :func:`scans_type` have them.
    visible, hidden : dict of str to int
        Rows of scans and sidecars, and rows of what belongs to models, by name.
    """

    members: Table
    scans: Table
    visible: dict[str, int]
    hidden: dict[str, int]

    def rows(self, kind: Kind) -> dict[str, int]:
        """Rows by name, of this kind and the one that shares names with it."""
        return self.visible if kind in VISIBLE else self.hidden

    def member(self, row: int) -> Member:
        """The member in a row."""
        name, kind, offset, length, sha256 = self.members[row].item()
        return Member(name.decode(), Kind(kind), offset, length, bytes(sha256))

    def find(self, name: str, kind: Kind) -> Member | None:
        """The member of this name, of this kind or the one that shares names with it."""
        row = self.rows(kind).get(name)
        return None if row is None else self.member(row)

    def of_kind(self, *kinds: Kind) -> Iterator[Member]:
        """Members in the order in which they were added."""
        for row in np.flatnonzero(np.isin(self.members["kind"], kinds)):
            yield self.member(int(row))

    def facts(self, name: str) -> ScanFacts:
        """What the table says of a scan."""
        found = self.scans[np.searchsorted(self.scans["member"], self.visible[name])]
        figures = {
            column: None if math.isnan(found[column]) else float(found[column])
            for column in figure_names(self.scans)
        }
        return ScanFacts(found["model"].decode(), figures)


def empty_index() -> Index:
    """The tables of an archive without members."""
    return Index(np.zeros(0, members_type(1)), np.zeros(0, scans_type(())), {}, {})


def figure_names(scans: Table) -> tuple[str, ...]:
    """The columns of a table of scans that are figures."""
    return tuple(name for name in scans.dtype.names or () if name not in _SCAN_FIELDS)


def members_table(members: Sequence[Member], before: Table) -> Table:
    """The table ``members`` with some more rows."""
    names = [member.name.encode() for member in members]
    width = max([before.dtype["name"].itemsize, *map(len, names)])
    table = np.zeros(len(before) + len(members), members_type(width))
    for name in table.dtype.names or ():
        table[name][: len(before)] = before[name]
    new = table[len(before) :]
    new["name"] = names
    new["kind"] = [member.kind for member in members]
    new["offset"] = [member.offset for member in members]
    new["length"] = [member.length for member in members]
    new["sha256"] = np.frombuffer(b"".join(member.sha256 for member in members), "V32")
    return table


def scans_table(scans: Mapping[int, ScanFacts], before: Table) -> Table:
    """The table ``scans`` with some more, given by the rows of their members.

    Figures that are not there are NaN.
    """
    columns = dict.fromkeys(figure_names(before))
    for facts in scans.values():
        columns.update(dict.fromkeys(filter(_FIGURE_NAME.fullmatch, facts.figures)))
    names = [name for name in columns if name not in _SCAN_FIELDS][:MOST_FIGURES]
    table = np.zeros(len(before) + len(scans), scans_type(names))
    for name in names:
        table[name] = math.nan
    for name in table.dtype.names or ():
        if name in (before.dtype.names or ()):
            table[name][: len(before)] = before[name]
    new = table[len(before) :]
    new["member"] = list(scans)
    new["model"] = [facts.model_sha256.encode() for facts in scans.values()]
    for name in names:
        values = (facts.figures.get(name) for facts in scans.values())
        new[name] = [math.nan if value is None else value for value in values]
    return table


def index_of(members: Table, scans: Table, data_bytes: int) -> Index:
    """Check tables that were read.

    Raises
    ------
    FormatError, UnsupportedError, LimitExceededError
    """
    for number in np.unique(members["kind"]).tolist():
        if number not in Kind.__members__.values():
            raise UnsupportedError(f"archive holds a member of kind {number}, unknown here")
    _check_places(members, data_bytes)
    try:
        names = [raw.decode() for raw in members["name"].tolist()]
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{error.object!r} cannot be the name of a member: it is not UTF-8"
        ) from None
    if not are_plain(names):
        for name in names:
            check_name(name)
        raise FormatError("a name of a member is none")
    is_visible = np.isin(members["kind"], VISIBLE)
    visible, hidden = (
        {names[row]: row for row in np.flatnonzero(chosen).tolist()}
        for chosen in (is_visible, ~is_visible)
    )
    if len(visible) + len(hidden) != len(names):
        raise FormatError("two members have the same name")
    _check_scans(scans, members)
    return Index(members, scans, visible, hidden)


def _check_places(table: Table, data_bytes: int) -> None:
    offsets, lengths = table["offset"], table["length"]
    if (lengths > data_bytes).any() or (offsets > np.uint64(data_bytes) - lengths).any():
        raise FormatError("a member reaches beyond the data of the archive")
    if (lengths > DEFAULT_LIMITS.section_bytes).any():
        raise LimitExceededError(
            f"a member claims more than the limit of {DEFAULT_LIMITS.section_bytes} bytes"
        )
    order = np.argsort(offsets, kind="stable")
    ends = (offsets + lengths)[order]
    if (ends[:-1] > offsets[order][1:]).any():
        raise FormatError("two members overlap")


def _check_scans(scans: Table, members: Table) -> None:
    if not np.array_equal(scans["member"], np.flatnonzero(members["kind"] == Kind.SCAN)):
        raise FormatError("the table of scans does not go with the members")
    if not all(_SHA256.fullmatch(model) for model in set(scans["model"].tolist())):
        raise FormatError("the table of scans names a model by what is no SHA-256")
