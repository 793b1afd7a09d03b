"""Files of coders with tiles whose checksums are all right and whose codes are not."""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.container.build import FINE
from vqcodec.errors import FormatError, UnsupportedError

from .refused import Change, Refusal, header, section

TILES = 4  # of the source vector; the second is empty
LENGTHS = f"<{TILES}I"


def lengths(edit: Callable[[list[int]], list[int]]) -> Change:
    """Change the numbers of words, not the streams."""

    def edited(data: bytes) -> bytes:
        numbers = edit(list(struct.unpack_from(LENGTHS, data)))
        return struct.pack(LENGTHS, *numbers) + data[4 * TILES :]

    return section(FINE, edited)


def streams(edit: Callable[[list[bytes]], list[bytes]]) -> Change:
    """Change the streams, and the numbers of words with them."""

    def edited(data: bytes) -> bytes:
        start, parts = 4 * TILES, []
        for number in struct.unpack_from(LENGTHS, data):
            parts.append(data[start : start + 4 * number])
            start += 4 * number
        changed = edit(parts)
        numbers = (len(part) // 4 for part in changed)
        return struct.pack(LENGTHS, *numbers) + b"".join(changed)

    return section(FINE, edited)


def _bad(name: str, change: Change, message: str, text: str) -> Refusal:
    text = f"coder `context-tiles-1`: {text}"
    source = "tiles-empty-tile"
    return Refusal(f"bad-tiles-{name}", source, change, FormatError, "codes", message, text)


def _bad_trimmed(name: str, change: Change, message: str, text: str) -> Refusal:
    text = f"coder `context-tiles-3`: {text}"
    source = "eight-empty-tile"
    return Refusal(f"bad-eight-{name}", source, change, FormatError, "codes", message, text)


SUM, DAMAGE = "do not add up", "hash|damaged|largest|stages"

TILES_REFUSALS = (
    Refusal(
        "unsupported-paper-entropy-tiles",
        "paper-one-voxel-inside",
        header(entropy="context-tiles-1"),
        UnsupportedError,
        "open",
        "'context-tiles-1'",
        "family `paper` with coder `context-tiles-1`",
    ),
    Refusal(
        "bad-entropy-of-no-model",
        "one-voxel-inside",
        header(entropy="context-tiles-1"),
        FormatError,
        "codes",
        "states entropy coder 'context-tiles-1', its model is for 'context-range-1'",
        "coder `context-tiles-1` with a model for `context-range-1`",
    ),
    _bad(
        "entropy-of-no-model",
        header(entropy="context-range-1"),
        "states entropy coder 'context-range-1', its model is for 'context-tiles-1'",
        "its model, but coder `context-range-1` in the header",
    ),
    Refusal(
        "bad-trellis-entropy-of-no-model",
        "trellis-one-voxel-inside",
        header(entropy="context-tiles-1"),
        FormatError,
        "codes",
        "states entropy coder 'context-tiles-1', its model is for 'context-tiles-2'",
        "a model for `context-tiles-2`, but coder `context-tiles-1` in the header",
    ),
    Refusal(
        "bad-trellis-stream-other",
        "trellis-int16-masked",
        streams(lambda parts: [*parts[:3], bytes(b ^ 0x5A for b in parts[3])]),
        FormatError,
        "codes",
        DAMAGE,
        "coder `context-tiles-2`: another stream of the same length in the last tile",
    ),
    _bad_trimmed(
        "entropy-of-no-model",
        header(entropy="context-tiles-2"),
        "states entropy coder 'context-tiles-2', its model is for 'context-tiles-3'",
        "its model, but coder `context-tiles-2` in the header",
    ),
    _bad_trimmed(
        "empty",
        section(FINE, lambda _: b""),
        "ends within a number",
        "empty fine section",
    ),
    _bad_trimmed(
        "length-not-shortest",
        section(FINE, lambda data: bytes([data[0] & 0x7F | 0x80, 0x80, 0]) + data[1:]),
        "not in its shortest form",
        "a length with a byte that it does not need",
    ),
    _bad_trimmed(
        "length-hostile",
        section(FINE, lambda data: b"\xff" * 5 + b"\x7f" + data[1:]),
        "does not fit its field",
        "a length of 42 bits",
    ),
    _bad_trimmed(
        "section-longer",
        section(FINE, lambda data: data + b"\0"),
        SUM,
        "a byte behind the last stream",
    ),
    _bad_trimmed(
        "stream-other",
        section(FINE, lambda data: data[:-9] + bytes(b ^ 0x5A for b in data[-9:])),
        DAMAGE,
        "other bytes at the end of the last tile",
    ),
    _bad("empty", section(FINE, lambda _: b""), "ends before their lengths", "empty fine section"),
    _bad(
        "lengths-cut",
        section(FINE, lambda data: data[: 4 * TILES - 4]),
        "ends before their lengths",
        "fine section ends before the last number of words",
    ),
    _bad(
        "lengths-beyond",
        lengths(lambda numbers: [*numbers[:-1], numbers[-1] + 1]),
        SUM,
        "one word more than the fine section has",
    ),
    _bad(
        "lengths-hostile",
        lengths(lambda _: [0xFFFFFFFF] * TILES),
        SUM,
        "2^32 - 1 words in each tile",
    ),
    _bad(
        "lengths-short",
        lengths(lambda numbers: [numbers[0] - 1, *numbers[1:]]),
        SUM,
        "one word of the fine section in no tile",
    ),
    _bad(
        "lengths-moved",
        lengths(lambda numbers: [numbers[0] - 9, numbers[1] + 9, *numbers[2:]]),
        DAMAGE,
        "a tile begins nine words too early",
    ),
    _bad(
        "section-odd",
        section(FINE, lambda data: data + b"\0"),
        SUM,
        "a byte behind the last stream",
    ),
    _bad(
        "stream-other",
        streams(lambda parts: [*parts[:3], bytes(b ^ 0x5A for b in parts[3])]),
        DAMAGE,
        "another stream of the same length in the last tile",
    ),
    _bad(
        "stream-cut",
        streams(lambda parts: [*parts[:3], parts[3][: len(parts[3]) // 8 * 4]]),
        DAMAGE,
        "second half of the last tile's stream is missing",
    ),
    _bad(
        "stream-missing",
        streams(lambda parts: [b"", *parts[1:]]),
        DAMAGE,
        "first tile without a stream",
    ),
    _bad(
        "streams-swapped",
        streams(lambda parts: [parts[3], *parts[1:3], parts[0]]),
        DAMAGE,
        "streams of two tiles swapped",
    ),
)
