"""The header of a VQZ file as typed values; :mod:`vqcodec.header_parsing` reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

STEP_INDEX_RANGE = (-256, 1024)


@dataclass(frozen=True)
class Family:
    """What a header may say of a network family.

    Attributes
    ----------
    entropies : tuple of str
        Ids of its entropy coders.
    most_stages : int
        Codes per channel or site, at most.
    step_indices : tuple of int
        Least and largest step index.
    sides : int
        The sides of what is decoded are multiples of this many voxels.
    """

    entropies: tuple[str, ...]
    most_stages: int
    step_indices: tuple[int, int]
    sides: int

    def padded(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of what is decoded for a box of voxels."""
        return tuple(max(1, -(-side // self.sides)) * self.sides for side in shape)


FAMILIES = {
    "wavelet": Family(
        ("context-range-1", "context-tiles-1", "context-tiles-2", "context-tiles-3"),
        3,
        STEP_INDEX_RANGE,
        4,
    ),
    "paper": Family(("code-range-1",), 64, (0, 0), 64),
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
class Promise:
    """What a file says of its voxels, and keeps.

    Attributes
    ----------
    max_error : float
        Largest error of a voxel, after slope and intercept; 0 for none.
    sha256 : str
        Of the decoded voxels as stored.
    """

    max_error: float
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """The JSON object of the header."""
        return asdict(self)


@dataclass(frozen=True)
class Header:
    """Everything a header says; ``voxels`` is None unless they are kept within a bound."""

    codes_sha256: str
    family: str
    entropy: str
    model: ModelReference
    software: str
    volume: VolumeDescription
    frames: tuple[FrameDescription, ...]
    voxels: Promise | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON object of the file."""
        tree = asdict(self)
        if self.voxels is None:
            del tree["voxels"]
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
