"""Files that a reader must refuse: name, bytes, documented error, and part of its text."""

from __future__ import annotations

from typing import NamedTuple

from vqcodec.errors import FormatError, LimitExceededError, UnsupportedError, VqzError

from .build import COARSE, FIGURES, FINE, HEADER, MAGIC, file_bytes, preamble


class Case(NamedTuple):
    name: str
    data: bytes
    error: type[VqzError]
    text: str


_SOUND = file_bytes()
_HEADER_START = 40
_TABLE_START = _HEADER_START + len(HEADER) + 4
_SECTIONS_START = _TABLE_START + 2 * 20 + 4


def _flipped(position: int) -> bytes:
    damaged = bytearray(_SOUND)
    damaged[position] ^= 1
    return bytes(damaged)


def _bad(name: str, data: bytes, text: str) -> Case:
    return Case(f"bad-{name}", data, FormatError, text)


def _limit(name: str, data: bytes, text: str) -> Case:
    return Case(f"bad-limit-{name}", data, LimitExceededError, text)


def _unsupported(name: str, data: bytes, text: str) -> Case:
    return Case(f"unsupported-{name}", data, UnsupportedError, text)


def _bad_header(name: str, header: bytes, text: str) -> Case:
    return _bad(f"header-{name}", file_bytes(header), text)


CASES = (
    _bad("empty", b"", "file is empty"),
    _bad("text", b"not a volume\n", "not a VQZ file"),
    _bad("text-mode", MAGIC.replace(b"\r\n", b"\n") + _SOUND[8:], "transfer in text mode"),
    _bad("cut-in-magic", _SOUND[:5], "cut short in the preamble"),
    _bad("cut-in-preamble", _SOUND[:39], "cut short in the preamble"),
    _bad("cut-after-preamble", _SOUND[:40], "40 of"),
    _bad("cut-in-header", _SOUND[: _HEADER_START + 3], "43 of"),
    _bad("cut-in-table", _SOUND[: _TABLE_START + 21], "81 of"),
    _bad("cut-in-section", _SOUND[:-1], "114 of 115"),
    _bad("trailing-byte", _SOUND + b"\n", "after its end"),
    _bad("preamble-checksum", _flipped(24), "checksum of the preamble does not match"),
    _bad("version-damaged", _flipped(8), "checksum of the preamble does not match"),
    _bad("header-checksum", _flipped(_HEADER_START), "checksum of the header does not match"),
    _bad("table-checksum", _flipped(_TABLE_START), "checksum of the section table does not match"),
    _bad(
        "section-checksum",
        _flipped(_SECTIONS_START + 8),
        "checksum of section 'fine' does not match (file is damaged)",
    ),
    _bad("size-too-small", file_bytes(file_size=70), "less than the header and table need"),
    _bad("size-hostile", file_bytes(file_size=2**64 - 1), "cut short"),
    _bad("lengths-too-long", file_bytes(lengths=(6, 600)), "do not add up"),
    _bad("lengths-too-short", file_bytes(lengths=(6, 4)), "do not add up"),
    _bad(
        "section-twice",
        file_bytes(sections=((FINE, 0, b"one"), (FINE, 0, b"two"))),
        "section 'fine' is there twice",
    ),
    _bad(
        "section-order",
        file_bytes(sections=((FINE, 0, b"fine"), (COARSE, 0, b"coarse"))),
        "section 'coarse' is out of order",
    ),
    _bad(
        "frame-order",
        file_bytes(sections=((COARSE, 1, b"later"), (FINE, 0, b"sooner"))),
        "section 'fine' is out of order",
    ),
    _bad(
        "figures-of-frame",
        file_bytes(sections=((FIGURES, 3, b"{}"),)),
        "section 'figures' of frame 3 must belong to frame 0",
    ),
    _bad("reserved", file_bytes(reserved=1), "reserved field"),
    _bad_header("empty", b"", "not a JSON text"),
    _bad_header("cut", b'{"example":', "not a JSON text"),
    _bad_header("not-object", b"[1,2]", "not a JSON object"),
    _bad_header("whitespace", b'{"example": true}', "not in the canonical form"),
    _bad_header("key-order", b'{"b":1,"a":2}', "not in the canonical form"),
    _bad_header("key-twice", b'{"a":1,"a":1}', "not in the canonical form"),
    _bad_header("number-form", b'{"a":1.50}', "not in the canonical form"),
    _bad_header("not-ascii", '{"a":"é"}'.encode(), "not a JSON text in ASCII"),
    _bad_header("nan", b'{"a":NaN}', "not finite"),
    _bad_header("infinity", b'{"a":-Infinity}', "not finite"),
    _bad_header("overflow", b'{"a":1e999}', "not finite"),
    _bad_header("integer-65-bits", b'{"a":9223372036854775808}', "does not fit 64 bits"),
    _bad_header("integer-long", b'{"a":' + b"7" * 1500 + b"}", "does not fit 64 bits"),
    _bad_header("surrogate", b'{"a":"\\ud800"}', "surrogate"),
    _bad_header("deep", b'{"a":' * 16 + b"[]" + b"}" * 16, "deeper than 16 levels"),
    _bad_header("very-deep", b'{"a":' + b"[" * 1500 + b"}", "canonical JSON"),
    _limit("header-length", file_bytes(header_length=2**32 - 1), "4294967295 header bytes"),
    _limit("section-count", file_bytes(section_count=2**32 - 1), "4294967295 sections"),
    _limit(
        "section-length",
        file_bytes(lengths=(6, 2**64 - 1)),
        "section 'fine' claims 18446744073709551615 bytes",
    ),
    _limit(
        "frame",
        file_bytes(sections=((COARSE, 2**32 - 1, b"late"),)),
        "section 'coarse' of frame 4294967295 is beyond the limit",
    ),
    _unsupported("major-2", file_bytes(major=2), "format version 2.0"),
    _unsupported("major-0", file_bytes(major=0, minor=9), "format version 0.9"),
    _unsupported(
        "major-2-other-body",
        preamble(major=2, minor=1, header_length=7, section_count=7, file_size=41) + b"?",
        "format version 2.1",
    ),
    _unsupported("flag-0", file_bytes(incompatible=1), "feature bit 0,"),
    _unsupported("flag-31", file_bytes(incompatible=1 << 31), "feature bit 31,"),
    _unsupported(
        "section-kind", file_bytes(sections=((77, 0, b"?"),)), "section 'kind 77' is unknown"
    ),
    _unsupported(
        "section-kind-0", file_bytes(sections=((0, 0, b"?"),)), "section 'kind 0' is unknown"
    ),
    _unsupported(
        "section-kind-below-ancillary",
        file_bytes(sections=((0x7FFF, 0, b"?"),)),
        "section 'kind 32767' is unknown",
    ),
)
