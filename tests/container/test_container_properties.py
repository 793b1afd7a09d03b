from __future__ import annotations

import struct
import time
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcodec.errors import FormatError, LimitExceededError, UnsupportedError
from vqcodec.formats.canonical_json import canonical_json, parse_canonical_json
from vqcodec.formats.checksum import crc32c
from vqcodec.formats.container import Container, pack, read_prefix, unpack
from vqcodec.formats.deflated_text import deflated
from vqcodec.formats.sections import FIRST_ANCILLARY_KIND, Section, SectionKind

from .build import MAGIC, PACKED, file_bytes, packed_file_bytes, sealed
from .cases import CASES, Case
from .packed_cases import PACKED_CASES

DOCUMENTED = (FormatError, UnsupportedError, LimitExceededError)
ALLOCATION_LIMIT = 64 << 20

u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abé\n"), inner),
    max_leaves=20,
)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
headers = st.builds(
    lambda values, hashes, inner: {**values, **hashes, **({"in": [hashes]} if inner else {})},
    st.dictionaries(st.text("abcé"), json_values, max_size=5),
    st.dictionaries(st.sampled_from(["sha256", "codes_sha256", "é_sha256"]), digests),
    st.booleans(),
)
per_frame_kinds = st.sampled_from([1, 2, 3, 4, 6, 7]) | st.integers(
    FIRST_ANCILLARY_KIND + 1, 0xFFFF
)
keys = st.tuples(per_frame_kinds, st.integers(0, 40)) | st.sampled_from([(5, 0), (8, 0), (9, 0)])
containers = st.builds(
    lambda header, contents, minor, compatible, incompatible: Container(
        header=header,
        sections=tuple(
            Section(kind, frame, data)
            for (kind, frame), data in sorted(
                contents.items(), key=lambda item: (item[0][1], item[0][0])
            )
        ),
        version=(1, minor),
        compatible=compatible,
        incompatible=incompatible,
    ),
    headers,
    st.dictionaries(keys, st.binary(max_size=80), max_size=6),
    u16,
    u32,
    st.sampled_from([0, PACKED]),
)
hostile_files = st.builds(
    lambda fields, header, rows, tail: (
        sealed(MAGIC + struct.pack("<HHIIIIQ", *fields))
        + sealed(header)
        + sealed(b"".join(struct.pack("<HHIQI", *row) for row in rows))
        + tail
    ),
    st.tuples(st.just(1) | u16, u16, st.just(0) | u32, u32, u32, u32, u64),
    st.binary(max_size=100) | st.just(b"{}"),
    st.lists(st.tuples(u16, st.just(0) | u16, u32, u64, u32), max_size=10),
    st.binary(max_size=100),
)


def bitwise_crc32c(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def refuse_or_read(data: bytes) -> None:
    for reader in (unpack, read_prefix):
        try:
            reader(data)
        except DOCUMENTED as error:
            text = str(error)
            assert text
            assert text.isprintable()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_crc32c_of_rfc_3720(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


@given(st.binary(max_size=200), st.integers(0, 3000), st.binary(max_size=200))
def test_crc32c_is_the_bitwise_one(start: bytes, zeros: int, end: bytes) -> None:
    data = start + bytes(zeros) + end
    assert crc32c(data) == bitwise_crc32c(data)


@given(st.integers(1, 400), st.integers(0, 70_000), st.integers(0, 70_000))
def test_crc32c_goes_on_where_it_stopped(seed: int, first: int, second: int) -> None:
    data = (bytes(range(1, 252)) * seed)[: first + second]
    assert crc32c(data[first:], crc32c(data[:first])) == crc32c(data)


@pytest.mark.parametrize("length", [1023, 1024, 1025, 8191, 65_537, 300_001])
def test_crc32c_of_long_data_is_that_of_its_short_pieces(length: int) -> None:
    data = (bytes(range(251)) * (length // 251 + 1))[:length]
    checksum = 0
    for start in range(0, length, 1000):
        checksum = crc32c(data[start : start + 1000], checksum)
    assert crc32c(data) == checksum


def test_crc32c_across_blocks() -> None:
    data = bytes(range(256)) * 9000
    assert crc32c(data) == crc32c(data[1_500_001:], crc32c(data[:1_500_001]))


def test_a_file_of_350_kb_is_verified_quickly() -> None:
    data = pack(Container({}, (Section(SectionKind.FINE, 0, bytes(range(256)) * 1400),)))
    start = time.process_time()
    unpack(data)
    assert time.process_time() - start < 0.25


@given(containers)
def test_round_trip(container: Container) -> None:
    data = pack(container)
    read = unpack(data)
    assert read == container
    assert pack(read) == data


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: MAGIC + tail))
def test_any_bytes_raise_only_documented_errors(data: bytes) -> None:
    refuse_or_read(data)


@given(containers, st.data())
def test_mutated_files_raise_only_documented_errors(
    container: Container, data: st.DataObject
) -> None:
    good = pack(container)
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, len(good)))
    mutated = good[:start] + data.draw(st.binary(max_size=40)) + good[stop:]
    if mutated != good:
        with pytest.raises(DOCUMENTED):
            unpack(mutated)
    refuse_or_read(mutated)


