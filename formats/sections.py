"""Sections of a VQZ file: their kinds, and the rows that say how long they are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO, NamedTuple

from ..errors import FormatError, LimitExceededError, UnsupportedError
from ..limits import Limits
from .checked_bytes import read_sealed

FIRST_ANCILLARY_KIND = 0x8000

_ROW = struct.Struct("<HHIQI")
TABLE_ROW_BYTES = _ROW.size


class SectionKind(IntEnum):
    """What a section holds. A number never changes its meaning."""

    COARSE = 1
    MIDDLE = 2
    FINE = 3
    MASK = 4
    VOLUME_HEADER = 5
    NONFINITE = 6
    RESIDUAL = 7
    FIGURES = 8
    USER = 9
    HOLES = 10
    PADDING = 0x8000


_KIND_NAMES = {kind.value: kind.name.lower().replace("_", " ") for kind in SectionKind}
_WHOLE_FILE_KINDS = frozenset(
    {SectionKind.VOLUME_HEADER, SectionKind.FIGURES, SectionKind.USER, SectionKind.PADDING}
)


@dataclass(frozen=True)
class Section:
    """One run of bytes: its kind, the 3D frame it belongs to (0 for the whole file), its data."""

    kind: int
    frame: int
    data: bytes


class SectionEntry(NamedTuple):
    """What the file says of a section: ``length`` in bytes, ``crc32c`` of the section's bytes."""

    kind: int
    frame: int
    length: int
    crc32c: int


def section_name(kind: int) -> str:
    """Return the name of a section kind for people, such as ``"volume header"``."""
    return _KIND_NAMES.get(kind, f"kind {kind}")


def described(kind: int, frame: int) -> str:
    """Return what error messages call a section."""
    return f"section '{section_name(kind)}'" + (f" of frame {frame}" if frame else "")


def table_rows(entries: Sequence[SectionEntry]) -> bytes:
    """Return the section table without its checksum; ValueError where a number does not fit."""
    try:
        return b"".join(_ROW.pack(entry.kind, 0, *entry[1:]) for entry in entries)
    except struct.error as error:
        raise ValueError(f"a number does not fit its field: {error}") from None


def read_table(stream: BinaryIO, section_count: int) -> list[SectionEntry]:
    """Read the section table; its values are left to `check_entries`.

    Raises
    ------
    FormatError
        It is cut short or damaged, or a reserved field is in use.
    """
    table = read_sealed(stream, section_count * _ROW.size, "the section table")
    entries = []
    for kind, reserved, frame, length, checksum in _ROW.iter_unpack(table):
        if reserved:
            raise FormatError("a reserved field of the section table is not zero")
        entries.append(SectionEntry(kind, frame, length, checksum))
    return entries


def check_entries(entries: Sequence[SectionEntry], limits: Limits) -> None:
    """Check the rows of all sections, one by one.

    Raises
    ------
    FormatError
        They are out of order, or a section of the whole file is of another frame than 0.
    UnsupportedError
        A kind is not known.
    LimitExceededError
        A frame or a length is beyond the limits.
    """
    previous = (-1, -1)
    for kind, frame, length, _ in entries:
        name = described(kind, frame)
        if (frame, kind) <= previous:
            fault = "is there twice" if (frame, kind) == previous else "is out of order"
            raise FormatError(f"{name} {fault} in the list of sections")
        previous = (frame, kind)
        if kind not in _KIND_NAMES and kind < FIRST_ANCILLARY_KIND:
            raise UnsupportedError(f"{name} is unknown to this vqcodec")
        if frame and kind in _WHOLE_FILE_KINDS:
            raise FormatError(f"{name} must belong to frame 0")
        if frame >= limits.frames:
            raise LimitExceededError(f"{name} is beyond the limit of {limits.frames} frames")
        if length > limits.section_bytes:
            raise LimitExceededError(
                f"{name} claims {length} bytes, more than the limit of {limits.section_bytes}"
            )
