from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcodec.entropy.network import (
    ACTIVATION_MAX,
    FLOAT32_EXACT,
    FLOAT64_EXACT,
    IntegerNetworks,
    largest_partial_sum,
)
from vqcodec.errors import ModelUnavailableError

ROOT = Path(__file__).parents[2]
INPUTS, HIDDEN, HIDDEN_2 = 37, 6, 5


def networks_near_the_bounds(seed: int, fill: float = 1.0) -> IntegerNetworks:
    """Weights whose bounds are nearly reached: partial sums near 2**24 and 2**53."""
    rng = np.random.default_rng(seed)
    limits = rng.integers(1, 121, INPUTS).astype(np.float64)
    share = rng.dirichlet(np.full(INPUTS, 0.3), (2, HIDDEN)).transpose(0, 2, 1)
    signs = rng.choice([-1.0, 1.0], share.shape)
    first = np.floor(share * fill * (FLOAT32_EXACT - 1) / limits[:, None]) * signs
    room = fill * (FLOAT64_EXACT - (1 << 40)) / ACTIVATION_MAX / 2

    def layer(*shape: int) -> np.ndarray:
        parts = rng.dirichlet(np.full(shape[1], 0.5), (shape[0], shape[2])).transpose(0, 2, 1)
        return np.floor(parts * room) * rng.choice([-1.0, 1.0], shape)

    return IntegerNetworks(
        first=first.astype(np.float32),
        first_shift=rng.integers(0, 14, 2),
        second=layer(2, HIDDEN, HIDDEN_2),
        second_bias=rng.integers(-(1 << 39), 1 << 39, (2, HIDDEN_2)).astype(np.float64),
        last=layer(2, HIDDEN_2, 3),
        last_bias=rng.integers(-(1 << 39), 1 << 39, (2, 3)).astype(np.float64),
        input_limits=limits,
    )


def inputs_for(networks: IntegerNetworks, seed: int, count: int) -> np.ndarray:
    """Random inputs, and among them those that make the first sums largest."""
    rng = np.random.default_rng(seed)
    limits = networks.input_limits[:, None]
    inputs = rng.integers(-limits, limits + 1, (INPUTS, count))
    inputs[:, ::3] = np.where(rng.random((INPUTS, len(range(0, count, 3)))) < 0.5, -limits, limits)
    inputs[:, 0] = (np.sign(networks.first[0][:, 0]) * limits[:, 0]).astype(int)
    return inputs.astype(np.int8)


def exactly(networks: IntegerNetworks, number: int, columns: np.ndarray, x: np.ndarray) -> list:
    """The same in Python's integers, as the specification writes it."""

    def whole(array: np.ndarray) -> list:
        return [[int(value) for value in row] for row in np.atleast_2d(array)]

    def layer(weights: list, bias: list, inputs: list, shift: int) -> list:
        sums = [
            sum(row[k] * value for row, value in zip(weights, inputs, strict=True)) + bias[k]
            for k in range(len(bias))
        ]
        return [min(max(value >> shift, 0), ACTIVATION_MAX) for value in sums]

    first = whole(networks.first[number][columns])
    second, last = whole(networks.second[number]), whole(networks.last[number])
    (second_bias,), (last_bias,) = (
        whole(networks.second_bias[number]),
        whole(networks.last_bias[number]),
    )
    outputs = []
    for vector in whole(x.T):
        hidden = layer(first, [0] * HIDDEN, vector, int(networks.first_shift[number]))
        hidden_2 = layer(second, second_bias, hidden, 10)
        outputs.append(
            [
                sum(row[k] * value for row, value in zip(last, hidden_2, strict=True)) + bias
                for k, bias in enumerate(last_bias)
            ]
        )
    return outputs


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
@settings(max_examples=40)
def test_equals_whole_numbers_however_large(seed: int, count: int) -> None:
    networks = networks_near_the_bounds(seed)
    rng = np.random.default_rng(seed)
    columns = np.flatnonzero(rng.random(INPUTS) < 0.8)
    inputs = inputs_for(networks, seed, count)[columns]
    for number in (0, 1):
        found = networks.outputs(number, columns, inputs)
        assert found.dtype == np.int64
        assert found.T.tolist() == exactly(networks, number, columns, inputs)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3000), st.data())
@settings(max_examples=25)
def test_blocks_change_nothing(seed: int, count: int, data: st.DataObject) -> None:
    networks = networks_near_the_bounds(seed)
    columns = np.arange(INPUTS)
    inputs = inputs_for(networks, seed, count)
    cut = data.draw(st.integers(0, count))
    blocks = [networks.outputs(1, columns, part) for part in (inputs[:, :cut], inputs[:, cut:])]
    np.testing.assert_array_equal(
        np.concatenate(blocks, axis=1), networks.outputs(1, columns, inputs)
    )
    order = np.random.default_rng(seed).permutation(INPUTS)
    np.testing.assert_array_equal(
        networks.outputs(1, columns[order], inputs[order]), networks.outputs(1, columns, inputs)
    )


def digest_of_many_outputs() -> str:
    networks = networks_near_the_bounds(11)
    inputs = inputs_for(networks, 12, 60_000)
    outputs = networks.outputs(0, np.arange(INPUTS), inputs)
    return hashlib.sha256(outputs.tobytes()).hexdigest()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_threads_change_nothing(threads: str) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    code = "from tests.entropy.test_network import *; print(digest_of_many_outputs())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(names, threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest_of_many_outputs()


def test_the_bound_is_reached_and_not_passed() -> None:
    networks = networks_near_the_bounds(3)
    bound = largest_partial_sum(networks.first, networks.input_limits)
    assert 0.99 * FLOAT32_EXACT < bound < FLOAT32_EXACT


@pytest.mark.parametrize("part", ["first", "second", "second_bias", "last", "last_bias"])
def test_weights_that_would_not_be_exact_are_refused(part: str) -> None:
    networks = networks_near_the_bounds(4)
    parts = {name: getattr(networks, name).copy() for name in networks.__dataclass_fields__}
    parts[part].flat[0] = np.float32(1 << 25) if part == "first" else 2.0**53
    with pytest.raises(ModelUnavailableError, match="not exact"):
        IntegerNetworks(**parts)


def test_networks_for_other_inputs_are_refused() -> None:
    networks = networks_near_the_bounds(5)
    parts = {name: getattr(networks, name) for name in networks.__dataclass_fields__}
    parts["input_limits"] = parts["input_limits"][:-1]
    with pytest.raises(ModelUnavailableError, match="this version gives 36"):
        IntegerNetworks(**parts)
