"""Streams of one 3D frame: mask, then coarse, middle and fine codes.

Nothing here depends on floating-point rounding: the streams decode to the same integers on
every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..layout import GRID_LEVELS, SPLITS, padded_to_four
from .coder import Phase, SplitModel, decode_split, encode_split
from .context_model import ContextModel
from .escapes import read_signed, write_signed
from .groups import group_of
from .mask import MaskModel, decode_mask, encode_mask
from .neighbourhood import SplitContext
from .stream import Decoder, Encoder
from .support import coded_support, foreground_fractions

#: What three stages of 256 entries can hold: ``127 * (1 + 256 + 256**2)``.
LARGEST_VALUE = 8_355_711


@dataclass(frozen=True)
class Coefficients:
    """Quantised coefficients of a frame.

    Attributes
    ----------
    details : tuple of ndarray of int32
        Six arrays ``(7, d, h, w)``, finest split first.
    low_pass : ndarray of int32
        ``(d, h, w)``.
    """

    details: tuple[NDArray[np.int32], ...]
    low_pass: NDArray[np.int32]


@dataclass(frozen=True)
class Streams:
    """Coded bytes of a frame; ``mask`` is empty where every voxel counts."""

    mask: bytes
    levels: tuple[bytes, bytes, bytes]

    def __len__(self) -> int:
        return len(self.mask) + sum(map(len, self.levels))


@dataclass(frozen=True)
class FrameGeometry:
    """What mask and crop say about a frame before any code is read.

    Attributes
    ----------
    foreground : ndarray of bool
        ``(D, H, W)`` of the crop, padded to multiples of four.
    support : tuple of ndarray of bool
        Coded coefficients of each split.
    fractions : tuple of ndarray of uint8
        Foreground eighths of each split's cells.
    """

    foreground: NDArray[np.bool_]
    support: tuple[NDArray[np.bool_], ...]
    fractions: tuple[NDArray[np.uint8], ...]


def frame_geometry(foreground: NDArray[np.bool_]) -> FrameGeometry:
    """Derive what is coded from the foreground of the crop ``(D, H, W)``."""
    padded = np.pad(
        foreground,
        [
            (0, p - n)
            for p, n in zip(padded_to_four(foreground.shape), foreground.shape, strict=True)
        ],
    )
    support, _ = coded_support(padded)
    return FrameGeometry(padded, support, foreground_fractions(padded))


#: Given split and its model, a function that quantises the phases of that split.
SplitQuantiser = Callable[[int, SplitModel], Callable[[Phase], NDArray[np.int64]]]


def _context(
    model: ContextModel,
    geometry: FrameGeometry,
    split: int,
    parent: NDArray[np.int32] | None,
    step_index: int,
) -> SplitContext:
    return SplitContext(
        geometry.fractions[split].shape,
        parent,
        geometry.fractions[split],
        step_index,
        model.magnitude_map,
        model.signed_map,
    )


def encode_levels(
    model: ContextModel,
    geometry: FrameGeometry,
    step_index: int,
    low_pass: NDArray[np.int32],
    quantiser: SplitQuantiser,
) -> tuple[tuple[bytes, bytes, bytes], Coefficients]:
    """Write the three levels, coarse first, and return (fine, middle, coarse) bytes.

    Parameters
    ----------
    low_pass : ndarray of int32
        ``(d, h, w)``, quantised.
    quantiser : callable
        Chooses the detail values, phase by phase.
    """
    details: list[NDArray[np.int32] | None] = [None] * SPLITS
    streams: list[bytes] = [b""] * GRID_LEVELS
    parent: NDArray[np.int32] | None = None
    for level in range(GRID_LEVELS - 1, -1, -1):
        encoder = Encoder()
        if level == GRID_LEVELS - 1:
            flat = low_pass.reshape(-1).astype(np.int64)
            steps = flat - np.concatenate((np.zeros(1, np.int64), flat[:-1]))
            write_signed(encoder, steps, model.low_pass, 0)
        for split in (2 * level + 1, 2 * level):
            context = _context(model, geometry, split, parent, step_index)
            group = model.groups[group_of(split)]
            parent = encode_split(
                encoder, group, context, geometry.support[split], quantiser(split, group)
            )
            details[split] = parent
        streams[level] = encoder.finish()
    coefficients = Coefficients(tuple(d for d in details if d is not None), low_pass)
    return (streams[0], streams[1], streams[2]), coefficients


def decode_levels(
    model: ContextModel,
    geometry: FrameGeometry,
    step_index: int,
    streams: tuple[bytes, bytes, bytes],
) -> Coefficients:
    """Inverse of :func:`encode_levels`; ``streams`` are fine, middle, coarse.

    Raises
    ------
    FormatError
        If a stream cannot have been written with this model.
    """
    details: list[NDArray[np.int32] | None] = [None] * SPLITS
    parent: NDArray[np.int32] | None = None
    low_pass = np.zeros(geometry.fractions[-1].shape, np.int32)
    for level in range(GRID_LEVELS - 1, -1, -1):
        decoder = Decoder(streams[level])
        if level == GRID_LEVELS - 1:
            steps = read_signed(decoder, low_pass.size, model.low_pass, 0)
            low_pass[...] = _within_range(np.cumsum(steps)).reshape(low_pass.shape)
        for split in (2 * level + 1, 2 * level):
            context = _context(model, geometry, split, parent, step_index)
            group = model.groups[group_of(split)]
            parent = decode_split(decoder, group, context, geometry.support[split])
            _within_range(parent)
            details[split] = parent
    return Coefficients(tuple(d for d in details if d is not None), low_pass)


def _within_range(values: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
    if values.size and max(int(values.max()), -int(values.min())) > LARGEST_VALUE:
        raise FormatError("a decoded coefficient is beyond the largest that can be written")
    return values


def encode_foreground(model: MaskModel, foreground: NDArray[np.bool_]) -> bytes:
    """Mask stream of a crop ``(D, H, W)``; empty when every voxel is foreground."""
    return b"" if foreground.all() else encode_mask(foreground, model)


def decode_foreground(model: MaskModel, data: bytes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Inverse of :func:`encode_foreground`."""
    return decode_mask(data, shape, model) if data else np.ones(shape, bool)


def decode_frame_codes(
    model: ContextModel, streams: Streams, step_index: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], Coefficients]:
    """Foreground ``(D, H, W)`` and coefficients of a crop of ``shape``.

    Raises
    ------
    FormatError
        If the streams cannot have been written with this model.
    """
    foreground = decode_foreground(model.mask, streams.mask, shape)
    return foreground, decode_levels(model, frame_geometry(foreground), step_index, streams.levels)
