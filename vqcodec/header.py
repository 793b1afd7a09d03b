"""The header of a VQZ file as typed values: what the specification allows, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .errors import FormatError, LimitExceededError, UnsupportedError
from .formats.container import parse_canonical_json
from .formats.known import fits, format_of
from .limits import DEFAULT_LIMITS, Limits

STEP_INDEX_RANGE = (-256, 1024)
VOXEL_TYPES = frozenset(
    ["|b1", "|i1", "|u1"]
    + [f"{order}{kind}{size}" for order in "<>" for kind in "iu" for size in (2, 4, 8)]
    + [f"{order}f{size}" for order in "<>" for size in (2, 4, 8)]
)


@dataclass(frozen=True)
class Family:
    """What a header may say of a network family.

    Attributes
    ----------
    entropy : str
        Id of its entropy coder.
    most_stages : int
        Codes per channel or site, at most.
    step_indices : tuple of int
        Least and largest step index.
    sides : int
        The sides of what is decoded are multiples of this many voxels.
    """

    entropy: str
    most_stages: int
    step_indices: tuple[int, int]
    sides: int

    def padded(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of what is decoded for a box of voxels."""
        return tuple(max(1, -(-side // self.sides)) * self.sides for side in shape)


FAMILIES = {
    "wavelet": Family("context-range-1", 3, STEP_INDEX_RANGE, 4),
    "paper": Family("code-range-1", 64, (0, 0), 64),
}


@dataclass(frozen=True)
class ModelReference:
    """Which model a file was written with."""

    id: str
    sha256: str


@dataclass(frozen=True)
class VolumeDescription:
    """The source array and its way to the RAS frame."""

    shape: tuple[int, ...]
    dtype: str
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    format: str
    suffix: str


@dataclass(frozen=True)
class FrameDescription:
    """One 3D frame.

    Attributes
    ----------
    offset, scale : float
        Stored value = ``offset + scale * x``.
    minimum, maximum : float
        Decoded values are clipped to these.
    background : float or None
        Stored value of every background voxel.
    origin, extent : tuple of int
        Box, in the RAS frame, that the codes cover; an extent of zero: every voxel is
        ``offset``.
    step_index : int
        The quantiser step is ``2 ** (-step_index / 64)``.
    stages : tuple of int
        Codes per channel (family ``paper``: per site) of the fine, middle and coarse grid.
    nonfinite : int
        NaN and infinite voxels.
    """

    offset: float
    scale: float
    minimum: float
    maximum: float
    background: float | None
    origin: tuple[int, int, int]
    extent: tuple[int, int, int]
    step_index: int
    stages: tuple[int, int, int]
    nonfinite: int

    @property
    def is_constant(self) -> bool:
        """Whether there are no codes at all."""
        return self.extent == (0, 0, 0)


@dataclass(frozen=True)
class Header:
    """Everything a header says."""

    codes_sha256: str
    family: str
    entropy: str
    model: ModelReference
    software: str
    volume: VolumeDescription
    frames: tuple[FrameDescription, ...]

    def to_json(self) -> dict[str, Any]:
        """The JSON object of the file."""
        tree = asdict(self)
        return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _listed(inner) for name, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_listed(inner) for inner in value]
    return value


def ras_shape(volume: VolumeDescription) -> tuple[int, int, int]:
    """Shape of a frame with its axes in RAS order."""
    spatial = (*volume.shape, 1, 1, 1)[:3]
    z, y, x = (spatial[axis] for axis in volume.axes)
    return z, y, x


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
    if entropy != rules.entropy:
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
    )


def claimed_voxels(
    volume: VolumeDescription, family: Family, frames: Iterable[FrameDescription] = ()
) -> int:
    """Voxels a header asks memory for: of the array, or of what is decoded if that is more.

    Decoded are, with sides rounded up as the family needs it, the boxes of the frames, and
    the whole of every frame with non-finite voxels.
    """
    whole = math.prod(family.padded(ras_shape(volume)))
    decoded = (
        (0 if frame.is_constant else math.prod(family.padded(frame.extent)))
        + (whole if frame.nonfinite else 0)
        for frame in frames
    )
    return max(math.prod(volume.shape), sum(decoded))


def _check_claim(voxels: int, allowed: int, file_size: int) -> None:
    if voxels > allowed:
        raise LimitExceededError(
            f"claims {voxels} voxels, more than a file of {file_size} bytes may hold"
        )


def parse_figures(data: bytes) -> dict[str, Any]:
    """Check the figures stored in a file: names and numbers.

    Raises
    ------
    FormatError
    """
    figures = parse_canonical_json(data, "section 'figures'")
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
