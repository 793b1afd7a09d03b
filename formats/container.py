"""The VQZ container: preamble, header, section table, sections. See VQZ.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

from ..errors import FormatError
from ..limits import DEFAULT_LIMITS, Limits
from .canonical_json import canonical_json, parse_canonical_json
from .checked_bytes import as_stream, check_file_size, checked, read_exactly, read_sealed, sealed
from .checksum import crc32c
from .packed_header import pack_header, unpack_header
from .preamble import (
    FORMAT_VERSION,
    MAGIC,
    PREAMBLE_BYTES,
    Preamble,
    check_preamble,
    is_packed,
    pack_preamble,
    read_preamble,
)
from .sections import Section, SectionEntry, check_entries, described, read_table, table_rows


@dataclass(frozen=True)
class Prefix:
    """Everything before the sections; ``file_size`` is the size of the whole file in bytes."""

    header: dict[str, Any]
    entries: tuple[SectionEntry, ...]
    version: tuple[int, int]
    incompatible: int
    compatible: int
    file_size: int

    @property
    def is_packed(self) -> bool:
        """Whether the file is in the packed form."""
        return is_packed(self.incompatible)


@dataclass(frozen=True)
class Container:
    """A VQZ file in memory.

    Attributes
    ----------
    header : dict
        JSON object.
    sections : tuple of Section
        No two of the same frame and kind.
    version : (int, int)
        Format version, major and minor.
    incompatible, compatible : int
        Feature words of 32 bits.
    """

    header: dict[str, Any]
    sections: tuple[Section, ...]
    version: tuple[int, int] = FORMAT_VERSION
    incompatible: int = 0
    compatible: int = 0

    @cached_property
    def _data(self) -> dict[tuple[int, int], bytes]:
        return {(section.kind, section.frame): section.data for section in self.sections}

    @property
    def is_packed(self) -> bool:
        """Whether the file is in the packed form."""
        return is_packed(self.incompatible)

    def has(self, kind: int, frame: int = 0) -> bool:
        """Return whether the section is there."""
        return (kind, frame) in self._data

    def section(self, kind: int, frame: int = 0) -> bytes:
        """Return the bytes of a section; FormatError when it is not there."""
        try:
            return self._data[kind, frame]
        except KeyError:
            raise FormatError(f"{described(kind, frame)} is missing") from None


def _check_layout(entries: Sequence[SectionEntry], preamble: Preamble, limits: Limits) -> None:
    check_entries(entries, limits)
    if preamble.prefix_length + sum(entry.length for entry in entries) != preamble.file_size:
        raise FormatError("section lengths do not add up to the file size")


def pack(container: Container, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the bytes of a VQZ file, sections sorted by frame, then kind.

    Raises
    ------
    VqzError
        What `unpack` would raise on the result.
    ValueError, TypeError
        The header has no canonical form, cannot be packed where the file is, or a number does
        not fit its field.
    """
    sections = sorted(container.sections, key=lambda section: (section.frame, section.kind))
    entries = [
        SectionEntry(section.kind, section.frame, len(section.data), crc32c(section.data))
        for section in sections
    ]
    if container.is_packed:
        header, table = pack_header(container.header, entries, limits), b""
    else:
        header, table = canonical_json(container.header), sealed(table_rows(entries))
    words = (*container.version, container.incompatible, container.compatible)
    preamble = Preamble(MAGIC, *words, len(header), len(entries), 0)
    file_size = preamble.prefix_length + sum(entry.length for entry in entries)
    preamble = preamble._replace(file_size=file_size)
    check_preamble(preamble, limits)
    _check_layout(entries, preamble, limits)
    data = (section.data for section in sections)
    return b"".join((pack_preamble(preamble), sealed(header), table, *data))


def read_prefix(source: bytes | BinaryIO, limits: Limits = DEFAULT_LIMITS) -> Prefix:
    """Read and check everything before the sections, and leave a stream at the first section.

    Parameters
    ----------
    source : bytes or binary stream
        A whole file, or a stream at the start of one. A stream that can seek is checked to
        end where the file does.
    limits : Limits
        Bounds to hold the file to.

    Raises
    ------
    FormatError, UnsupportedError, LimitExceededError
        As VQZ.md lists them. The sections' checksums are not looked at.
    """
    stream = as_stream(source)
    preamble = read_preamble(stream, limits)
    check_file_size(stream, PREAMBLE_BYTES, preamble.file_size)
    data = read_sealed(stream, preamble.header_length, "the header")
    if is_packed(preamble.incompatible):
        header, entries = unpack_header(data, preamble.section_count, limits)
    else:
        header = parse_canonical_json(data, "the header")
        if not isinstance(header, dict):
            raise FormatError("header is not a JSON object")
        entries = read_table(stream, preamble.section_count)
    _check_layout(entries, preamble, limits)
    return Prefix(
        header=header,
        entries=tuple(entries),
        version=(preamble.major, preamble.minor),
        incompatible=preamble.incompatible,
        compatible=preamble.compatible,
        file_size=preamble.file_size,
    )


def unpack(source: bytes | BinaryIO, limits: Limits = DEFAULT_LIMITS) -> Container:
    """Read a whole file and check every byte of it; see `read_prefix` for the parameters.

    Raises
    ------
    FormatError
        Not a VQZ file, cut short, or damaged.
    UnsupportedError
        A sound file of a version, or with a feature or section kind, that is unknown here.
    LimitExceededError
        A size beyond ``limits``.
    """
    stream = as_stream(source)
    prefix = read_prefix(stream, limits)
    sections = []
    for kind, frame, length, checksum in prefix.entries:
        name = described(kind, frame)
        data = read_exactly(stream, length, name)
        sections.append(Section(kind, frame, checked(data, checksum, name)))
    if stream.read(1):
        raise FormatError("file has bytes after its end")
    words = (prefix.version, prefix.incompatible, prefix.compatible)
    return Container(prefix.header, tuple(sections), *words)
