"""The VQZ container: preamble, header, section table, sections. See VQZ.md."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple

from ..errors import FormatError, LimitExceededError, UnsupportedError
from ..limits import DEFAULT_LIMITS, Limits
from .atomic import write_atomically as write_atomically
from .canonical_json import canonical_json as canonical_json
from .canonical_json import parse_canonical_json as parse_canonical_json
from .checked_bytes import (
    CHECKSUM_BYTES,
    as_stream,
    check_file_size,
    checked,
    read_exactly,
    read_sealed,
    read_up_to,
    sealed,
)
from .checksum import crc32c as crc32c
from .packed_header import pack_header, unpack_header
from .sections import FIRST_ANCILLARY_KIND as FIRST_ANCILLARY_KIND
from .sections import Section as Section
from .sections import SectionEntry as SectionEntry
from .sections import SectionKind as SectionKind
from .sections import check_entries, described
from .sections import section_name as section_name

MAGIC = b"\x89VQZ\r\n\x1a\n"
FORMAT_VERSION = (1, 0)
#: Incompatible feature bit 1: voxels are those of the residual sections, not of the codes.
EXACT_FEATURE = 1 << 1
#: Incompatible feature bit 2: some frame has background inside of its coded region.
HOLES_FEATURE = 1 << 2
#: Incompatible feature bit 3: header, section table and figures are packed.
PACKED_FEATURE = 1 << 3
KNOWN_INCOMPATIBLE = EXACT_FEATURE | HOLES_FEATURE | PACKED_FEATURE

_PREAMBLE = struct.Struct("<8sHHIIIIQ")
_ENTRY = struct.Struct("<HHIQI")


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
        return bool(self.incompatible & PACKED_FEATURE)


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
        return bool(self.incompatible & PACKED_FEATURE)

    def has(self, kind: int, frame: int = 0) -> bool:
        """Return whether the section is there."""
        return (kind, frame) in self._data

    def section(self, kind: int, frame: int = 0) -> bytes:
        """Return the bytes of a section; FormatError when it is not there."""
        try:
            return self._data[kind, frame]
        except KeyError:
            raise FormatError(f"{described(kind, frame)} is missing") from None


class _Preamble(NamedTuple):
    magic: bytes
    major: int
    minor: int
    incompatible: int
    compatible: int
    header_length: int
    section_count: int
    file_size: int

    @property
    def is_packed(self) -> bool:
        return bool(self.incompatible & PACKED_FEATURE)

    @property
    def prefix_length(self) -> int:
        length = _PREAMBLE.size + self.header_length + 2 * CHECKSUM_BYTES
        if self.is_packed:
            return length
        return length + self.section_count * _ENTRY.size + CHECKSUM_BYTES


def _check_preamble(preamble: _Preamble, limits: Limits) -> None:
    if preamble.major != FORMAT_VERSION[0]:
        raise UnsupportedError(
            f"format version {preamble.major}.{preamble.minor} is unknown"
            f" (this vqcodec reads {FORMAT_VERSION[0]}.x)"
        )
    unknown = preamble.incompatible & ~KNOWN_INCOMPATIBLE
    if unknown:
        bits = ", ".join(str(bit) for bit in range(32) if unknown >> bit & 1)
        raise UnsupportedError(f"file needs feature bit {bits}, unknown to this vqcodec")
    for found, limit, what in (
        (preamble.header_length, limits.header_bytes, "header bytes"),
        (preamble.section_count, limits.sections, "sections"),
    ):
        if found > limit:
            raise LimitExceededError(f"file claims {found} {what}, more than the limit of {limit}")
    if preamble.file_size < preamble.prefix_length:
        raise FormatError("file size in the preamble is less than the header and table need")


def _check_entries(entries: Sequence[SectionEntry], preamble: _Preamble, limits: Limits) -> None:
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
        header, table = canonical_json(container.header), sealed(_table(entries))
    words = (*container.version, container.incompatible, container.compatible)
    preamble = _Preamble(MAGIC, *words, len(header), len(entries), 0)
    file_size = preamble.prefix_length + sum(entry.length for entry in entries)
    preamble = preamble._replace(file_size=file_size)
    _check_preamble(preamble, limits)
    _check_entries(entries, preamble, limits)
    try:
        fixed = _PREAMBLE.pack(*preamble)
    except struct.error as error:
        raise ValueError(f"a number does not fit its field: {error}") from None
    data = (section.data for section in sections)
    return b"".join((sealed(fixed), sealed(header), table, *data))


def _table(entries: Sequence[SectionEntry]) -> bytes:
    try:
        return b"".join(_ENTRY.pack(entry.kind, 0, *entry[1:]) for entry in entries)
    except struct.error as error:
        raise ValueError(f"a number does not fit its field: {error}") from None


def _read_preamble(stream: BinaryIO, limits: Limits) -> _Preamble:
    data = read_up_to(stream, _PREAMBLE.size + CHECKSUM_BYTES)
    if not data:
        raise FormatError("file is empty")
    if not data.startswith(MAGIC[: len(data)]):
        if data.startswith(MAGIC[:4]):
            raise FormatError("first bytes are damaged, as by a transfer in text mode")
        raise FormatError("not a VQZ file")
    fixed = read_sealed(io.BytesIO(data), _PREAMBLE.size, "the preamble")
    preamble = _Preamble(*_PREAMBLE.unpack(fixed))
    _check_preamble(preamble, limits)
    return preamble


def _read_table(stream: BinaryIO, section_count: int) -> list[SectionEntry]:
    table = read_sealed(stream, section_count * _ENTRY.size, "the section table")
    entries = []
    for kind, reserved, frame, length, checksum in _ENTRY.iter_unpack(table):
        if reserved:
            raise FormatError("a reserved field of the section table is not zero")
        entries.append(SectionEntry(kind, frame, length, checksum))
    return entries


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
    preamble = _read_preamble(stream, limits)
    check_file_size(stream, _PREAMBLE.size + CHECKSUM_BYTES, preamble.file_size)
    data = read_sealed(stream, preamble.header_length, "the header")
    if preamble.is_packed:
        header, entries = unpack_header(data, preamble.section_count, limits)
    else:
        header = parse_canonical_json(data, "the header")
        if not isinstance(header, dict):
            raise FormatError("header is not a JSON object")
        entries = _read_table(stream, preamble.section_count)
    _check_entries(entries, preamble, limits)
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
