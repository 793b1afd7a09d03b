"""Packed files that a reader must refuse; see VQZ.md, section 5.1."""

from __future__ import annotations

import struct

from vqcodec.errors import FormatError, LimitExceededError, UnsupportedError
from vqcodec.formats.checksum import crc32c

from .build import (
    COARSE,
    FIGURES,
    FINE,
    HEADER,
    PACKED,
    SECTIONS,
    file_bytes,
    packed_file_bytes,
    packed_rows,
    stored,
)
from .cases import Case

_SOUND = packed_file_bytes()
_ROWS = packed_rows(SECTIONS)
_TEXT = stored(HEADER)
_ONE = ((COARSE, 0, b"coarse"),)
_CHECKSUM = struct.pack("<I", crc32c(b"coarse"))


def _bad(name: str, data: bytes, text: str) -> Case:
    return Case(f"bad-packed-{name}", data, FormatError, text)


def _text(name: str, text: bytes, message: str, digests: bytes = b"") -> Case:
    return _bad(name, packed_file_bytes(stored(text) + digests + _ROWS), message)


def _row(name: str, numbers: bytes, message: str) -> Case:
    return _bad(name, packed_file_bytes(_TEXT + numbers + _CHECKSUM, _ONE), message)


PACKED_CASES = (
    _bad("cut-in-header", _SOUND[:50], "cut short"),
    _bad("header-checksum", _SOUND[:41] + b"?" + _SOUND[42:], "checksum of the header"),
    _bad("section-checksum", _SOUND[:-1] + b"?", "checksum of section 'fine' does not match"),
    _bad("size-too-small", packed_file_bytes(file_size=60), "less than the header and table need"),
    _bad("no-bit", packed_file_bytes(incompatible=0), "less than the header and table need"),
    _bad("bit-only", file_bytes(incompatible=PACKED), "DEFLATE stream"),
    _bad("header-empty", packed_file_bytes(b""), "DEFLATE stream that is cut short"),
    _bad("stream-unsound", packed_file_bytes(b"\xff" * 20), "not a sound DEFLATE stream"),
    _bad("stream-cut", packed_file_bytes(_TEXT[:-1]), "DEFLATE stream that is cut short"),
    _bad(
        "stream-before-dictionary",
        packed_file_bytes(b"\x03\xde\xff\x0f\x00" + _ROWS),
        "not a sound DEFLATE stream",
    ),
    _text("not-object", b"[1,2]", "not a JSON object"),
    _text("not-json", b'{"example":', "not a JSON text"),
    _text("whitespace", b'{"example": true}', "not in the canonical form"),
    _text("digest-in-text", b'{"sha256":"%s"}' % (b"0" * 64), "has a digest in its text"),
    _text("digest-number", b'{"a":[{"b_sha256":0}]}', "has a digest in its text", bytes(32)),
    _bad(
        "digest-cut",
        packed_file_bytes(stored(b'{"sha256":""}') + bytes(31), ()),
        "cut short in its digests",
    ),
    _bad("rows-missing", packed_file_bytes(_TEXT), "ends within a number"),
    _bad("rows-cut", packed_file_bytes(_TEXT + _ROWS[:-1]), "cut short in its sections"),
    _bad("rows-too-many", packed_file_bytes(section_count=1), "bytes after its sections"),
    _bad("trailing", packed_file_bytes(_TEXT + _ROWS + b"?"), "bytes after its sections"),
    _row("kind-long", b"\x81\x00\x00\x06", "not in its shortest form"),
    _row("frame-long", b"\x01\x80\x00\x06", "not in its shortest form"),
    _row("length-long", b"\x01\x00\x86\x80\x00", "not in its shortest form"),
    _row("kind-17-bits", b"\x81\x80\x04\x00\x06", "does not fit its field"),
    _row("kind-endless", b"\x80" * 30, "does not fit its field"),
    _row("frame-33-bits", b"\x01\x80\x80\x80\x80\x10\x06", "does not fit its field"),
    _row("length-65-bits", b"\x01\x00" + b"\x80" * 9 + b"\x02", "does not fit its field"),
    _row("length-too-long", b"\x01\x00\x07", "do not add up"),
    _bad(
        "section-order",
        packed_file_bytes(sections=((FINE, 0, b"fine"), (COARSE, 0, b"coarse"))),
        "section 'coarse' is out of order",
    ),
    _bad(
        "figures-of-frame",
        packed_file_bytes(sections=((FIGURES, 3, b""),)),
        "section 'figures' of frame 3 must belong to frame 0",
    ),
    Case(
        "bad-limit-packed-section-length",
        packed_file_bytes(_TEXT + b"\x01\x00" + b"\xff" * 9 + b"\x01" + _CHECKSUM, _ONE),
        LimitExceededError,
        "section 'coarse' claims 18446744073709551615 bytes",
    ),
    Case(
        "unsupported-packed-section-kind",
        packed_file_bytes(sections=((77, 0, b"?"),)),
        UnsupportedError,
        "section 'kind 77' is unknown",
    ),
)
