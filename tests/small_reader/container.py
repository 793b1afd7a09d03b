"""Sections 2 to 7 of the specification: from bytes to a header and sections."""

from __future__ import annotations

import json
import struct

MAGIC = bytes([0x89, 0x56, 0x51, 0x5A, 0x0D, 0x0A, 0x1A, 0x0A])
EXACT, HOLES = 2, 4
WHOLE_FILE = (5, 8, 9, 32768)


class RefusedError(Exception):
    """The file must not be read; the text begins with the class of section 7."""


def require(condition: bool, text: str, kind: str = "FormatError") -> None:
    if not condition:
        raise RefusedError(f"{kind}: {text}")


def crc32c(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 * (register & 1))
    return register ^ 0xFFFFFFFF


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def unpack(data: bytes) -> tuple[dict, dict[tuple[int, int], bytes]]:
    """Header, and sections by (kind, frame)."""
    require(data[:8] == MAGIC and len(data) >= 40, "no VQZ preamble")
    fields = struct.unpack("<HHIIIIQI", data[8:40])
    major, _, incompatible, _, header_length, count, file_size, checksum = fields
    require(crc32c(data[:36]) == checksum, "preamble is damaged")
    require(
        major == 1 and incompatible & ~(EXACT | HOLES) == 0,
        "version or feature",
        "UnsupportedError",
    )
    require(header_length <= 1 << 20 and count <= 1 << 16, "sizes", "LimitExceededError")
    table_start = 40 + header_length + 4
    start = table_start + 20 * count + 4
    require(len(data) == file_size >= start, "file size")
    header = json.loads(sealed(data, 40, header_length))
    require(canonical(header) == data[40 : 40 + header_length], "header is not canonical")
    table = sealed(data, table_start, 20 * count)
    rows = list(struct.iter_unpack("<HHIQI", table))
    keys = [(frame, kind) for kind, _, frame, _, _ in rows]
    require(keys == sorted(set(keys)), "order of the sections")
    sections = {}
    for kind, reserved, frame, length, checksum in rows:
        require(reserved == 0, "reserved field")
        require(1 <= kind <= 10 or kind >= 32768, "section kind", "UnsupportedError")
        require(frame == 0 or kind not in WHOLE_FILE, "frame of a section of the whole file")
        content = data[start : start + length]
        require(len(content) == length and crc32c(content) == checksum, "section is damaged")
        sections[kind, frame] = content
        start += length
    require(start == file_size, "lengths of the sections")
    require(("voxels" in header) == bool(incompatible & EXACT), "promise of voxels")
    has_holes = any(kind == 10 for kind, _ in sections)
    require(has_holes == bool(incompatible & HOLES), "holes")
    return header, sections


def sealed(data: bytes, start: int, length: int) -> bytes:
    content = data[start : start + length]
    (checksum,) = struct.unpack_from("<I", data, start + length)
    require(crc32c(content) == checksum, "header or section table is damaged")
    return content
