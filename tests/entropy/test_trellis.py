"""Two quantisers in turns: labels, states, streams of coders ``context-tiles-2`` and ``-3``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vqcodec.entropy.batches
from tests.golden.tiny_tiles import tiny_tiles_tensors
from tests.golden.tiny_trellis import tiny_eight_states_tensors, tiny_trellis_tensors
from vqcodec.entropy.coder import Phase, decode_split, encode_split
from vqcodec.entropy.context_model import ContextModel, context_model
from vqcodec.entropy.level_contexts import frame_geometry
from vqcodec.entropy.levels import decode_levels, encode_levels
from vqcodec.entropy.neighbourhood import lattice_of
from vqcodec.entropy.stream import Decoder, Encoder
from vqcodec.entropy.tiling import tile_places
from vqcodec.entropy.trellis import (
    EIGHT_STATES,
    FOUR_STATES,
    Trellis,
    integers_of,
    labels_of,
)
from vqcodec.errors import ModelUnavailableError

from .masks import mask_of
from .random_split import Case

labels = st.lists(st.integers(-4_000_000, 4_000_000), min_size=1, max_size=60)
sides = st.integers(1, 9)
shapes = st.tuples(sides, sides, sides)
#: Of bands that are one to six tiles.
cut_shapes = st.tuples(st.integers(1, 4), st.integers(14, 34), st.integers(1, 18)).flatmap(
    st.permutations
)
seeds = st.integers(0, 2**32 - 1)
groups = st.integers(0, 3)


@pytest.fixture(scope="module", params=["four", "eight"])
def model(request: pytest.FixtureRequest) -> ContextModel:
    made = tiny_trellis_tensors if request.param == "four" else tiny_eight_states_tensors
    return context_model(made())


both = pytest.mark.parametrize("trellis", [FOUR_STATES, EIGHT_STATES], ids=["four", "eight"])


@both
@given(chain=labels)
def test_labels_come_back_from_integers_of_the_quantiser_that_is_next(
    trellis: Trellis, chain: list[int]
) -> None:
    state = np.zeros(1, np.int8)
    for label in chain:
        quantiser = trellis.quantisers_of(state)
        assert quantiser[0] == (state[0] >= len(trellis.next_states) // 2)
        q = integers_of(np.array([label]), quantiser)
        assert q[0] == 0 or q[0] % 2 == quantiser[0]
        assert labels_of(q)[0] == label
        following = trellis.after(state, np.array([label]))
        assert following[0] == trellis.next_states[state[0]][label % 2]
        assert trellis.before[label % 2, following[0]] == state[0]
        state = following


def test_integers_of_both_quantisers_fill_the_lattice() -> None:
    some = np.arange(-9, 10)
    first, second = (integers_of(some, np.full(19, quantiser)) for quantiser in (0, 1))
    assert set(first) | set(second) >= set(range(-16, 17))
    assert set(first) & set(second) == {0}


@both
def test_every_state_leads_on_in_two_ways(trellis: Trellis) -> None:
    for state, ways in enumerate(trellis.next_states):
        assert len(set(ways)) == 2
        assert sum(state in others for others in trellis.next_states) == 2


@pytest.mark.parametrize(
    "states",
    [
        (),
        ((0, 1), (1, 0), (2, 2)),
        ((0, 1), (0, 1)),
        ((0, 2), (1, 1)),
        ((0, -1), (1, 0)),
        tuple((n, 65 - n) for n in range(66)),
    ],
)
def test_states_that_do_not_lead_on_are_refused(states: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ModelUnavailableError, match="states of a trellis"):
        Trellis(states)


def coded_labels(case: Case, group: int, seed: int) -> tuple[list[bytes], np.ndarray]:
    """Streams of random labels, and the coefficients that they stand for."""
    rng = np.random.default_rng(seed)
    split, support = case.model.groups[group], case.tiling.cut(case.support)
    encoders = [Encoder() for _ in case.tiling.chosen]
    states = np.zeros(support[0].size // 8, np.int8)
    wanted = np.zeros(support.shape, np.int32)
    trellis = split.trellis
    assert trellis is not None

    def quantise(at: Phase) -> np.ndarray:
        chosen = np.rint(rng.standard_t(2, len(at.coded)) * 3).astype(np.int64)
        assert at.quantisers is not None
        np.testing.assert_array_equal(at.quantisers, trellis.quantisers_of(states[at.coded]))
        q = np.zeros(states.shape, np.int32)
        q[at.coded] = integers_of(chosen, at.quantisers)
        view = lattice_of(wanted[at.band], at.phase)
        view[...] = q.reshape(view.shape)
        states[at.coded] = trellis.after(states[at.coded], chosen)
        return chosen

    coded = encode_split(encoders, split, case.context(), support, quantise)
    np.testing.assert_array_equal(coded.q, wanted)
    return [encoder.finish(case.model.is_trimmed) for encoder in encoders], wanted


@given(shapes, seeds, groups)
@settings(max_examples=6)
def test_round_trip(
    model: ContextModel, shape: tuple[int, int, int], seed: int, group: int
) -> None:
    case = Case(model, shape, seed)
    streams, wanted = coded_labels(case, group, seed)
    support = case.tiling.cut(case.support)
    decoders = [Decoder(data, model.is_trimmed) for data in streams]
    read = decode_split(decoders, model.groups[group], case.context(), support)
    np.testing.assert_array_equal(read.q, wanted)


@given(cut_shapes, seeds)
@settings(max_examples=5)
def test_round_trip_of_tiles(model: ContextModel, shape: list[int], seed: int) -> None:
    case = Case(model, tuple(shape), seed, is_cut=True)
    streams, wanted = coded_labels(case, 1, seed)
    support = case.tiling.cut(case.support)
    decoders = [Decoder(data, model.is_trimmed) for data in streams]
    read = decode_split(decoders, model.groups[1], case.context(), support)
    np.testing.assert_array_equal(read.q, wanted)


@pytest.mark.parametrize("at_once", [1, 3, 32])
def test_tiles_of_a_frame_do_not_depend_on_each_other(
    model: ContextModel, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    geometry = frame_geometry(mask_of((70, 66, 40), 3))
    low_pass = np.zeros(geometry.fractions[-1].shape, np.int32)

    def quantiser(split: int, *_: object):  # type: ignore[no-untyped-def]
        def quantise(at: Phase) -> np.ndarray:
            here = np.arange(len(at.coded))
            return ((here * 7 + at.band + split) % 5 - 2) * (here % 3 == 0)

        return quantise

    monkeypatch.setattr(vqcodec.entropy.batches, "TILES_AT_ONCE", at_once)
    levels, coefficients = encode_levels(model, geometry, 300, low_pass, quantiser)
    read = decode_levels(model, geometry, 300, levels)
    for ours, theirs in zip(read.details, coefficients.details, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    places = tile_places(geometry.foreground.shape)
    for place in places:
        part = decode_levels(model, geometry, 300, levels, [place])
        z, y, x = (slice(32 * t, 32 * t + 32) for t in place)
        np.testing.assert_array_equal(
            part.details[0][:, z, y, x], coefficients.details[0][:, z, y, x]
        )
        outside = np.ones(part.details[0].shape, bool)
        outside[:, z, y, x] = False
        assert not part.details[0][outside].any()


def test_tensors_say_which_coder_a_model_is_for() -> None:
    assert context_model(tiny_trellis_tensors()).entropy_id == "context-tiles-2"
    assert context_model(tiny_eight_states_tensors()).entropy_id == "context-tiles-3"
    mixed = tiny_trellis_tensors()
    name = "contexts/2/symbols"
    mixed[name] = tiny_tiles_tensors()[name]
    with pytest.raises(ModelUnavailableError, match="trellis"):
        context_model(mixed)


@pytest.mark.parametrize("name", ["contexts/0/symbols", "contexts/0/offsets"])
def test_tables_of_another_size_are_refused(name: str) -> None:
    tensors = tiny_trellis_tensors()
    tensors[name] = tensors[name][:-1]
    with pytest.raises(ModelUnavailableError, match=r"contexts/0|offsets"):
        context_model(tensors)


@pytest.mark.parametrize(
    "states", [np.zeros((8, 2), np.uint8), np.zeros((8, 3), np.uint8), np.zeros((8, 2), np.float32)]
)
def test_a_tensor_that_is_no_trellis_is_refused(states: np.ndarray) -> None:
    with pytest.raises(ModelUnavailableError, match="states"):
        context_model({**tiny_trellis_tensors(), "trellis/next_states": states})


def test_states_without_tables_for_them_are_refused() -> None:
    states = np.array(EIGHT_STATES.next_states, np.uint8)
    with pytest.raises(ModelUnavailableError, match="tables for none"):
        context_model({**tiny_tiles_tensors(), "trellis/next_states": states})