@given(containers, st.data())
def test_no_flipped_bit_is_accepted(container: Container, data: st.DataObject) -> None:
    damaged = bytearray(pack(container))
    bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FormatError):
        unpack(bytes(damaged))


@given(hostile_files)
def test_sound_checksums_over_hostile_fields(data: bytes) -> None:
    refuse_or_read(data)


@given(st.binary(max_size=300) | st.text('[]{}",:0123456789.eE+-\\u truefalsn').map(str.encode))
def test_any_header_raises_only_documented_errors(header: bytes) -> None:
    refuse_or_read(file_bytes(header))


@given(
    st.sampled_from([b"[", b'{"a":', b"[[],", b"-", b"9", b'"\\ud800', b"1e"]), st.integers(1, 900)
)
def test_repeated_header_text_is_refused(piece: bytes, times: int) -> None:
    with pytest.raises(FormatError):
        parse_canonical_json(piece * times + b"}", "header")


@given(st.binary(max_size=300), st.integers(0, 9), st.booleans())
def test_any_packed_header_raises_only_documented_errors(
    header: bytes, count: int, is_text: bool
) -> None:
    packed = deflated(header) if is_text else header
    refuse_or_read(packed_file_bytes(packed, (), section_count=count))


@given(st.dictionaries(st.text("abé"), st.integers()), st.binary(max_size=120), st.integers(0, 9))
def test_anything_behind_a_packed_text_raises_only_documented_errors(
    header: dict[str, int], rest: bytes, count: int
) -> None:
    try:
        text = canonical_json({"a_sha256": "", **header})
    except ValueError:
        return
    refuse_or_read(packed_file_bytes(deflated(text) + rest, (), section_count=count))


@given(containers, st.data())
def test_damage_below_the_checksum_of_a_packed_header(
    container: Container, data: st.DataObject
) -> None:
    good = pack(replace(container, incompatible=PACKED))
    length = int.from_bytes(good[20:24], "little")
    header = bytearray(good[40 : 40 + length])
    bit = data.draw(st.integers(0, 8 * length - 1))
    header[bit // 8] ^= 1 << bit % 8
    refuse_or_read(good[:40] + sealed(bytes(header)) + good[44 + length :])


@pytest.mark.parametrize(
    "unit", [b"[" * 14 + b"]" * 14, b'{"":' * 13 + b"{}" + b"}" * 13, b"[]", b"0.1", b'""']
)
def test_a_small_file_whose_header_inflates_to_a_mebibyte(unit: bytes) -> None:
    count = ((1 << 20) - 10) // (len(unit) + 1)
    header = deflated(b'{"a":[' + b",".join([unit] * count) + b"]}")
    assert len(header) < 8000
    assert peak_allocation(packed_file_bytes(header, ())) < ALLOCATION_LIMIT


def test_a_header_that_inflates_to_more_than_the_limit() -> None:
    data = packed_file_bytes(deflated(b'{"a":"' + b"x" * (8 << 20) + b'"}'), ())
    with pytest.raises(LimitExceededError, match="inflates to more than the limit"):
        unpack(data)
    assert peak_allocation(data) < 8 << 20


def peak_allocation(data: bytes) -> int:
    tracemalloc.start()
    try:
        refuse_or_read(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", [*CASES, *PACKED_CASES], ids=lambda case: case.name)
def test_no_bad_vector_makes_the_reader_allocate(case: Case) -> None:
    assert peak_allocation(case.data) < ALLOCATION_LIMIT


@settings(max_examples=60)
@given(hostile_files)
def test_hostile_sizes_allocate_little(data: bytes) -> None:
    assert peak_allocation(data) < ALLOCATION_LIMIT


@pytest.mark.parametrize("length", [(1 << 20) - 8, 1 << 20, 1 << 31, 2**32 - 1])
def test_header_longer_than_the_file(length: int) -> None:
    data = file_bytes(header_length=length, file_size=2**40)
    with pytest.raises(DOCUMENTED):
        unpack(data)
    assert peak_allocation(data) < ALLOCATION_LIMIT
