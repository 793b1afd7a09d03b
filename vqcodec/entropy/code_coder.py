"""Codes of the three levels to range-coded streams and back, coarse level first.

Sites of a level are coded in eight interleaved phases; in each, stage after stage of all its
sites. Sites without a foreground voxel are not written: they take the code that is expected
most, so that every site has codes and nothing is spent on air.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..layout import LEVEL_NAMES, LEVEL_SIDES, PHASES
from .code_contexts import CodeContext, children_field, site_fractions
from .code_model import POWER_BITS, POWERS, ROOM, CodeModel
from .network import OUTPUT_BITS
from .stream import Decoder, Encoder
from .tables import FREQUENCY_TOTAL

LARGEST_EXPONENT = 40
SITES_AT_ONCE = 1 << 13

Codes = NDArray[np.uint8]


class Picker(Protocol):
    """Who chooses the codes of a level while they are written."""

    @property
    def stages(self) -> int:
        """Codes a site."""

    def pick(
        self, stage: int, sites: NDArray[np.intp], shares_NK: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Codes of some sites, knowing the frequencies of all of them (of 2**24).

        Asked once for every stage of every site with foreground, in coding order.
        """


#: Given a level and what the coarser levels hold, who picks its codes.
Chooser = Callable[[str, Mapping[str, Codes]], Picker]


@dataclass(frozen=True)
class CodedLevels:
    """Streams, and the whole code grids they decode to."""

    streams: Mapping[str, bytes]
    codes: Mapping[str, Codes]


def frequencies(outputs_KN: NDArray[np.int64], powers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integer frequencies ``(N, K)``, each at least 1, rows summing to 2**24.

    Parameters
    ----------
    outputs_KN : ndarray
        Logarithms to base 2 of the probabilities, up to a constant, ``OUTPUT_BITS``
        fractional bits.
    powers : ndarray
        ``2**(30 - i / 256)`` for i from 0 to 255, whole numbers.
    """
    below = (outputs_KN.max(axis=0) - outputs_KN).T >> (OUTPUT_BITS - POWER_BITS)
    exponents = np.minimum(below >> POWER_BITS, LARGEST_EXPONENT)
    weights = powers[below & (POWERS - 1)] >> exponents
    shares: NDArray[np.int64] = 1 + weights * ROOM // weights.sum(axis=1, keepdims=True)
    likeliest = shares.argmax(axis=1)
    shares[np.arange(len(shares)), likeliest] += FREQUENCY_TOTAL - shares.sum(axis=1)
    return shares


def encode_codes(model: CodeModel, foreground: NDArray[np.bool_], choose: Chooser) -> CodedLevels:
    """Write the codes of a frame.

    Parameters
    ----------
    model : CodeModel
    foreground : ndarray of bool
        ``(D, H, W)``, sides multiples of 64.
    choose : callable
        Gives a level's picker; it is told the finished codes of the coarser levels.
    """
    streams: dict[str, bytes] = {}
    grids: dict[str, Codes] = {}

    def code(name: str, context: CodeContext, written: NDArray[np.bool_]) -> Codes:
        encoder = Encoder()
        picker = choose(name, grids)

        def symbols(
            stage: int, at: NDArray[np.intp], shares: NDArray[np.int64]
        ) -> NDArray[np.int64]:
            chosen = picker.pick(stage, at, shares)
            encoder.conditional(chosen, shares)
            return chosen

        codes = _code_level(model, context, written, picker.stages, symbols)
        streams[name] = encoder.finish()
        return codes

    _code_levels(model, foreground, grids, code)
    return CodedLevels(streams, grids)


def decode_codes(
    model: CodeModel,
    foreground: NDArray[np.bool_],
    streams: Mapping[str, bytes],
    stages: Mapping[str, int],
) -> dict[str, Codes]:
    """Inverse of :func:`encode_codes`.

    Raises
    ------
    FormatError
        A stream cannot have been written with this model.
    """
    grids: dict[str, Codes] = {}

    def code(name: str, context: CodeContext, written: NDArray[np.bool_]) -> Codes:
        decoder = Decoder(streams[name])

        def symbols(
            stage: int, at: NDArray[np.intp], shares: NDArray[np.int64]
        ) -> NDArray[np.int64]:
            return decoder.conditional(shares)

        return _code_level(model, context, written, stages[name], symbols)

    _code_levels(model, foreground, grids, code)
    return grids


_CodeLevel = Callable[[str, CodeContext, NDArray[np.bool_]], Codes]
_Symbols = Callable[[int, NDArray[np.intp], NDArray[np.int64]], NDArray[np.int64]]


def _code_levels(
    model: CodeModel, foreground: NDArray[np.bool_], grids: dict[str, Codes], code: _CodeLevel
) -> None:
    """Run through the levels, coarse first, and hand each what the coarser ones say."""
    field: NDArray[np.int64] | None = None
    for name in reversed(LEVEL_NAMES):
        level = model.levels[name]
        fractions = site_fractions(foreground, LEVEL_SIDES[name])
        context = CodeContext(level, field, fractions)
        grids[name] = code(name, context, fractions.reshape(-1) > 0)
        if name != LEVEL_NAMES[0]:
            above = np.zeros(context.shape, np.int64) if field is None else field
            rows = context.embedding.reshape(len(context.embedding), -1)
            field = children_field(level, rows, above, context.shape)


def _code_level(
    model: CodeModel,
    context: CodeContext,
    written: NDArray[np.bool_],
    stages: int,
    symbols: _Symbols,
) -> Codes:
    level = context.model
    codes = np.zeros((stages, written.size), np.uint8)
    for phase in range(len(PHASES)):
        sites = context.sites(phase)
        if sites.size == 0:
            continue
        inputs = context.inputs(phase)
        embedding = np.zeros((level.entries.shape[2], sites.size), np.int64)
        for stage in range(stages):
            if stage:
                context.set_own(inputs, embedding)
            chosen = _code_stage(model, context, stage, inputs, written[sites], sites, symbols)
            codes[stage, sites] = chosen
            embedding += level.entries[stage][chosen].T
        context.store(phase, embedding)
    return codes.reshape(stages, *context.shape)


def _code_stage(
    model: CodeModel,
    context: CodeContext,
    stage: int,
    inputs: NDArray[np.int8],
    written: NDArray[np.bool_],
    sites: NDArray[np.intp],
    symbols: _Symbols,
) -> NDArray[np.int64]:
    network = context.model.networks[stage]
    columns = np.arange(inputs.shape[0])
    chosen = np.empty(sites.size, np.int64)
    for start in range(0, sites.size, SITES_AT_ONCE):
        part = slice(start, start + SITES_AT_ONCE)
        outputs = network.outputs(0, columns, inputs[:, part])
        expected = outputs.argmax(axis=0)
        inside = written[part]
        if inside.any():
            shares = frequencies(outputs[:, inside], model.powers)
            expected[inside] = symbols(stage, sites[part][inside], shares)
        chosen[part] = expected
    return chosen
