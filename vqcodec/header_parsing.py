"""Headers of VQZ files, checked: what the specification allows, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import FormatError, LimitExceededError, UnsupportedError
from .formats.canonical_json import parse_canonical_json
from .formats.deflated_text import inflated
from .formats.known import fits, format_of
from .header import (
    FAMILIES,
    Family,
    FrameDescription,
    Header,
    ModelReference,
    Promise,
    VolumeDescription,
    claimed_voxels,
    ras_shape,
)
from .limits import DEFAULT_LIMITS, Limits

VOXEL_TYPES = frozenset(
    ["|b1", "|i1", "|u1"]
    + [f"{order}{kind}{size}" for order in "<>" for kind in "iu" for size in (2, 4, 8)]
    + [f"{order}f{size}" for order in "<>" for size in (2, 4, 8)]
)


def parse_header(
    tree: Mapping[str, Any], file_size: int, limits: Limits = DEFAULT_LIMITS
) -> Header:
    """Check every value of a header.

    Parameters
    ----------
    tree : mapping
        The JSON object.
    file_size : int
        Bytes of the whole file: no file may claim more than ``limits.voxels_per_byte`` voxels
        for each of them.

    Raises
    ------
    FormatError
        A value is missing or impossible.
    UnsupportedError
        The network family or entropy coder is not known here.
    LimitExceededError
        The volume is larger than the limits, or than a file of this size may claim.
    """
    family, entropy = _text(tree, "family"), _text(tree, "entropy")
    if family not in FAMILIES:
        raise UnsupportedError(f"network family {family!r} is not known to this version")
    rules = FAMILIES[family]
    if entropy not in rules.entropies:
        raise UnsupportedError(f"entropy coder {entropy!r} is not known to this version")
    model = _object(tree, "model")
    volume = parse_volume(_object(tree, "volume"))
    allowed = min(limits.voxels, limits.voxels_free + limits.voxels_per_byte * file_size)
    _check_claim(claimed_voxels(volume, rules), allowed, file_size)
    frames = tree.get("frames")
    count = math.prod(volume.shape[3:])
    if not isinstance(frames, list) or len(frames) != count:
        raise FormatError(f"header does not describe {count} frames")
    if count > limits.frames:
        raise LimitExceededError(f"claims {count} frames, more than {limits.frames}")
    described = tuple(_frame(frame, volume, rules) for frame in frames)
    _check_claim(claimed_voxels(volume, rules, described), allowed, file_size)
    return Header(
        codes_sha256=_digest(tree, "codes_sha256"),
        family=family,
        entropy=entropy,
        model=ModelReference(_text(model, "id"), _digest(model, "sha256")),
        software=_text(tree, "software"),
        volume=volume,
        frames=described,
        voxels=_promise(_object(tree, "voxels")) if "voxels" in tree else None,
    )


def _promise(tree: Mapping[str, Any]) -> Promise:
    error = _number(tree, "max_error")
    if error < 0:
        raise FormatError("header: 'max_error' is negative")
    return Promise(error, _digest(tree, "sha256"))


def _check_claim(voxels: int, allowed: int, file_size: int) -> None:
    if voxels > allowed:
        raise LimitExceededError(
            f"claims {voxels} voxels, more than a file of {file_size} bytes may hold"
        )


def parse_figures(data: bytes, is_packed: bool, limits: Limits = DEFAULT_LIMITS) -> dict[str, Any]:
    """Check the figures stored in a file: names and numbers.

    Parameters
    ----------
    data : bytes
        The section.
    is_packed : bool
        Whether the file is in the packed form.
    limits : Limits
        The text may be as long as that of a header.

    Raises
    ------
    FormatError
        They are no such object, or bytes follow its text.
    LimitExceededError
        The text is too long.
    """
    name = "section 'figures'"
    if is_packed:
        data, rest = inflated(data, limits.header_bytes, name)
        if rest:
            raise FormatError(f"{name} has bytes after its text")
    figures = parse_canonical_json(data, name)
    if not isinstance(figures, dict) or any(
        type(value) not in (int, float, type(None)) for value in figures.values()
    ):
        raise FormatError("section 'figures' is not a JSON object of numbers")
    return figures


def parse_volume(tree: Mapping[str, Any]) -> VolumeDescription:
    """Check what a header says of the source array.

    Raises
    ------
    FormatError
        A value is missing or wrong.
    UnsupportedError
        The volume format is not known here.
    """
    shape = tree.get("shape")
    if not isinstance(shape, list) or not 1 <= len(shape) <= 7:
        raise FormatError("header: volume shape is not a list of 1 to 7 lengths")
    sides = tuple(_integer({"shape": n}, "shape", 1, 1 << 31) for n in shape)
    axes: Any = tree.get("axes")
    flips: Any = tree.get("flips")
    if not _is_list(axes, int, 3) or sorted(axes) != [0, 1, 2]:
        raise FormatError("header: volume axes are not a permutation of 0, 1, 2")
    if not _is_list(flips, bool, 3):
        raise FormatError("header: volume flips are not three booleans")
    dtype = _text(tree, "dtype")
    if dtype not in VOXEL_TYPES:
        raise FormatError(f"header: {dtype!r} is not a type of voxels")
    suffix = _text(tree, "suffix")
    volume_format = format_of(_text(tree, "format"))
    if not fits(volume_format, suffix):
        raise FormatError(f"header: {suffix!r} is no suffix of format {volume_format.id}")
    return VolumeDescription(
        sides,
        dtype,
        (axes[0], axes[1], axes[2]),
        (flips[0], flips[1], flips[2]),
        volume_format.id,
        suffix,
    )


def _frame(tree: Any, volume: VolumeDescription, family: Family) -> FrameDescription:
    box = ras_shape(volume)
    if not isinstance(tree, dict):
        raise FormatError("header: a frame is not an object")
    origin, extent, stages = (
        _triple(tree, name, high)
        for name, high in (
            ("origin", max(box)),
            ("extent", max(box)),
            ("stages", family.most_stages),
        )
    )
    is_constant = extent == (0, 0, 0)
    fits = all(o + n <= side for o, n, side in zip(origin, extent, box, strict=True))
    if not fits or (not is_constant and (min(extent) < 1 or min(stages) < 1)):
        raise FormatError("header: a frame's box does not lie within the volume")
    background = tree.get("background")
    frame = FrameDescription(
        offset=_number(tree, "offset"),
        scale=_number(tree, "scale"),
        minimum=_number(tree, "minimum"),
        maximum=_number(tree, "maximum"),
        background=None if background is None else _number(tree, "background"),
        origin=origin,
        extent=extent,
        step_index=_integer(tree, "step_index", *family.step_indices),
        stages=stages,
        nonfinite=_integer(tree, "nonfinite", 0, math.prod(box)),
    )
    if frame.nonfinite and np.dtype(volume.dtype).kind != "f":
        raise FormatError(f"header: voxels of type {volume.dtype} cannot be infinite")
    if frame.scale <= 0 or frame.minimum > frame.maximum:
        raise FormatError("header: a frame's intensity range is empty")
    return frame


def _is_list(value: Any, kind: type, length: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == length
        and all(type(each) is kind for each in value)
    )


def _triple(tree: Mapping[str, Any], name: str, high: int) -> tuple[int, int, int]:
    value: Any = tree.get(name)
    if not _is_list(value, int, 3) or not all(0 <= each <= high for each in value or ()):
        raise FormatError(f"header: {name!r} of a frame is not three lengths")
    z, y, x = value
    return z, y, x


def _object(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = tree.get(name)
    if not isinstance(value, dict):
        raise FormatError(f"header: {name!r} is missing or not an object")
    return value


def _text(tree: Mapping[str, Any], name: str) -> str:
    value = tree.get(name)
    if not isinstance(value, str) or len(value) > 256:
        raise FormatError(f"header: {name!r} is missing or not a short text")
    return value


def _digest(tree: Mapping[str, Any], name: str) -> str:
    value = _text(tree, name)
    if len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise FormatError(f"header: {name!r} is not a SHA-256 in hexadecimal")
    return value


def _integer(tree: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = tree.get(name)
    if type(value) is not int or not low <= value <= high:
        raise FormatError(f"header: {name!r} is missing or out of range")
    return value


def _number(tree: Mapping[str, Any], name: str) -> float:
    value = tree.get(name)
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
        raise FormatError(f"header: {name!r} is missing or not a finite number")
    return float(value)  # type: ignore[arg-type]
