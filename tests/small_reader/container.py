"""Sections 2 to 7 of the specification: from bytes to a header and sections."""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path

MAGIC = bytes([0x89, 0x56, 0x51, 0x5A, 0x0D, 0x0A, 0x1A, 0x0A])
SPECIFICATION = Path(__file__).resolve().parents[2] / "formats" / "VQZ.md"
EXACT, HOLES, PACKED = 2, 4, 8
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
        major == 1 and incompatible & ~(EXACT | HOLES | PACKED) == 0,
        "version or feature",
        "UnsupportedError",
    )
    require(header_length <= 1 << 20 and count <= 1 << 16, "sizes", "LimitExceededError")
    table_start = 40 + header_length + 4
    start = table_start if incompatible & PACKED else table_start + 20 * count + 4
    require(len(data) == file_size >= start, "file size")
    text = sealed(data, 40, header_length)
    if incompatible & PACKED:
        header, rows = unpack_header(text, count)
    else:
        header = json.loads(text)
        require(canonical(header) == text, "header is not canonical")
        rows = list(struct.iter_unpack("<HHIQI", sealed(data, table_start, 20 * count)))
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


def dictionary() -> bytes:
    block = re.search(r"```dictionary\n(.*?)```", SPECIFICATION.read_text("utf-8"), re.DOTALL)
    return block[1].replace("\n", "").encode("ascii")


def unpack_header(data: bytes, count: int) -> tuple[dict, list[tuple[int, int, int, int, int]]]:
    """Section 5.1: the header, and rows like those of the section table."""
    stream = zlib.decompressobj(-15, dictionary())
    try:
        text = stream.decompress(data, (1 << 20) + 1)
    except zlib.error:
        require(False, "the stream is unsound")
    require(len(text) <= 1 << 20, "text", "LimitExceededError")
    require(stream.eof, "the stream ends too early")
    header = json.loads(text)
    require(canonical(header) == text, "header is not canonical")
    rest = put_digests_back(header, stream.unused_data)
    rows = []
    for _ in range(count):
        kind, rest = leb128(rest, 16)
        frame, rest = leb128(rest, 32)
        length, rest = leb128(rest, 64)
        require(len(rest) >= 4, "a row is cut short")
        rows.append((kind, 0, frame, length, struct.unpack("<I", rest[:4])[0]))
        rest = rest[4:]
    require(not rest, "bytes after the rows")
    return header, rows


def put_digests_back(value: object, rest: bytes) -> bytes:
    """Digests, in the order of the keys, from the start of some bytes; returns the others."""
    if isinstance(value, list):
        for each in value:
            rest = put_digests_back(each, rest)
    elif isinstance(value, dict):
        for key in sorted(value):
            if key.endswith("sha256"):
                require(value[key] == "" and len(rest) >= 32, "a digest")
                value[key], rest = rest[:32].hex(), rest[32:]
            else:
                rest = put_digests_back(value[key], rest)
    return rest


def leb128(data: bytes, bits: int) -> tuple[int, bytes]:
    size = next((n for n, byte in enumerate(data, 1) if byte < 128), 0)
    require(size > 0, "a number is cut short")
    require(size == 1 or data[size - 1] > 0, "a number is not in its shortest form")
    value = sum((byte & 127) << (7 * place) for place, byte in enumerate(data[:size]))
    require(value < 1 << bits, "a number does not fit its field")
    return value, data[size:]
