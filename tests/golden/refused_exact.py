"""Files of exact voxels whose checksums are all right and whose residual sections are not."""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.container.build import RESIDUAL
from vqcodec.errors import FormatError

from .refused import Change, Refusal, Sections, Tree, section, volume

EXACT = 1 << 1


def patched(offset: int, layout: str, value: float) -> Change:
    return section(RESIDUAL, lambda data: _patched(data, offset, layout, value))


def _patched(data: bytes, offset: int, layout: str, value: float) -> bytes:
    packed = struct.pack(f"<{layout}", value)
    return data[:offset] + packed + data[offset + len(packed) :]


def after_states(data: bytes) -> int:
    """Where the numbers begin."""
    return 14 + struct.unpack_from("<I", data, 2)[0]


def numbers(edit: Callable[[bytes], bytes]) -> Change:
    def edited(data: bytes) -> bytes:
        start = after_states(data)
        return data[:start] + edit(data[start:])

    return section(RESIDUAL, edited)


def without_promise(tree: Tree, _: Sections) -> None:
    del tree["voxels"]


def promise(**values: object) -> Change:
    return lambda tree, _: tree["voxels"].update(values)


def _bad(
    name: str, change: Change, message: str, text: str, source: str = "bounded", stage: str = ""
) -> Refusal:
    return Refusal(
        f"bad-exact-{name}",
        f"exact-{source}",
        change,
        FormatError,
        stage or "voxels",
        message,
        f"exact voxels: {text}",
        EXACT,
    )


DAMAGE = "hash|damaged|beyond|ends before"

EXACT_REFUSALS = (
    _bad("no-promise", without_promise, "do not agree", "bit without `voxels`", stage="open"),
    _bad(
        "error-negative",
        promise(max_error=-1),
        "negative",
        "a negative largest error",
        stage="open",
    ),
    _bad("missing", section(RESIDUAL, lambda _: None), "missing", "no section", stage="open"),
    _bad("hash", promise(sha256="0" * 64), "do not match their hash", "hash of other voxels"),
    _bad("empty", section(RESIDUAL, lambda _: b""), "cut short", "an empty section"),
    _bad("no-state", patched(1, "B", 0), "no such voxels", "voxels in no state"),
    _bad("states-6", patched(1, "B", 0x22), "no such voxels", "voxels in state 5"),
    _bad("states-nan", patched(1, "B", 6), "no such voxels", "NaN in int16"),
    _bad("states-long", patched(2, "I", 1 << 31), "cut short", "2^31 bytes of states"),
    _bad("kind", patched(0, "B", 7), "unknown way", "voxels mapped in way 7"),
    _bad("kind-float", patched(0, "B", 2), "scales voxels", "a lattice of int16"),
    _bad("step-even", numbers(lambda data: _patched(data, 4, "I", 2)), "no writer", "step of 2"),
    _bad(
        "start", numbers(lambda data: _patched(data, 8, "I", 1 << 31)), "no writer", "start > most"
    ),
    _bad(
        "spacing",
        numbers(lambda data: _patched(data, 20, "d", 0)),
        "no number",
        "spacing 0",
        "bounded-float",
    ),
    _bad("numbers-cut", numbers(lambda data: data[:11]), "cut short", "numbers end too early"),
    _bad("mapping-cut", numbers(lambda data: data[:20]), "cut short", "mapping ends too early"),
    _bad(
        "stream-odd", numbers(lambda data: data + b"?"), "whole number of words", "a byte too many"
    ),
    _bad("stream-cut", numbers(lambda data: data[:600]), DAMAGE, "stream ends too early"),
    _bad(
        "stream-other",
        numbers(lambda data: data[:28] + bytes(b ^ 0x5A for b in data[28:])),
        DAMAGE,
        "another stream",
    ),
    _bad("table-cut", numbers(lambda data: data[:30]), "cut short", "table cut short", "table"),
    _bad(
        "table-long",
        numbers(lambda data: _patched(data, 0, "I", 1 << 20)),
        "too long",
        "a table of 2^20 values",
        "table",
    ),
    _bad(
        "table-other",
        numbers(lambda data: _patched(data, 16, "I", 0x5A5A5A5A)),
        "damaged|length",
        "a table that is no zlib stream",
        "table",
    ),
    _bad("plain-cut", numbers(lambda data: data[:40]), "cut short", "packed voxels end", "plain"),
    _bad(
        "plain-other",
        numbers(lambda data: bytes(b ^ 0x5A for b in data)),
        "damaged",
        "packed voxels that are not",
        "plain",
    ),
    _bad("shape", volume(shape=[15, 13, 12]), "hash|match|describe", "another shape"),
)
