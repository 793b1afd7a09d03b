"""The coder of family ``paper``: round trips, frequencies, and the small reader beside it."""

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

import vqcodec.entropy.code_coder
from tests.golden.tiny_codes import powers
from tests.small_reader.codes import decode_codes as decode_plainly
from tests.small_reader.codes import frequencies as frequencies_plainly
from tests.small_reader.container import RefusedError
from vqcodec.entropy.code_coder import decode_codes, frequencies
from vqcodec.entropy.code_model import code_model
from vqcodec.frame_grids import padded_foreground

from .code_models import LEVELS, SIDES, Case, encoded
from .documented import documented_errors
from .masks import mask_of

ROOT = Path(__file__).parents[2]
POWERS = powers()

seeds = st.integers(0, 2**32 - 1)
shapes = st.sampled_from([(1, 1, 1), (5, 9, 14), (64, 30, 21), (3, 66, 2), (40, 33, 65)])


def occupied(foreground: np.ndarray, name: str) -> np.ndarray:
    """Sites of a level that hold a foreground voxel."""
    padded, side = padded_foreground(foreground), SIDES[name]
    d, h, w = (n // side for n in padded.shape)
    return padded.reshape(d, side, h, side, w, side).any(axis=(1, 3, 5))


@given(shapes, seeds)
@settings(max_examples=9)
def test_round_trip_here_and_in_the_small_reader(shape: tuple[int, int, int], seed: int) -> None:
    foreground = mask_of(shape, seed)
    case = Case(foreground, seed)
    streams = case.coded.streams
    read = decode_codes(case.model, padded_foreground(foreground), streams, case.stages)
    plain = decode_plainly(
        [streams[name] for name in LEVELS],
        foreground,
        [case.stages[name] for name in LEVELS],
        case.plain_tensors,
    )
    for name in LEVELS:
        inside = occupied(foreground, name)
        np.testing.assert_array_equal(read[name][:, inside], case.wanted[name][:, inside])
        np.testing.assert_array_equal(read[name], case.coded.codes[name])
        np.testing.assert_array_equal(read[name], plain[name])
        assert read[name].dtype == plain[name].dtype == np.uint8


@given(shapes, seeds, st.lists(st.binary(max_size=60), min_size=3, max_size=3))
@settings(max_examples=10)
def test_any_streams_give_the_same_codes_or_are_refused_by_both(
    shape: tuple[int, int, int], seed: int, data: list[bytes]
) -> None:
    foreground = mask_of(shape, seed)
    case = Case(foreground, seed)
    stages = [case.stages[name] for name in LEVELS]
    try:
        plain = decode_plainly(data, foreground, stages, case.plain_tensors)
    except RefusedError:
        plain = None
    streams = dict(zip(LEVELS, data, strict=True))
    with documented_errors():
        read = decode_codes(case.model, padded_foreground(foreground), streams, case.stages)
        assert plain is not None
        for name in LEVELS:
            np.testing.assert_array_equal(read[name], plain[name])
        return
    assert plain is None


@given(st.integers(2, 256), st.sampled_from([10, 18, 24, 45]), seeds)
@settings(max_examples=30)
def test_frequencies_sum_to_the_total_however_extreme(size: int, bits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    outputs = rng.integers(-(1 << bits), 1 << bits, (size, 20))
    outputs[:, rng.random(20) < 0.3] //= 1 << 9
    outputs[:, 0] = outputs[0, 0]
    found = frequencies(outputs, POWERS.astype(np.int64))
    assert found.min() >= 1
    assert (found.sum(axis=1) == 1 << 24).all()
    chosen = outputs[found.argmax(axis=1), np.arange(20)]
    assert (outputs.max(axis=0) - chosen < 256).all()
    plain = [frequencies_plainly(column, POWERS.tolist()) for column in outputs.T.tolist()]
    assert found.tolist() == plain


def test_frequencies_are_powers_of_two_of_the_outputs() -> None:
    outputs = np.random.default_rng(5).integers(-(6 << 16), 1, (30, 200))
    shares = np.exp2(outputs / (1 << 16))
    shares /= shares.sum(axis=0)
    found = frequencies(outputs, POWERS.astype(np.int64)).T / (1 << 24)
    np.testing.assert_allclose(found, shares, rtol=0.004)


@given(seeds)
@settings(max_examples=6)
def test_empty_sites_cost_nothing_and_ask_for_nothing(seed: int) -> None:
    nothing = Case(np.zeros((30, 70, 3), bool), seed)
    assert set(nothing.coded.streams.values()) == {b""}
    foreground = mask_of((30, 70, 3), 6 * (seed // 6) + 3)
    case = Case(foreground, seed)
    others = {name: grid.copy() for name, grid in case.wanted.items()}
    for name in LEVELS:
        others[name][:, ~occupied(foreground, name)] ^= 1
    again = encoded(case.model, foreground, others)
    assert again.streams == case.coded.streams
    for name in LEVELS:
        np.testing.assert_array_equal(again.codes[name], case.coded.codes[name])


def test_empty_sites_take_the_likeliest_code_the_first_of_equals() -> None:
    case = Case(np.zeros((1, 1, 1), bool), 0)
    for name in LEVELS:
        for stage in range(case.model.levels[name].stages):
            prefix = f"codes/{name}/{stage}"
            case.tensors[f"{prefix}/last"] = np.zeros_like(case.tensors[f"{prefix}/last"])
            bias = case.tensors[f"{prefix}/last_bias"]
            bias[:] = -1
            bias[1:] = stage
    model = code_model(case.tensors)
    for grid in encoded(model, case.foreground, case.wanted).codes.values():
        assert (grid == 1).all()


def test_likely_codes_take_fewer_bytes() -> None:
    case = Case(np.ones((64, 64, 64), bool), 12)
    outside = np.zeros_like(case.foreground)
    likely = encoded(case.model, outside, case.wanted).codes
    cheap = encoded(case.model, case.foreground, likely).streams["fine"]
    assert len(cheap) < 0.7 * len(case.coded.streams["fine"])


@pytest.mark.parametrize("sites", [1, 100])
def test_how_many_sites_are_predicted_at_once_changes_nothing(
    sites: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(mask_of((20, 18, 23), 2), 2)
    monkeypatch.setattr(vqcodec.entropy.code_coder, "SITES_AT_ONCE", sites)
    assert encoded(case.model, case.foreground, case.wanted).streams == case.coded.streams


def digest_of_streams() -> str:
    case = Case(mask_of((66, 60, 50), 2), 8, hidden=40)
    return hashlib.sha256(b"".join(case.coded.streams[name] for name in LEVELS)).hexdigest()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_threads_change_nothing(threads: str) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    code = "from tests.entropy.test_codes import *; print(digest_of_streams())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(names, threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest_of_streams()
