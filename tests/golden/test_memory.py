"""A file of less than 1 kB makes no reader allocate 64 MiB, whatever it claims.

With coder ``context-tiles-1`` it is 96 MiB, since tiles at the far sides are as large as others.
"""

from __future__ import annotations

import copy
import json
import struct
import tracemalloc
from math import prod
from typing import Any

import pytest

from tests.container.build import (
    COARSE,
    FINE,
    MASK,
    MIDDLE,
    NONFINITE,
    RESIDUAL,
    USER,
    file_bytes,
)
from vqcodec.codec import decode_volume
from vqcodec.errors import FormatError, LimitExceededError
from vqcodec.limits import DEFAULT_LIMITS
from vqcodec.vqz import VQZ

from .places import VECTORS

FILE_BYTES = 999
ALLOCATION_LIMIT = 64 << 20
TILES_ALLOCATION_LIMIT = 96 << 20
ALLOWED = DEFAULT_LIMITS.voxels_free + DEFAULT_LIMITS.voxels_per_byte * FILE_BYTES


def hostile(
    shape: tuple[int, ...],
    *,
    word: int,
    masked: bool,
    nonfinite: bool,
    constant: bool,
    source: str = "one-voxel-inside",
) -> bytes:
    """A file whose streams are one word, again and again."""
    opened = VQZ.open(VECTORS / f"good-{source}.vqz")
    tree = copy.deepcopy(opened.header)
    tree["volume"].update(shape=list(shape), dtype="<f4")
    tree["frames"][0].update(
        origin=[0, 0, 0],
        extent=[0, 0, 0] if constant else list(shape),
        stages=[2, 2, 3] if tree["family"] == "paper" else [3, 3, 3],
        nonfinite=int(nonfinite),
    )
    words = struct.pack("<I", word)
    sections = {COARSE: 2 * words, MIDDLE: 2 * words, FINE: 2 * words, USER: b""}
    if tree["entropy"] == "context-tiles-1":
        lengths = [2] + [0] * (prod(-(-side // 64) for side in shape) - 1)
        sections[FINE] = struct.pack(f"<{len(lengths)}I", *lengths) + 2 * words
    if masked:
        sections[MASK] = 2 * words
    if nonfinite:
        sections[NONFINITE] = struct.pack("<I", 8) + 2 * words + bytes(8)
    header = json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()

    def rows() -> list[tuple[int, int, bytes]]:
        return [(kind, 0, sections[kind]) for kind in sorted(sections)]

    sections[USER] = bytes(FILE_BYTES - len(file_bytes(header, rows())))
    return file_bytes(header, rows())


def peak_of_decoding(data: bytes) -> int:
    opened = VQZ.from_bytes(data)
    with pytest.raises(FormatError):
        decode_volume(VQZ.open(VECTORS / "bad-codes-hash.vqz"), device="cpu")
    tracemalloc.start()
    try:
        with pytest.raises(FormatError) as caught:
            decode_volume(opened, device="cpu")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(caught.value).isprintable()
    return peak


@pytest.mark.parametrize("word", [0, 0xA5A5A5A5])
@pytest.mark.parametrize("shape", [(100, 100, 100), (4, 4, 67_000), (1, 1, 67_000), (516, 516, 4)])
@pytest.mark.parametrize("masked", [False, True])
def test_largest_boxes(shape: tuple[int, ...], masked: bool, word: int) -> None:
    data = hostile(shape, word=word, masked=masked, nonfinite=False, constant=False)
    assert len(data) == FILE_BYTES
    assert peak_of_decoding(data) < ALLOCATION_LIMIT


@pytest.mark.parametrize("word", [0, 0xA5A5A5A5])
@pytest.mark.parametrize("shape", [(193, 65, 65), (128, 128, 64), (4, 4, 2000)])
def test_largest_boxes_in_tiles(shape: tuple[int, ...], word: int) -> None:
    kind = {"masked": word != 0, "nonfinite": False, "constant": False}
    data = hostile(shape, word=word, source="tiles-one-voxel-inside", **kind)
    assert len(data) == FILE_BYTES
    assert peak_of_decoding(data) < TILES_ALLOCATION_LIMIT


def test_tiles_without_lengths_are_not_allocated() -> None:
    kind = {"masked": False, "nonfinite": False, "constant": False}
    data = hostile((4, 4, 2000), word=0, source="tiles-one-voxel-inside", **kind)
    opened = VQZ.from_bytes(data)
    tree = copy.deepcopy(opened.header)
    tree["volume"]["shape"] = [4, 4, 60_000]
    tree["frames"][0]["extent"] = [4, 4, 60_000]
    sections = [(each.kind, each.frame, each.data) for each in opened.container.sections]
    header = json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()
    assert peak_of_decoding(file_bytes(header, sections)) < 32 << 20


@pytest.mark.parametrize("word", [0, 0xA5A5A5A5])
@pytest.mark.parametrize("shape", [(64, 64, 256), (100, 100, 60), (1, 1, 256)])
def test_largest_boxes_of_family_paper(shape: tuple[int, ...], word: int) -> None:
    kind = {"masked": word == 0, "nonfinite": False, "constant": False}
    data = hostile(shape, word=word, source="paper-one-voxel-inside", **kind)
    assert len(data) == FILE_BYTES
    assert peak_of_decoding(data) < ALLOCATION_LIMIT
    with pytest.raises(LimitExceededError):
        VQZ.from_bytes(hostile((1, 1, 257), word=word, source="paper-one-voxel-inside", **kind))


@pytest.mark.parametrize("shape", [(100, 100, 100), (1, 1, 67_000), (67_000, 1, 1), (1, 516, 516)])
def test_largest_frames_with_nan(shape: tuple[int, ...]) -> None:
    data = hostile(shape, word=0x1234_5678, masked=False, nonfinite=True, constant=True)
    assert peak_of_decoding(data) < ALLOCATION_LIMIT


@pytest.mark.parametrize("most", [1, (1 << 32) - 1])
@pytest.mark.parametrize("word", [0, 0xA5A5A5A5])
@pytest.mark.parametrize("shape", [(100, 100, 100), (1, 1, 67_000), (516, 516, 4)])
def test_largest_frames_of_exact_voxels(shape: tuple[int, ...], word: int, most: int) -> None:
    opened = VQZ.open(VECTORS / "good-exact-one-voxel.vqz")
    tree = copy.deepcopy(opened.header)
    tree["volume"].update(shape=list(shape))
    words = struct.pack("<I", word) * 20
    head = struct.pack("<BBIQ", 0, 3, len(words), 0) + words
    data = head + struct.pack("<IIIQQ", most, 1, 0, 0, 1) + words
    rows = [(RESIDUAL, 0, data)]
    whole = exact_file(tree, rows, bytes(FILE_BYTES - len(exact_file(tree, rows, b""))))
    assert len(whole) == FILE_BYTES
    assert peak_of_decoding(whole) < ALLOCATION_LIMIT


def exact_file(tree: dict[str, Any], rows: list[tuple[int, int, bytes]], padding: bytes) -> bytes:
    header = json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()
    return file_bytes(header, [*rows, (USER, 0, padding)], incompatible=2)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, ALLOWED), (103, 103, 103), (1, 69_000, 1), (2, 520, 525)])
def test_more_is_refused_at_once(shape: tuple[int, ...], constant: bool) -> None:
    data = hostile(shape, word=0, masked=False, nonfinite=constant, constant=constant)
    with pytest.raises(LimitExceededError):
        VQZ.from_bytes(data)
