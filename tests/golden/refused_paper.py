"""Files of family ``paper`` whose checksums are all right and whose header or codes are not."""

from __future__ import annotations

from tests.container.build import COARSE, FINE
from vqcodec.errors import FormatError, LimitExceededError, UnsupportedError

from .refused import Change, Refusal, Sections, Tree, frame, header, section

MASKED, WHOLE, SMALL = "paper-int16-masked", "paper-float32-whole", "paper-one-voxel-inside"


def thin_box(tree: Tree, _: Sections) -> None:
    tree["volume"]["shape"] = [1, 1, 1100]
    tree["frames"][0].update(origin=[0, 0, 0], extent=[1, 1, 1100])


def _bad(
    name: str, change: Change, message: str, text: str, *, stage: str = "codes", source: str = WHOLE
) -> Refusal:
    return Refusal(f"bad-paper-{name}", source, change, FormatError, stage, message, text)


PAPER_REFUSALS = (
    Refusal(
        "unsupported-paper-entropy",
        SMALL,
        header(entropy="context-range-1"),
        UnsupportedError,
        "open",
        "'context-range-1'",
        "family `paper` with the entropy coder of family `wavelet`",
    ),
    Refusal(
        "unsupported-wavelet-entropy",
        "one-voxel-inside",
        header(entropy="code-range-1"),
        UnsupportedError,
        "open",
        "'code-range-1'",
        "family `wavelet` with the entropy coder of family `paper`",
    ),
    Refusal(
        "bad-limit-paper-box",
        SMALL,
        thin_box,
        LimitExceededError,
        "open",
        "more than a file of",
        "family `paper`, a box of 1x1x1100 voxels: too many once padded to 64x64x1152",
    ),
    _bad(
        "stages-65",
        frame(stages=[65, 1, 1]),
        "'stages' of a frame",
        "family `paper`: stages of 65",
        stage="open",
    ),
    _bad(
        "stages-0",
        frame(stages=[1, 0, 1]),
        "box does not lie",
        "family `paper`: stages of 0",
        stage="open",
    ),
    _bad(
        "step-index",
        frame(step_index=1),
        "'step_index'",
        "family `paper`: a step index that is not 0",
        stage="open",
    ),
    _bad(
        "stages-of-no-model",
        frame(stages=[2, 3, 3]),
        "holds 3 codes a site of level 'middle', the model knows 2",
        "family `paper`: more stages than the model has",
    ),
    _bad(
        "stages-fewer",
        frame(stages=[2, 2, 2]),
        "hash",
        "family `paper`: fewer stages than were coded",
    ),
    _bad(
        "stream-other",
        section(FINE, lambda data: bytes(byte ^ 0x55 for byte in data)),
        "hash|damaged",
        "family `paper`: another fine stream of the same length",
    ),
    _bad(
        "stream-cut",
        section(FINE, lambda data: data[: len(data) // 8 * 4]),
        "hash|damaged",
        "family `paper`: second half of the fine stream is missing",
        source=MASKED,
    ),
    _bad(
        "stream-odd",
        section(COARSE, lambda data: data + b"\0"),
        "not a whole number of words",
        "family `paper`: coarse stream of a length that is no multiple of 4",
    ),
    _bad(
        "codes-hash",
        header(codes_sha256="0" * 64),
        "do not match their hash",
        "family `paper`: hash of other codes",
        source=SMALL,
    ),
)
