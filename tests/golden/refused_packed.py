"""Packed files whose checksums are all right and whose figures or digests are not."""

from __future__ import annotations

from tests.container.build import FIGURES, PACKED, stored
from vqcodec.errors import FormatError

from .refused import Change, Refusal, header, section


def _bad(name: str, change: Change, message: str, text: str, stage: str = "figures") -> Refusal:
    source = "packed-int16-masked"
    name, text = f"bad-packed-{name}", f"packed: {text}"
    return Refusal(name, source, change, FormatError, stage, message, text, PACKED)


PACKED_REFUSALS = (
    _bad(
        "figures-plain",
        section(FIGURES, lambda _: b'{"psnr":30.1}'),
        "DEFLATE stream",
        "figures that are not deflated",
    ),
    _bad(
        "figures-cut",
        section(FIGURES, lambda data: data[:-2]),
        "DEFLATE stream that is cut short",
        "figures cut short",
    ),
    _bad(
        "figures-trailing",
        section(FIGURES, lambda data: data + b"?"),
        "bytes after its text",
        "a byte behind the figures",
    ),
    _bad(
        "figures-list",
        section(FIGURES, lambda _: stored(b"[1]")),
        "not a JSON object",
        "figures are a JSON array",
    ),
    _bad(
        "codes-hash",
        header(codes_sha256="0" * 64),
        "do not match their hash",
        "hash of other codes",
        "codes",
    ),
)
