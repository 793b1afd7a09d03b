"""Packed headers: deflated text, bare digests and short rows of sections; see VQZ.md, 5.1."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import FormatError, LimitExceededError
from ..limits import Limits
from .canonical_json import canonical_json, parse_canonical_json
from .deflated_text import deflated, inflated
from .leb128 import leb128, read_leb128
from .sections import SectionEntry

DIGEST_SUFFIX = "sha256"
_DIGEST = re.compile("[0-9a-f]{64}", re.ASCII)
_DIGEST_BYTES = 32
_CHECKSUM = struct.Struct("<I")
_KIND_BITS, _FRAME_BITS, _LENGTH_BITS = 16, 32, 64
_NAME, _PACKED = "the header", "packed header"


def pack_header(header: dict[str, Any], entries: Sequence[SectionEntry], limits: Limits) -> bytes:
    """Return a packed header, without its checksum.

    Parameters
    ----------
    header : dict
        JSON object.
    entries : sequence of SectionEntry
        Of all sections, in the order of the file.
    limits : Limits

    Raises
    ------
    LimitExceededError
        The header's text is too long.
    ValueError, TypeError
        The header has no canonical form, a key that ends with ``sha256`` has another value than
        64 lower-case hexadecimal digits, or a number does not fit its field.
    """
    blank = json.loads(canonical_json(header))
    digests = []
    for holder, key in _digests_of(blank):
        value = holder[key]
        if not isinstance(value, str) or not _DIGEST.fullmatch(value):
            raise ValueError(f"a header whose {key!r} is no digest cannot be packed")
        digests.append(bytes.fromhex(value))
        holder[key] = ""
    text = canonical_json(blank)
    if len(text) > limits.header_bytes:
        raise LimitExceededError(
            f"header of {len(text)} bytes is beyond the limit of {limits.header_bytes}"
        )
    return b"".join((deflated(text), *digests, *map(_row, entries)))


def unpack_header(
    data: bytes, section_count: int, limits: Limits
) -> tuple[dict[str, Any], list[SectionEntry]]:
    """Read a packed header; the values of its rows are left to check.

    Parameters
    ----------
    data : bytes
        Without the checksum, which was verified.
    section_count : int
        Rows to find; at most as many as the limits allow.
    limits : Limits

    Raises
    ------
    FormatError
        Its parts are not what they should be, or do not fill it.
    LimitExceededError
        Its text is too long.
    """
    text, rest = inflated(data, limits.header_bytes, _PACKED)
    header = parse_canonical_json(text, _PACKED)
    if not isinstance(header, dict):
        raise FormatError("header is not a JSON object")
    place = 0
    for holder, key in _digests_of(header):
        if holder[key] != "":
            raise FormatError("packed header has a digest in its text")
        digest = rest[place : place + _DIGEST_BYTES]
        if len(digest) < _DIGEST_BYTES:
            raise FormatError("packed header is cut short in its digests")
        place += _DIGEST_BYTES
        holder[key] = digest.hex()
    entries = []
    for _ in range(section_count):
        kind, place = read_leb128(rest, place, _KIND_BITS, _PACKED)
        frame, place = read_leb128(rest, place, _FRAME_BITS, _PACKED)
        length, place = read_leb128(rest, place, _LENGTH_BITS, _PACKED)
        if len(rest) < place + _CHECKSUM.size:
            raise FormatError("packed header is cut short in its sections")
        (checksum,) = _CHECKSUM.unpack_from(rest, place)
        place += _CHECKSUM.size
        entries.append(SectionEntry(kind, frame, length, checksum))
    if place < len(rest):
        raise FormatError("packed header has bytes after its sections")
    return header, entries


def _digests_of(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Where the digests of a JSON value are, in the order of its canonical text."""
    if isinstance(value, dict):
        for key in sorted(value):
            if key.endswith(DIGEST_SUFFIX):
                yield value, key
            else:
                yield from _digests_of(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _digests_of(item)


def _row(entry: SectionEntry) -> bytes:
    fields = (entry.kind, _KIND_BITS), (entry.frame, _FRAME_BITS), (entry.length, _LENGTH_BITS)
    return b"".join(leb128(*field) for field in fields) + _CHECKSUM.pack(entry.crc32c)
