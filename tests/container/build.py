"""Files built field by field from VQZ.md, sound or not; shares only the checksum with the code."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from vqcodec.formats.checksum import crc32c

MAGIC = bytes.fromhex("89 56 51 5a 0d 0a 1a 0a")
HEADER = b'{"example":true}'
COARSE, MIDDLE, FINE, MASK, VOLUME_HEADER, NONFINITE, RESIDUAL, FIGURES, USER, HOLES = range(1, 11)
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
