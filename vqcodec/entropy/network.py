"""Context networks in exact integer arithmetic.

Inputs, weights and activations are integers held in floating point, and every partial sum is
smaller than the type's exact integer range (2**24 for float32, 2**53 for float64), so a plain
matrix product gives the same result in any order, on any machine, with any thread count. The
bound is computed from the weights when they are loaded.

Hidden layers are ``clip(floor((w.T @ x + b) / 2**shift), 0, ACTIVATION_MAX)``; the last one
is not shifted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelUnavailableError

ACTIVATION_MAX = 4095
FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53

#: So that the inputs of a batch stay in a core's cache.
POSITIONS_AT_ONCE = 1 << 13

#: Fractional bits: of activations, of the second and third weight matrices, of outputs.
ACTIVATION_BITS = 6
WEIGHT_BITS = 10
OUTPUT_BITS = ACTIVATION_BITS + WEIGHT_BITS


class Networks(Protocol):
    """A set of context networks, wherever they are computed."""

    @property
    def positions_at_once(self) -> int:
        """Positions that are best handed over at once."""

    def outputs(
        self, network: int, columns: NDArray[np.intp], inputs_KN: NDArray[np.int8]
    ) -> NDArray[np.int64]:
        """Outputs ``(outputs, N)`` of one network for a batch."""


@dataclass(frozen=True)
class IntegerNetworks:
    """A set of equally shaped context networks.

    Attributes
    ----------
    first : ndarray of float32
        ``(networks, inputs, hidden)``; a constant input carries the bias.
    first_shift : ndarray of int64
        ``(networks,)``, bits dropped from the first sums.
    second, second_bias : ndarray of float64
        ``(networks, hidden, hidden_2)`` and ``(networks, hidden_2)``.
    last, last_bias : ndarray of float64
        ``(networks, hidden_2, outputs)`` and ``(networks, outputs)``.
    input_limits : ndarray of float64
        ``(inputs,)``, largest magnitude of each input; the exactness bounds rest on it.

    Raises
    ------
    ModelUnavailableError
        If the weights are of the wrong shape, or too large to be exact.
    """

    first: NDArray[np.float32]
    first_shift: NDArray[np.int64]
    second: NDArray[np.float64]
    second_bias: NDArray[np.float64]
    last: NDArray[np.float64]
    last_bias: NDArray[np.float64]
    input_limits: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.first.shape[1:2] != self.input_limits.shape:
            raise ModelUnavailableError(
                f"context networks read {self.first.shape[1]} inputs, "
                f"this version gives {self.input_limits.size}"
            )
        if largest_partial_sum(self.first, self.input_limits) >= FLOAT32_EXACT:
            raise ModelUnavailableError("context networks are not exact in float32")
        sums = [
            np.abs(weights).sum(axis=1).max() * ACTIVATION_MAX + np.abs(bias).max()
            for weights, bias in ((self.second, self.second_bias), (self.last, self.last_bias))
        ]
        if max(sums) >= FLOAT64_EXACT:
            raise ModelUnavailableError("context networks are not exact in float64")

    @property
    def largest_output(self) -> float:
        """Bound on the magnitude of any output."""
        return float(
            np.abs(self.last).sum(axis=1).max() * ACTIVATION_MAX + np.abs(self.last_bias).max()
        )

    @property
    def positions_at_once(self) -> int:
        """Positions that are best handed over at once."""
        return POSITIONS_AT_ONCE

    def outputs(
        self, network: int, columns: NDArray[np.intp], inputs_KN: NDArray[np.int8]
    ) -> NDArray[np.int64]:
        """Outputs of one network for a batch.

        Parameters
        ----------
        network : int
        columns : ndarray of int
            ``(K,)``, the column of the first weights each input row belongs to.
        inputs_KN : ndarray of int8
            ``(K, N)``.

        Returns
        -------
        ndarray of int64
            ``(outputs, N)``, fixed point with ``OUTPUT_BITS`` fractional bits.
        """
        first = self.first[network][columns].T
        sums = first @ inputs_KN.astype(np.float32)
        sums *= np.float32(2.0 ** -int(self.first_shift[network]))
        hidden = _activation(sums).astype(np.float64)
        sums = self.second[network].T @ hidden + self.second_bias[network][:, None]
        hidden_2 = _activation(sums * 2.0**-WEIGHT_BITS)
        out = self.last[network].T @ hidden_2 + self.last_bias[network][:, None]
        return out.astype(np.int64)  # type: ignore[no-any-return]


def _activation(sums: NDArray[Any]) -> NDArray[Any]:
    np.floor(sums, out=sums)
    return np.clip(sums, 0, ACTIVATION_MAX, out=sums)


def largest_partial_sum(first: NDArray[np.float32], input_limits: NDArray[np.float64]) -> float:
    """Bound on any partial sum of the first layer, whatever the inputs."""
    return float((np.abs(first.astype(np.float64)) * input_limits[:, None]).sum(axis=-2).max())
