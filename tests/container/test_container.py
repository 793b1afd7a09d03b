from __future__ import annotations

import io
import re
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from vqcodec.errors import FormatError, LimitExceededError, UnsupportedError
from vqcodec.formats.canonical_json import canonical_json, parse_canonical_json
from vqcodec.formats.checksum import crc32c
from vqcodec.formats.container import Container, pack, read_prefix, unpack
from vqcodec.formats.deflated_text import DICTIONARY, deflated, inflated
from vqcodec.formats.preamble import PACKED_FEATURE
from vqcodec.formats.sections import Section, SectionEntry, SectionKind, section_name
from vqcodec.limits import DEFAULT_LIMITS, Limits

from .build import FINE, HEADER, file_bytes, packed_file_bytes, packed_rows, stored

SMALL = Container(
    header={"example": True, "numbers": [1, -2.5, None]},
    sections=(Section(SectionKind.COARSE, 0, b"coarse"), Section(SectionKind.FINE, 1, b"\x00\xff")),
)
EXAMPLE = Container(
    header={"example": True},
    sections=(
        Section(SectionKind.COARSE, 0, b"coarse"),
        Section(SectionKind.FINE, 0, b"finer"),
        Section(0x8001, 0, b"?"),
    ),
)
SPECIFICATION = Path(__file__).resolve().parents[2] / "formats" / "VQZ.md"


