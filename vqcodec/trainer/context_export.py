"""Trained context networks to integers, and the symbol tables that go with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..entropy.escapes import BUCKETS, bucket_of
from ..entropy.network import (
    ACTIVATION_BITS,
    FLOAT32_EXACT,
    OUTPUT_BITS,
    WEIGHT_BITS,
    IntegerNetworks,
    largest_partial_sum,
)
from ..entropy.tables import (
    CLASSES,
    ESCAPE,
    LARGEST_SYMBOL_VALUE,
    LOCATION_CLASSES,
    SCALE_CLASSES,
    SYMBOLS,
    Classes,
    classify,
    integer_frequencies,
    symbols_of,
)
from .prior import INPUT_UNIT, ContextNetworks

PRIOR_COUNTS = 24.0
INT16_MAX = 32767
GROUP_PARTS = ("first", "first_shift", "second", "second_bias", "last", "last_bias")


@dataclass(frozen=True)
class GroupTensors:
    """What the weights file holds for one group of splits; see ``SplitModel``."""

    first: NDArray[np.int16]
    first_shift: NDArray[np.int16]
    second: NDArray[np.int32]
    second_bias: NDArray[np.int32]
    last: NDArray[np.int32]
    last_bias: NDArray[np.int32]

    def networks(self, limits: NDArray[np.float64]) -> IntegerNetworks:
        """As the coder uses them."""
        return IntegerNetworks(
            first=self.first.astype(np.float32),
            first_shift=self.first_shift.astype(np.int64),
            second=self.second.astype(np.float64),
            second_bias=self.second_bias.astype(np.float64),
            last=self.last.astype(np.float64),
            last_bias=self.last_bias.astype(np.float64),
            input_limits=limits,
        )


def integer_networks(model: ContextNetworks, limits: NDArray[np.float64]) -> GroupTensors:
    """Round trained weights; the first layer takes as many bits as exactness leaves."""
    first = model.first.detach().double().numpy()
    rounded = np.zeros(first.shape, np.int16)
    shifts = np.zeros(len(first), np.int16)
    input_bits = -int(np.log2(INPUT_UNIT))
    for network, weights in enumerate(first):
        for bits in range(16, 0, -1):
            whole = np.round(weights * 2.0**bits)
            if (
                np.abs(whole).max() <= INT16_MAX
                and largest_partial_sum(whole.astype(np.float32), limits) < FLOAT32_EXACT
            ):
                break
        rounded[network] = whole
        shifts[network] = bits + input_bits - ACTIVATION_BITS

    def fixed(parameter: NDArray[np.float64], bits: int) -> NDArray[np.int32]:
        return np.round(parameter * 2.0**bits).astype(np.int32)

    second, second_bias, last, last_bias = (
        part.detach().double().numpy()
        for part in (model.second, model.second_bias, model.last, model.last_bias)
    )
    return GroupTensors(
        rounded,
        shifts,
        fixed(second, WEIGHT_BITS),
        fixed(second_bias[:, 0], OUTPUT_BITS),
        fixed(last, WEIGHT_BITS),
        fixed(last_bias[:, 0], OUTPUT_BITS),
    )


def float_networks(
    tensors: Mapping[str, NDArray[Any]], prefix: str, inputs: int
) -> ContextNetworks:
    """Networks to train on from, inverse of :func:`integer_networks`.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Of a weights file.
    prefix : str
        Such as ``contexts/0``.
    inputs : int
        Columns the networks are to read; those that the tensors do not know get weights of zero.
    """
    parts = {name: tensors[f"{prefix}/{name}"].astype(np.float64) for name in GROUP_PARTS}
    input_bits = -int(np.log2(INPUT_UNIT))
    bits = parts["first_shift"] - input_bits + ACTIVATION_BITS
    count, known, hidden = parts["first"].shape
    _, hidden_2, outputs = parts["last"].shape
    model = ContextNetworks(count, inputs, hidden, hidden_2, (0.0,) * outputs)
    with torch.no_grad():
        model.first.zero_()
        model.first[:, :known] = torch.from_numpy(parts["first"] / 2.0 ** bits[:, None, None])
        model.second.copy_(torch.from_numpy(parts["second"] / 2.0**WEIGHT_BITS))
        model.second_bias[:, 0] = torch.from_numpy(parts["second_bias"] / 2.0**OUTPUT_BITS)
        model.last.copy_(torch.from_numpy(parts["last"] / 2.0**WEIGHT_BITS))
        model.last_bias[:, 0] = torch.from_numpy(parts["last_bias"] / 2.0**OUTPUT_BITS)
    return model


def bucket_prior() -> NDArray[np.float64]:
    """Counts that buckets start with, ``(BUCKETS,)``."""
    counts: NDArray[np.float64] = np.ldexp(8.0, -np.arange(BUCKETS))
    return counts


def laplace_mass(quantiser: int = 0) -> NDArray[np.float64]:
    """Parametric symbol probabilities of every class, ``(CLASSES, SYMBOLS)``.

    Parameters
    ----------
    quantiser : int
        1 for the second quantiser of a trellis, whose points lie half a label nearer to zero.
    """
    bounds = np.array([0.0, 0.01, 0.03, 0.06, 0.1, 0.16, 0.25, 0.4, 0.6, 0.85, 1.2, 1.7, 2.5])
    centres = np.append((bounds[:-1] + bounds[1:]) / 2, 0.0)
    scales = 2.0 ** ((np.arange(SCALE_CLASSES) + 0.5) / 4 - 5.5)
    q = np.arange(-LARGEST_SYMBOL_VALUE, LARGEST_SYMBOL_VALUE + 1)
    upper = np.where(q >= 0, q + 0.6, q + 0.4)
    if quantiser:
        upper = np.where(q > 0, q + 0.12, np.where(q == 0, 0.31, q + 0.88))
        upper[q == -1] = -0.31
    edges = np.concatenate(([-LARGEST_SYMBOL_VALUE - 0.6], upper))

    def cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(x < 0, 0.5 * np.exp(np.minimum(x, 0)), 1 - 0.5 * np.exp(-np.maximum(x, 0)))

    z = (edges - centres[None, :, None]) / scales[:, None, None]
    inside = np.diff(cdf(z), axis=-1)
    mass = np.concatenate((inside, 1 - inside.sum(-1, keepdims=True)), -1)
    clipped: NDArray[np.float64] = np.clip(mass, 1e-7, None).reshape(CLASSES, SYMBOLS)
    return clipped


@dataclass
class TableCounts:
    """Symbol and escape counts gathered over training samples."""

    symbols: NDArray[np.float64]
    escapes: NDArray[np.float64]

    @classmethod
    def empty(cls, quantisers: int = 1) -> TableCounts:
        """No counts yet."""
        symbols = np.zeros((quantisers * CLASSES, SYMBOLS))
        return cls(symbols, np.zeros((SCALE_CLASSES, BUCKETS)))

    def add(
        self,
        networks: IntegerNetworks,
        network: int,
        inputs: NDArray[np.int8],
        q: NDArray[np.int32],
    ) -> None:
        """Count samples of one network: ``inputs (N, K)``, ``q (N,)``."""
        columns = np.arange(inputs.shape[1])
        classes = classify(*networks.outputs(network, columns, np.ascontiguousarray(inputs.T)))
        self.add_classified(classes, q.astype(np.int64))

    def add_classified(self, classes: Classes, q: NDArray[np.int64]) -> None:
        """Count values whose classes are known."""
        residual = classes.residual(q)
        symbols = symbols_of(residual)
        flat = np.bincount(classes.table * SYMBOLS + symbols, minlength=self.symbols.size)
        self.symbols += flat.reshape(self.symbols.shape)
        escaped = symbols == ESCAPE
        buckets = bucket_of(np.abs(residual[escaped]) - LARGEST_SYMBOL_VALUE)
        scale = classes.table[escaped] % CLASSES // LOCATION_CLASSES
        pairs = np.bincount(scale * BUCKETS + buckets, minlength=SCALE_CLASSES * BUCKETS)
        self.escapes += pairs.reshape(SCALE_CLASSES, BUCKETS)

    def frequencies(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Tables of symbols, shaped like their counts, and of escapes ``(SCALE_CLASSES, BUCKETS)``.

        The former are smoothed by the Laplace prior, the latter by those of all scales.
        """
        quantisers = range(len(self.symbols) // CLASSES)
        prior = np.concatenate([laplace_mass(quantiser) for quantiser in quantisers])
        symbols = integer_frequencies(self.symbols + PRIOR_COUNTS * prior)
        every = self.escapes.sum(axis=0) + bucket_prior()
        return symbols, integer_frequencies(self.escapes + PRIOR_COUNTS * every / every.sum())

    def ideal_bits(self) -> float:
        """Bits a symbol of the counted samples under their own smoothed tables."""
        share = self.frequencies()[0] / 2.0**24
        return float(-(self.symbols * np.log2(share)).sum() / self.symbols.sum())
