"""From the streams of a frame to its index grids, whatever the network family. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .entropy.code_coder import decode_codes
from .entropy.code_model import CodeModel, code_model
from .entropy.context_model import ContextModel, context_model
from .entropy.frame import Streams, decode_background, decode_foreground, decode_frame_codes
from .entropy.level_contexts import Coefficients, frame_geometry
from .entropy.levels import decode_levels
from .entropy.tiling import tile_places
from .errors import FormatError, ModelUnavailableError
from .grids import ZERO_ENTRY, CodeStatistics, Grid, grids_of
from .header import FrameDescription
from .layout import LEVEL_NAMES, site_padding

EntropyModel = ContextModel | CodeModel
Corners = tuple[Sequence[int], Sequence[int]]


@dataclass(frozen=True)
class DecodedFrame:
    """Index grids of a frame and what they are of; empty if constant.

    Attributes
    ----------
    region : ndarray of bool
        What is coded of the frame's crop, ``(D, H, W)``: foreground and holes.
    grids : mapping of str to ndarray
    offsets : tuple of (ndarray of float32 or None)
        What the contexts of a wavelet model add to its codebooks' entries; see
        :class:`vqcodec.entropy.level_contexts.Coefficients`.
    holes : ndarray of bool or None
        Background within the region; None where there is none.
    """

    region: NDArray[np.bool_]
    grids: Mapping[str, Grid]
    offsets: tuple[NDArray[np.float32] | None, ...] = ()
    holes: NDArray[np.bool_] | None = None

    @property
    def foreground(self) -> NDArray[np.bool_]:
        """What is not background."""
        return self.region if self.holes is None else self.region & ~self.holes


@dataclass(frozen=True)
class CodedFrame:
    """One frame as coded, with what it decodes to; ``streams`` is None for a constant one."""

    description: FrameDescription
    streams: Streams | None = None
    decoded: DecodedFrame = field(default_factory=lambda: empty_frame_grids())


def code_statistics(streams: Iterable[Streams], decoded: Iterable[DecodedFrame]) -> CodeStatistics:
    """What the codes of all frames are like, of wavelet coefficients."""
    grids = (grid for frame in decoded for grid in frame.grids.values())
    return CodeStatistics(
        significant=sum(int(np.count_nonzero(grid != ZERO_ENTRY)) for grid in grids),
        bits=8 * sum(len(level) for each in streams for level in each.levels),
    )


def entropy_model(family: str, tensors: Mapping[str, NDArray[Any]]) -> EntropyModel:
    """Build the entropy model of a weights file.

    Raises
    ------
    ModelUnavailableError
        The weights do not hold one, or it would not compute exactly.
    """
    if family == "wavelet":
        return context_model(tensors)
    if family == "paper":
        return code_model(tensors)
    raise ModelUnavailableError(f"no volume is compressed with models of family {family!r}")


def decode_frame_grids(
    model: EntropyModel, streams: Streams, frame: FrameDescription
) -> DecodedFrame:
    """Foreground and index grids of one frame.

    Raises
    ------
    FormatError
        If the streams cannot have been written with this model.
    """
    if frame.is_constant:
        return empty_frame_grids()
    if isinstance(model, ContextModel):
        index = frame.step_index
        region, coefficients = decode_frame_codes(model, streams, index, frame.extent)
        holes = decode_background(model, coefficients, region, streams.holes, index)
        grids = grids_of(coefficients, frame.stages)
        return DecodedFrame(region, grids, coefficients.offsets, holes)
    if streams.holes is not None:
        raise FormatError("holds a section of holes, which its model does not know")
    foreground = decode_foreground(model.mask, streams.mask, frame.extent)
    stages = dict(zip(LEVEL_NAMES, frame.stages, strict=True))
    for name, count in stages.items():
        if count > model.levels[name].stages:
            raise FormatError(
                f"holds {count} codes a site of level {name!r}, "
                f"the model knows {model.levels[name].stages}"
            )
    levels = dict(zip(LEVEL_NAMES, streams.levels, strict=True))
    codes = decode_codes(model, padded_foreground(foreground), levels, stages)
    return DecodedFrame(foreground, {name: codes[name] for name in LEVEL_NAMES})


def decode_frame_part(
    model: ContextModel,
    streams: Streams,
    frame: FrameDescription,
    corners: Corners,
    around: Corners,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None, Coefficients]:
    """Region, holes and coefficients of a frame, the fine ones only where they are asked for.

    Parameters
    ----------
    corners : pair of sequences of int
        First voxel of the box's part that is wanted, and the first one beyond it.
    around : pair of sequences of int
        The same of the part whose coefficients it depends on.

    Raises
    ------
    FormatError
        If the streams cannot have been written with this model.
    """
    region = decode_foreground(model.mask, streams.mask, frame.extent)
    geometry, index = frame_geometry(region), frame.step_index
    wanted, needed = (tile_places(stop, start) for start, stop in (corners, around))
    coefficients = decode_levels(model, geometry, index, streams.levels, needed)
    holes = decode_background(model, coefficients, region, streams.holes, index, wanted)
    return region, holes, coefficients


def padded_foreground(foreground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Foreground of a crop on its frame of whole coarse sites (family ``paper``)."""
    return np.pad(foreground, site_padding(foreground.shape))


def empty_frame_grids() -> DecodedFrame:
    """A constant frame."""
    nothing = {name: np.zeros((0, 0, 0, 0), np.uint8) for name in LEVEL_NAMES}
    return DecodedFrame(np.zeros((0, 0, 0), bool), nothing)
