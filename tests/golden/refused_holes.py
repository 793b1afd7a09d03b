"""Files with holes whose checksums are all right and whose sections of holes are not."""

from __future__ import annotations

from collections.abc import Callable

from tests.container.build import HOLES
from vqcodec.errors import FormatError

from .refused import Change, Refusal, Sections, Tree, frame, section

HOLES_BIT = 1 << 2


def _bad(
    name: str,
    change: Change,
    message: str,
    text: str,
    stage: str = "codes",
    bit: int = HOLES_BIT,
    source: str = "holes-ragged",
) -> Refusal:
    text = f"holes: {text}"
    return Refusal(f"bad-holes-{name}", source, change, FormatError, stage, message, text, bit)


def content(edit: Callable[[bytes], bytes | None]) -> Change:
    return section(HOLES, edit)


def of_constant_frame(_: Tree, sections: Sections) -> None:
    sections[1, HOLES] = sections[0, HOLES]


def nothing(_: Tree, __: Sections) -> None:
    pass


HOLES_REFUSALS = (
    _bad("no-bit", nothing, "do not agree", "sections without incompatible bit 2", "open", 0),
    _bad("no-section", content(lambda _: None), "do not agree", "bit without sections", "open"),
    _bad(
        "no-background",
        frame(background=None),
        "without background",
        "a frame whose `background` is null",
        "open",
    ),
    _bad(
        "constant",
        of_constant_frame,
        "without background",
        "a constant frame",
        "open",
        source="holes-4d",
    ),
    _bad("empty", content(lambda _: b""), "cut short", "an empty section"),
    _bad(
        "level",
        content(lambda data: bytes([192]) + data[1:]),
        "beyond",
        "an edge above all levels",
    ),
    _bad(
        "steepness",
        content(lambda data: data[:1] + bytes([16]) + data[2:]),
        "beyond",
        "a steepness that is not defined",
    ),
    _bad("cut", content(lambda data: data[:-4]), "do not add up", "a word too few"),
    _bad("odd", content(lambda data: data + b"?"), "do not add up", "a byte behind the streams"),
    _bad("short", content(lambda data: data[:5]), "ends before", "ends in the numbers of words"),
    Refusal(
        "bad-tiles-holes",
        "tiles-int16-masked",
        content(lambda _: b"\x40" + bytes(17)),
        FormatError,
        "codes",
        "does not know",
        "holes: a model without tensors `holes`",
        HOLES_BIT,
    ),
)
