"""Files built field by field from VQZ.md, sound or not; shares only the checksum with the code."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from vqcodec.formats.checksum import crc32c

MAGIC = bytes.fromhex("89 56 51 5a 0d 0a 1a 0a")
HEADER = b'{"example":true}'
COARSE, MIDDLE, FINE, MASK, VOLUME_HEADER, NONFINITE, RESIDUAL, FIGURES, USER, HOLES = range(1, 11)
PACKED = 1 << 3
SECTIONS = ((COARSE, 0, b"coarse"), (FINE, 0, b"finer"))


def sealed(data: bytes) -> bytes:
    return data + struct.pack("<I", crc32c(data))


def preamble(
    *,
    major: int = 1,
    minor: int = 0,
    incompatible: int = 0,
    compatible: int = 0,
    header_length: int,
    section_count: int,
    file_size: int,
) -> bytes:
    fields = (major, minor, incompatible, compatible, header_length, section_count, file_size)
    return sealed(MAGIC + struct.pack("<HHIIIIQ", *fields))


def table(rows: Sequence[tuple[int, int, int, int, int]]) -> bytes:
    return sealed(b"".join(struct.pack("<HHIQI", *row) for row in rows))


def file_bytes(
    header: bytes = HEADER,
    sections: Sequence[tuple[int, int, bytes]] = SECTIONS,
    *,
    reserved: int = 0,
    lengths: Sequence[int] | None = None,
    **preamble_fields: int,
) -> bytes:
    """Lay a file out; every checksum is right, every other field can be given a wrong value."""
    data = b"".join(section for _, _, section in sections)
    lengths = lengths or [len(section) for _, _, section in sections]
    rows = [
        (kind, reserved, frame, length, crc32c(section))
        for (kind, frame, section), length in zip(sections, lengths, strict=True)
    ]
    body = sealed(header) + table(rows) + data
    fields = {
        "header_length": len(header),
        "section_count": len(sections),
        "file_size": 40 + len(body),
    }
    return preamble(**{**fields, **preamble_fields}) + body


def stored(text: bytes) -> bytes:
    """A DEFLATE stream of one block without compression."""
    return b"\x01" + struct.pack("<HH", len(text), 0xFFFF ^ len(text)) + text


def leb128(value: int) -> bytes:
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def packed_rows(sections: Sequence[tuple[int, int, bytes]]) -> bytes:
    return b"".join(
        leb128(kind) + leb128(frame) + leb128(len(section)) + struct.pack("<I", crc32c(section))
        for kind, frame, section in sections
    )


def packed_file_bytes(
    header: bytes | None = None,
    sections: Sequence[tuple[int, int, bytes]] = SECTIONS,
    **preamble_fields: int,
) -> bytes:
    """Lay a packed file out around any packed header; by default of no digests."""
    if header is None:
        header = stored(HEADER) + packed_rows(sections)
    body = sealed(header) + b"".join(section for _, _, section in sections)
    fields = {
        "header_length": len(header),
        "section_count": len(sections),
        "file_size": 40 + len(body),
        "incompatible": PACKED,
    }
    return preamble(**{**fields, **preamble_fields}) + body


def packed_header(tree: dict[str, Any], sections: Sequence[tuple[int, int, bytes]]) -> bytes:
    """The packed header of a JSON object, its text without compression."""
    digests: list[bytes] = []

    def blank(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: taken(key, value[key]) for key in sorted(value)}
        return [blank(each) for each in value] if isinstance(value, list) else value

    def taken(key: str, value: Any) -> Any:
        if not key.endswith("sha256"):
            return blank(value)
        digests.append(bytes.fromhex(value))
        return ""

    text = json.dumps(blank(tree), sort_keys=True, separators=(",", ":")).encode("ascii")
    return stored(text) + b"".join(digests) + packed_rows(sections)
