"""Streams of one 3D frame: mask, then coarse, middle and fine codes, then holes.

Nothing here depends on floating-point rounding: the streams decode to the same integers on
every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .blas import one_blas_thread
from .context_model import ContextModel
from .holes import decode_holes, encode_holes
from .level_contexts import Coefficients, frame_geometry
from .levels import context_index, decode_levels
from .mask import MaskModel, decode_mask, encode_mask
from .tiling import Sides


@dataclass(frozen=True)
class Streams:
    """Coded bytes of a frame.

    Attributes
    ----------
    mask : bytes
        Of the region that is coded; empty where that is everything.
    levels : tuple of bytes
        Fine, middle, coarse.
    holes : bytes or None
        Of the background within the region; None where there is none.
    """

    mask: bytes
    levels: tuple[bytes, bytes, bytes]
    holes: bytes | None = None

    def __len__(self) -> int:
        return len(self.mask) + sum(map(len, self.levels)) + len(self.holes or b"")


@one_blas_thread()
def encode_foreground(model: MaskModel, foreground: NDArray[np.bool_]) -> bytes:
    """Mask stream of a crop ``(D, H, W)``; empty when every voxel is foreground."""
    return b"" if foreground.all() else encode_mask(foreground, model)


@one_blas_thread()
def decode_foreground(model: MaskModel, data: bytes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Inverse of :func:`encode_foreground`."""
    return decode_mask(data, shape, model) if data else np.ones(shape, bool)


@one_blas_thread()
def encode_background(
    model: ContextModel,
    coefficients: Coefficients,
    region: NDArray[np.bool_],
    holes: NDArray[np.bool_] | None,
    step_index: int,
) -> bytes | None:
    """Section of the background within the coded region of a crop; None where there is none."""
    if holes is None or model.holes is None:
        return None
    told = context_index(model, step_index)
    return encode_holes(model.holes, coefficients, region, holes, step_index, told)


@one_blas_thread()
def decode_background(
    model: ContextModel,
    coefficients: Coefficients,
    region: NDArray[np.bool_],
    data: bytes | None,
    step_index: int,
    wanted: Sequence[Sides] | None = None,
) -> NDArray[np.bool_] | None:
    """Inverse of :func:`encode_background`; None where there is no section.

    Raises
    ------
    FormatError
        If the stream cannot have been written with this model.
    """
    if data is None:
        return None
    if model.holes is None:
        raise FormatError("holds a section of holes, which its model does not know")
    told = context_index(model, step_index)
    return decode_holes(model.holes, coefficients, region, data, step_index, wanted, told)


def decode_frame_codes(
    model: ContextModel, streams: Streams, step_index: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], Coefficients]:
    """Coded region ``(D, H, W)`` and coefficients of a crop of ``shape``.

    Raises
    ------
    FormatError
        If the streams cannot have been written with this model.
    """
    foreground = decode_foreground(model.mask, streams.mask, shape)
    return foreground, decode_levels(model, frame_geometry(foreground), step_index, streams.levels)
