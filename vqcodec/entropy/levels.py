"""The three levels of one frame, coarse first; the fine one in batches of tiles.

Nothing here depends on floating-point rounding: the streams decode to the same integers on
every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..layout import STEPS_PER_OCTAVE
from .batches import Batch, Check, in_batches, proceed
from .blas import one_blas_thread
from .coder import Ahead, Quantiser, decode_split, encode_split, phases_ahead
from .context_model import ContextModel
from .escapes import read_signed, write_signed
from .groups import group_of
from .level_contexts import Coefficients, FrameGeometry, LevelContexts, Places
from .split_model import SplitModel
from .stream import Decoder, Encoder, joined, separated
from .tiling import Sides, Tiling, tile_places

#: What three stages of 256 entries can hold: ``127 * (1 + 256 + 256**2)``.
LARGEST_VALUE = 8_355_711

#: Given which coefficients matter and labels for them, all phases of a split looked at ahead.
Look = Callable[[NDArray[np.bool_], Quantiser], Iterator[Ahead]]
#: Given split, its model, tiles and a look ahead, what quantises the phases of that split.
SplitQuantiser = Callable[[int, SplitModel, Tiling, Look], Quantiser]


@one_blas_thread()
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
    levels = LevelContexts(model.companding, geometry, context_index(model, step_index))
    trimmed = model.is_trimmed

    def code(
        level: int, encoders: Sequence[Encoder], places: Places = None, check: Check = proceed
    ) -> None:
        for split in (2 * level + 1, 2 * level):
            group = model.groups[group_of(split)]
            context, support = levels.start(split, places)
            look = partial(_look, levels, group, split, places, check)
            quantise = quantiser(split, group, context.tiling, look)
            coded = encode_split(encoders, group, context, support, quantise, check)
            levels.record(split, context, coded, places)

    coarse, middle, fine = Encoder(), Encoder(), Encoder()
    flat = low_pass.reshape(-1).astype(np.int64)
    steps = flat - np.concatenate((np.zeros(1, np.int64), flat[:-1]))
    write_signed(coarse, steps, model.low_pass, np.zeros(flat.size, np.int64))
    code(2, [coarse])
    code(1, [middle])
    if model.is_tiled:
        every = tile_places(geometry.foreground.shape)
        encoders = {place: Encoder() for place in every}

        def code_batch(places: Batch, check: Check) -> None:
            code(0, [encoders[place] for place in places], places, check)

        in_batches(every, code_batch)
        finest = joined([encoder.finish(trimmed) for encoder in encoders.values()], trimmed)
    else:
        code(0, [fine])
        finest = fine.finish(trimmed)
    streams = finest, middle.finish(trimmed), coarse.finish(trimmed)
    return streams, levels.coefficients(low_pass)


@one_blas_thread()
def decode_levels(
    model: ContextModel,
    geometry: FrameGeometry,
    step_index: int,
    streams: tuple[bytes, bytes, bytes],
    wanted: Collection[Sides] | None = None,
) -> Coefficients:
    """Inverse of :func:`encode_levels`; ``streams`` are fine, middle, coarse.

    Parameters
    ----------
    wanted : collection of tuple of int, optional
        Tiles of the fine level to decode; it is zero in the others. All of them by default,
        and always where the coder does not cut it into tiles.

    Raises
    ------
    FormatError
        If a stream cannot have been written with this model.
    """
    levels = LevelContexts(model.companding, geometry, context_index(model, step_index))
    trimmed = model.is_trimmed

    def read(
        level: int, decoders: Sequence[Decoder], places: Places = None, check: Check = proceed
    ) -> None:
        for split in (2 * level + 1, 2 * level):
            context, support = levels.start(split, places)
            group = model.groups[group_of(split)]
            coded = decode_split(decoders, group, context, support, check)
            _within_range(coded.q)
            levels.record(split, context, coded, places)

    if model.is_tiled:
        every = tile_places(geometry.foreground.shape)
        tiles = separated(streams[0], len(every), trimmed)
        parts = dict(zip(every, tiles, strict=True))
    coarse = Decoder(streams[2], trimmed)
    shape = geometry.fractions[-1].shape
    steps = read_signed(coarse, model.low_pass, np.zeros(math.prod(shape), np.int64))
    low_pass = _within_range(np.cumsum(steps)).reshape(shape).astype(np.int32)
    read(2, [coarse])
    read(1, [Decoder(streams[1], trimmed)])
    if model.is_tiled:

        def read_batch(places: Batch, check: Check) -> None:
            read(0, [Decoder(parts[place], trimmed) for place in places], places, check)

        in_batches([each for each in every if wanted is None or each in wanted], read_batch)
    else:
        read(0, [Decoder(streams[0], trimmed)])
    return levels.coefficients(low_pass)


def context_index(model: ContextModel, step_index: int) -> int:
    """Step index that networks are told: with a trellis, that of a label."""
    return step_index - STEPS_PER_OCTAVE if model.is_trellis else step_index


def _look(
    levels: LevelContexts,
    group: SplitModel,
    split: int,
    places: Places,
    check: Check,
    matters: NDArray[np.bool_],
    quantise: Quantiser,
) -> Iterator[Ahead]:
    context, support = levels.start(split, places)
    return phases_ahead(group, context, support, matters, quantise, check)


def _within_range(values: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
    if values.size and max(int(values.max()), -int(values.min())) > LARGEST_VALUE:
        raise FormatError("a decoded coefficient is beyond the largest that can be written")
    return values
