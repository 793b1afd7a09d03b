"""Files whose checksums are all right and whose header or content is not: each from a good one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.container.build import (
    COARSE,
    FIGURES,
    FINE,
    MASK,
    NONFINITE,
    PACKED,
    VOLUME_HEADER,
    file_bytes,
    packed_file_bytes,
    packed_header,
)
from vqcodec.errors import FormatError, LimitExceededError, UnsupportedError, VqzError
from vqcodec.formats.container import unpack

from .places import VECTORS

Tree = dict[str, Any]
Sections = dict[tuple[int, int], bytes]
Change = Callable[[Tree, Sections], None]


class Refusal(NamedTuple):
    """``stage`` is what finds the fault: ``open``, ``codes`` or ``voxels``."""

    name: str
    source: str
    change: Change
    error: type[VqzError]
    stage: str
    message: str
    text: str
    incompatible: int = 0

    @property
    def data(self) -> bytes:
        container = unpack((VECTORS / f"good-{self.source}.vqz").read_bytes())
        tree = copy.deepcopy(container.header)
        sections = {(each.frame, each.kind): each.data for each in container.sections}
        self.change(tree, sections)
        rows = [(kind, frame, data) for (frame, kind), data in sorted(sections.items())]
        if self.incompatible & PACKED:
            whole = packed_header(tree, rows)
            return packed_file_bytes(whole, rows, incompatible=self.incompatible)
        header = json.dumps(tree, sort_keys=True, separators=(",", ":")).encode("ascii")
        return file_bytes(header, rows, incompatible=self.incompatible)


def header(**values: Any) -> Change:
    return lambda tree, _: tree.update(values)


def volume(**values: Any) -> Change:
    return lambda tree, _: tree["volume"].update(values)


def frame(**values: Any) -> Change:
    return lambda tree, _: tree["frames"][0].update(values)


def model(**values: Any) -> Change:
    return lambda tree, _: tree["model"].update(values)


def without(key: str) -> Change:
    return lambda tree, _: tree["frames"][0].pop(key)


def section(kind: int, edit: Callable[[bytes], bytes | None], owner: int = 0) -> Change:
    """Replace a section, or drop it for None; a missing one counts as empty."""

    def change(_: Tree, sections: Sections) -> None:
        edited = edit(sections.pop((owner, kind), b""))
        if edited is not None:
            sections[owner, kind] = edited

    return change


def first_frame_only(tree: Tree, _: Sections) -> None:
    del tree["frames"][1:]


def thin_box(tree: Tree, _: Sections) -> None:
    tree["volume"]["shape"] = [1, 1, 70_000]
    tree["frames"][0].update(origin=[0, 0, 0], extent=[1, 1, 70_000])


def thin_nonfinite(tree: Tree, sections: Sections) -> None:
    thin_box(tree, sections)
    tree["volume"]["dtype"] = "<f4"
    tree["frames"][0].update(extent=[0, 0, 0], nonfinite=1)
    sections[0, NONFINITE] = bytes(12)


SMALL = "one-voxel-inside"


def _bad(
    name: str, change: Change, message: str, text: str, *, stage: str = "open", source: str = SMALL
) -> Refusal:
    return Refusal(f"bad-{name}", source, change, FormatError, stage, message, text)


def _unsupported(name: str, change: Change, message: str, text: str) -> Refusal:
    return Refusal(f"unsupported-{name}", SMALL, change, UnsupportedError, "open", message, text)


def _limit(name: str, change: Change, text: str) -> Refusal:
    message = "more than a file of"
    return Refusal(f"bad-limit-{name}", SMALL, change, LimitExceededError, "open", message, text)


REFUSALS = (
    _unsupported(
        "family", header(family="transformer"), "family 'transformer'", "unknown network family"
    ),
    _unsupported(
        "entropy", header(entropy="context-range-2"), "'context-range-2'", "unknown entropy coder"
    ),
    _unsupported("volume-format", volume(format="dicom"), "'dicom'", "unknown volume format"),
    _limit("shape", volume(shape=[1 << 31] * 3), "claims 2^93 voxels"),
    _limit(
        "voxels-per-byte",
        volume(shape=[128, 128, 128]),
        "claims 128x128x128 voxels, too many for its size",
    ),
    _limit("box", thin_box, "a box of 1x1x70000 voxels: too many once padded to 4x4x70000"),
    _limit("nonfinite", thin_nonfinite, "NaN in 1x1x70000 voxels: too many once padded"),
    _bad(
        "frames-missing",
        first_frame_only,
        "does not describe 3 frames",
        "three frames, of which the header describes one",
        source="4d",
    ),
    _bad("stages-0", frame(stages=[1, 0, 1]), "box does not lie", "stages of 0"),
    _bad("stages-4", frame(stages=[1, 1, 4]), "'stages' of a frame", "stages of 4"),
    _bad(
        "stages-too-few",
        frame(stages=[1, 1, 1]),
        "beyond its 1 stages",
        "a code needs more stages than stated",
        stage="codes",
        source="two-stages",
    ),
    _bad("step-index", frame(step_index=1025), "'step_index'", "step index out of range"),
    _bad("step-index-real", frame(step_index=8.0), "'step_index'", "step index is a real number"),
    _bad("box-outside", frame(origin=[4, 5, 7]), "does not lie within", "box leaves the volume"),
    _bad("box-flat", frame(extent=[1, 0, 1]), "does not lie within", "box has a side of 0"),
    _bad("box-negative", frame(origin=[-1, 0, 0]), "'origin' of a frame", "box begins before 0"),
    _bad("range-empty", frame(minimum=2.0, maximum=1.0), "range is empty", "minimum > maximum"),
    _bad("scale-0", frame(scale=0.0), "range is empty", "scale of 0"),
    _bad("key-missing", without("offset"), "'offset' is missing", "frame without offset"),
    _bad("axes", volume(axes=[0, 1, 1]), "not a permutation", "one axis twice"),
    _bad("flips", volume(flips=[0, 0, 1]), "not three booleans", "flips are numbers"),
    _bad("dtype", volume(dtype="<i3"), "'<i3' is not a type", "unknown voxel type"),
    _bad("dtype-complex", volume(dtype="<c8"), "'<c8' is not a type", "complex voxels"),
    _bad("suffix", volume(suffix=".mgz"), "'.mgz' is no suffix", "NIfTI with a suffix of MGH"),
    _bad("nonfinite-integer", frame(nonfinite=1), "cannot be infinite", "NaN in int16 voxels"),
    _bad("shape-0", volume(shape=[9, 0, 7]), "'shape' is missing or out of", "an axis of 0"),
    _bad("shape-8-axes", volume(shape=[9] + [1] * 7), "1 to 7 lengths", "eight axes"),
    _bad("model-hash", model(sha256="ABC"), "not a SHA-256", "identity of the model is no hash"),
    _bad(
        "codes-hash",
        header(codes_sha256="0" * 64),
        "do not match their hash",
        "hash of other codes",
        stage="codes",
    ),
    _bad(
        "section-missing",
        section(FINE, lambda _: None),
        "section 'fine' is missing",
        "no fine section",
    ),
    _bad(
        "section-of-no-frame",
        section(MASK, lambda _: b"", owner=1),
        "section of frame 1, of 1",
        "a section of a frame that is not there",
    ),
    _bad(
        "volume-header-missing",
        section(VOLUME_HEADER, lambda _: None),
        "section 'volume header' is missing",
        "no volume header section",
        stage="voxels",
    ),
    _bad(
        "volume-header-cut",
        section(VOLUME_HEADER, lambda data: data[:-3]),
        "volume header section",
        "volume header section is cut short",
        stage="voxels",
    ),
    _bad(
        "volume-header-other-shape",
        volume(shape=[9, 8, 8]),
        "contradicts the description",
        "source header and VQZ header state different shapes",
        stage="voxels",
    ),
    _bad(
        "nonfinite-missing",
        section(NONFINITE, lambda _: None),
        "non-finite voxels differ",
        "counts NaN voxels, but no section says where",
        source="nan-background",
    ),
    _bad(
        "nonfinite-uncounted",
        section(NONFINITE, lambda _: bytes(12)),
        "non-finite voxels differ",
        "nonfinite section of a frame that counts none",
    ),
    _bad(
        "nonfinite-count",
        frame(nonfinite=1),
        "does not hold what the header counts",
        "one NaN voxel counted, many there",
        stage="voxels",
        source="nan-background",
    ),
    _bad(
        "nonfinite-cut",
        section(NONFINITE, lambda data: data[:7]),
        "'nonfinite' is cut short",
        "nonfinite section cut short",
        stage="voxels",
        source="nan-background",
    ),
    _bad(
        "stream-cut",
        section(FINE, lambda data: data[: len(data) // 8 * 4]),
        "hash|damaged|largest|stages",
        "second half of the fine stream is missing",
        stage="codes",
        source="thin",
    ),
    _bad(
        "stream-odd",
        section(COARSE, lambda data: data + b"\0"),
        "not a whole number of words",
        "coarse stream of a length that is no multiple of 4",
        stage="codes",
    ),
    _bad(
        "stream-ones",
        section(COARSE, lambda data: b"\xff" * len(data)),
        "hash|damaged|largest|stages",
        "coarse stream of ones only",
        stage="codes",
    ),
    _bad(
        "mask-other",
        section(MASK, lambda data: data[:4] + bytes(len(data) - 4)),
        "hash|damaged|largest|stages",
        "mask stream of zeros behind its first word",
        stage="codes",
        source="big-endian",
    ),
    _bad(
        "figures-list",
        section(FIGURES, lambda _: b"[1]"),
        "not a JSON object",
        "figures are a JSON array",
        stage="figures",
    ),
    _bad(
        "figures-text",
        section(FIGURES, lambda _: b'{"psnr":"high"}'),
        "not a JSON object of numbers",
        "a figure is a text",
        stage="figures",
    ),
)