class Pipe(io.RawIOBase):
    """A stream that cannot seek and gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._stream.readinto(memoryview(buffer)[:7])


def hex_dump(data: bytes) -> str:
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:08x}  {row.hex(' '):<47}  |{text}|")
    return "\n".join(lines)


def test_golden_layout() -> None:
    data = pack(SMALL)
    header = b'{"example":true,"numbers":[1,-2.5,null]}'
    table = struct.pack("<HHIQI", 1, 0, 0, 6, crc32c(b"coarse"))
    table += struct.pack("<HHIQI", 3, 0, 1, 2, crc32c(b"\x00\xff"))
    fixed = b"\x89VQZ\r\n\x1a\n"
    fixed += struct.pack("<HHIIIIQ", 1, 0, 0, 0, 40, 2, 40 + 44 + 44 + 8)
    assert data == b"".join(
        (
            fixed,
            struct.pack("<I", crc32c(fixed)),
            header,
            struct.pack("<I", crc32c(header)),
            table,
            struct.pack("<I", crc32c(table)),
            b"coarse\x00\xff",
        )
    )


DIGESTS = {"a_sha256": "0f" * 32, "b": [{"sha256": "e1" * 32}], "c": {"sha256": "00" * 32}}


def test_layout_of_a_packed_file() -> None:
    container = replace(SMALL, header=DIGESTS, incompatible=PACKED_FEATURE)
    data = pack(container)
    text = b'{"a_sha256":"","b":[{"sha256":""}],"c":{"sha256":""}}'
    digests = b"\x0f" * 32 + b"\xe1" * 32 + bytes(32)
    rows = b"\x01\x00\x06" + struct.pack("<I", crc32c(b"coarse"))
    rows += b"\x03\x01\x02" + struct.pack("<I", crc32c(b"\x00\xff"))
    sections = [(each.kind, each.frame, each.data) for each in SMALL.sections]
    assert data == packed_file_bytes(deflated(text) + digests + rows, sections)
    assert unpack(data) == container
    assert unpack(packed_file_bytes(stored(text) + digests + rows, sections)) == container
    assert read_prefix(data).is_packed
    assert DIGESTS["a_sha256"] == "0f" * 32


@pytest.mark.parametrize("length", [0, 127, 128, 16_384])
def test_numbers_of_a_packed_file(length: int) -> None:
    sections = ((0x8001, 0, bytes(length)), (0xFFFF, 16_383, b""))
    read = unpack(packed_file_bytes(stored(HEADER) + packed_rows(sections), sections))
    assert [(each.kind, each.frame, len(each.data)) for each in read.sections] == [
        (0x8001, 0, length),
        (0xFFFF, 16_383, 0),
    ]
    assert unpack(pack(read)) == read


def test_specification_shows_the_dictionary() -> None:
    text = SPECIFICATION.read_text("utf-8")
    (block,) = re.findall(r"```dictionary\n(.*?)\n```", text, re.DOTALL)
    assert block.replace("\n", "").encode("ascii") == DICTIONARY
    assert f"the {len(DICTIONARY)} ASCII characters" in text
    assert f"0x{crc32c(DICTIONARY):08X}" in text
    assert crc32c(DICTIONARY) == 0x8BC722A0  # for ever


def test_a_stream_of_the_dictionary_reads_back() -> None:
    stream = deflated(DICTIONARY) + b"rest"
    assert inflated(stream, len(DICTIONARY), "it") == (DICTIONARY, b"rest")
    with pytest.raises(LimitExceededError, match="it inflates to more than the limit"):
        inflated(stream, len(DICTIONARY) - 1, "it")


def test_round_trip() -> None:
    assert unpack(pack(SMALL)) == SMALL


def test_nothing_but_an_empty_header() -> None:
    empty = Container(header={}, sections=())
    assert unpack(pack(empty)) == empty


def test_specification_shows_the_bytes_of_the_example() -> None:
    blocks = re.findall(r"```hexdump\n(.*?)\n```", SPECIFICATION.read_text("utf-8"), re.DOTALL)
    plain, packed = blocks
    assert plain == hex_dump(pack(EXAMPLE))
    data = bytes.fromhex("".join(line[10:57] for line in packed.splitlines()))
    assert packed == hex_dump(data)
    digest = {"codes_sha256": bytes(range(32)).hex()}
    wanted = replace(EXAMPLE, header=EXAMPLE.header | digest, incompatible=PACKED_FEATURE)
    assert unpack(data) == wanted
    assert unpack(pack(wanted)) == wanted


@pytest.mark.parametrize("kind", SectionKind)
def test_specification_lists_the_section_kind(kind: SectionKind) -> None:
    assert f"| {kind.value} | {section_name(kind)} |" in SPECIFICATION.read_text("utf-8")


def test_specification_states_the_default_limits() -> None:
    stated = re.search(
        r"## 8\. Limits\n(.*?)\nA writer", SPECIFICATION.read_text("utf-8"), re.DOTALL
    )
    assert stated
    numbers = [
        int(number.replace(" ", "")) for number in re.findall(r"\d[\d ]*\d", stated.group(1))
    ]
    assert numbers == [
        DEFAULT_LIMITS.header_bytes,
        DEFAULT_LIMITS.sections,
        DEFAULT_LIMITS.section_bytes,
        DEFAULT_LIMITS.frames,
        DEFAULT_LIMITS.voxels,
        DEFAULT_LIMITS.voxels_free,
        DEFAULT_LIMITS.voxels_per_byte,
    ]


def test_sections_are_written_by_frame_then_kind() -> None:
    keys = [(3, 1), (8, 0), (1, 1), (3, 0)]
    shuffled = Container({}, tuple(Section(kind, frame, b"x") for kind, frame in keys))
    read = unpack(pack(shuffled)).sections
    assert [(section.kind, section.frame) for section in read] == [(3, 0), (8, 0), (1, 1), (3, 1)]


def test_lookup() -> None:
    assert SMALL.has(SectionKind.FINE, 1)
    assert SMALL.section(SectionKind.FINE, 1) == b"\x00\xff"
    assert not SMALL.has(SectionKind.FINE)
    with pytest.raises(FormatError, match=r"^section 'fine' is missing$"):
        SMALL.section(SectionKind.FINE)
    with pytest.raises(FormatError, match=r"^section 'volume header' of frame 2 is missing$"):
        SMALL.section(SectionKind.VOLUME_HEADER, 2)


def test_prefix_leaves_a_stream_at_the_first_section() -> None:
    data = pack(SMALL)
    stream = io.BytesIO(data)
    prefix = read_prefix(stream)
    assert prefix.header == SMALL.header
    assert prefix.entries[0] == SectionEntry(SectionKind.COARSE, 0, 6, crc32c(b"coarse"))
    assert prefix.file_size == len(data)
    assert stream.read(6) == b"coarse"


def test_a_file_inside_a_stream_is_read_from_where_the_stream_stands() -> None:
    stream = io.BytesIO(b"before" + pack(SMALL))
    stream.seek(6)
    assert unpack(stream) == SMALL


def test_a_pipe_is_read_like_a_file() -> None:
    assert unpack(Pipe(pack(SMALL))) == SMALL


@pytest.mark.parametrize("length", range(len(pack(SMALL))))
def test_a_cut_file_is_refused(length: int) -> None:
    cut = pack(SMALL)[:length]
    for source in (cut, Pipe(cut)):
        with pytest.raises(FormatError, match=r"^file is (empty$|cut short)"):
            unpack(source)


def test_bytes_after_the_end_of_a_pipe_are_refused() -> None:
    with pytest.raises(FormatError, match="after its end"):
        unpack(Pipe(pack(SMALL) + b"\x00"))


@pytest.mark.parametrize("position", range(len(pack(SMALL))))
def test_a_flipped_bit_is_refused_as_damage(position: int) -> None:
    for bit in range(8):
        damaged = bytearray(pack(SMALL))
        damaged[position] ^= 1 << bit
        with pytest.raises(FormatError, match=r"does not match|not a VQZ file|first bytes"):
            unpack(bytes(damaged))


def test_a_newer_minor_version_is_read() -> None:
    sections = ((FINE, 0, b"codes"), (0x8000, 0, b""), (0xFFFF, 0, b"later"))
    data = file_bytes(sections=sections, minor=9, compatible=0x80000001)
    read = unpack(data)
    assert read.version == (1, 9)
    assert read.compatible == 0x80000001
    assert read.section(0xFFFF) == b"later"
    assert pack(read) == data


def test_damage_in_an_ancillary_section_is_damage() -> None:
    damaged = file_bytes(sections=((0x8001, 2, b"x"),))[:-1] + b"y"
    with pytest.raises(FormatError, match="checksum of section 'kind 32769' of frame 2"):
        unpack(damaged)


def test_version_is_told_before_anything_behind_the_preamble_is_looked_at() -> None:
    with pytest.raises(UnsupportedError, match=r"format version 3\.0 is unknown"):
        unpack(file_bytes(b"\xff", major=3, incompatible=4)[:40])


def test_all_unknown_feature_bits_are_named() -> None:
    with pytest.raises(UnsupportedError, match="feature bit 4, 9, unknown"):
        unpack(file_bytes(incompatible=1 << 9 | 1 << 4))


def test_limits_of_the_caller_hold() -> None:
    data = pack(SMALL)
    for limits in (
        Limits(header_bytes=10),
        Limits(sections=1),
        Limits(section_bytes=5),
        Limits(frames=1),
    ):
        with pytest.raises(LimitExceededError):
            unpack(data, limits)
        with pytest.raises(LimitExceededError):
            pack(SMALL, limits)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": (2, 0)}, UnsupportedError),
        ({"incompatible": 16}, UnsupportedError),
        ({"sections": (Section(40, 0, b""),)}, UnsupportedError),
        ({"sections": (Section(1, 0, b"a"), Section(1, 0, b"b"))}, FormatError),
        ({"sections": (Section(SectionKind.USER, 1, b""),)}, FormatError),
        ({"sections": (Section(1, -1, b""),)}, ValueError),
        ({"sections": (Section(1 << 16, 0, b""),)}, ValueError),
        ({"version": (1, 1 << 16)}, ValueError),
        ({"compatible": -1}, ValueError),
        ({"header": {"a": float("nan")}}, ValueError),
        ({"header": {"a": {1: 2}}}, ValueError),
        ({"header": {"a": b"bytes"}}, TypeError),
        ({"header": {"sha256": ""}, "incompatible": PACKED_FEATURE}, ValueError),
        ({"header": {"a": [{"b_sha256": 1}]}, "incompatible": PACKED_FEATURE}, ValueError),
        ({"header": {"sha256": "A" * 64}, "incompatible": PACKED_FEATURE}, ValueError),
        ({"header": {"a": "x" * (1 << 20)}, "incompatible": PACKED_FEATURE}, LimitExceededError),
        (
            {"sections": (Section(1 << 16, 0, b""),), "incompatible": PACKED_FEATURE},
            ValueError,
        ),
    ],
)
def test_pack_refuses_what_unpack_would(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        pack(replace(SMALL, **change))  # type: ignore[arg-type]


def test_canonical_json_form() -> None:
    value = {"é": "\x7f/\n\U0001f9e0", "b": (1, 2.0, 1e-5, 1e16, -0.0), "a": None}
    assert canonical_json(value) == (
        rb'{"a":null,"b":[1,2.0,1e-05,1e+16,-0.0],"\u00e9":"\u007f/\n\ud83e\udde0"}'
    )


def test_canonical_json_stops_at_a_cycle() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="deeper than 16 levels"):
        canonical_json(cycle)


def test_parse_canonical_json_names_its_text() -> None:
    assert parse_canonical_json(b"[1.5]", "figures") == [1.5]
    with pytest.raises(FormatError, match=r"^figures is not canonical JSON: not in the canonical"):
        parse_canonical_json(b"[1.50]", "figures")
