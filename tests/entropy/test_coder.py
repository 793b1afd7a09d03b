from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vqcodec.entropy.coder
from tests.small_reader.coefficients import Split, columns
from vqcodec.entropy.coder import Phase, decode_split, encode_split
from vqcodec.entropy.context_model import ContextModel
from vqcodec.entropy.frame import LARGEST_VALUE
from vqcodec.entropy.neighbourhood import (
    INPUTS,
    SplitContext,
    inputs_of,
    lattice_of,
    lattice_shape,
)
from vqcodec.entropy.stream import Decoder, Encoder
from vqcodec.layout import BANDS, PHASES

from .documented import documented_errors

sides = st.integers(1, 9)
shapes = st.tuples(sides, sides, sides)
seeds = st.integers(0, 2**32 - 1)


class Case:
    """A random split: coefficients, support, parent and fractions."""

    def __init__(self, shape: tuple[int, int, int], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.shape = shape
        self.q = self._coefficients(rng, shape)
        self.support = rng.random((7, *shape)) < rng.choice([0.0, 0.3, 0.9, 1.0])
        self.q[~self.support] = 0
        parent_shape = tuple(n // 2 + 1 for n in shape)
        self.parent = self._coefficients(rng, parent_shape) if seed % 3 else None
        self.fractions = rng.integers(0, 9, shape, dtype=np.uint8)
        self.step_index = int(rng.integers(-256, 1025))

    @staticmethod
    def _coefficients(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Mostly small, some of any size that can be written."""
        octaves, shares = [0, 1, 2, 5, 12, 23], [0.5, 0.2, 0.1, 0.1, 0.05, 0.05]
        size = 2.0 ** rng.choice(octaves, (7, *shape), p=shares)
        q = np.rint(rng.normal(size=(7, *shape)) * size)
        return np.clip(q, -LARGEST_VALUE, LARGEST_VALUE).astype(np.int32)

    def context(self, model: ContextModel) -> SplitContext:
        return SplitContext(
            self.shape,
            self.parent,
            self.fractions,
            self.step_index,
            model.magnitude_map,
            model.signed_map,
        )

    def phase_values(self, at: Phase, q: np.ndarray) -> np.ndarray:
        lattice = np.zeros(lattice_shape(self.shape), np.int64)
        part = lattice_of(q[at.band], at.phase)
        lattice[tuple(slice(n) for n in part.shape)] = part
        return lattice.reshape(-1)[at.coded]

    def encoded(self, model: ContextModel, group: int, q: np.ndarray) -> tuple[bytes, list[Phase]]:
        phases = []

        def quantise(at: Phase) -> np.ndarray:
            phases.append(at)
            return self.phase_values(at, q)

        encoder = Encoder()
        split = model.groups[group]
        written = encode_split(encoder, split, self.context(model), self.support, quantise)
        np.testing.assert_array_equal(written, q)
        return encoder.finish(), phases


@given(shapes, seeds, st.integers(0, 3))
@settings(max_examples=40)
def test_round_trip(
    model: ContextModel, shape: tuple[int, int, int], seed: int, group: int
) -> None:
    case = Case(shape, seed)
    data, _ = case.encoded(model, group, case.q)
    read = decode_split(Decoder(data), model.groups[group], case.context(model), case.support)
    np.testing.assert_array_equal(read, case.q)


@given(shapes, seeds, st.data())
@settings(max_examples=30)
def test_what_is_coded_later_changes_nothing_before(
    model: ContextModel, shape: tuple[int, int, int], seed: int, data: st.DataObject
) -> None:
    case = Case(shape, seed)
    coded = np.argwhere(case.support)
    if not len(coded):
        return
    band, *position = coded[data.draw(st.integers(0, len(coded) - 1))]
    changed = case.q.copy()
    changed[(band, *position)] = data.draw(st.integers(-LARGEST_VALUE, LARGEST_VALUE))
    phase = PHASES.index(tuple(int(p) % 2 for p in position))
    _, before = case.encoded(model, 0, case.q)
    _, after = case.encoded(model, 0, changed)
    for one, other in zip(before, after, strict=True):
        if (one.band, one.phase) <= (band, phase):
            np.testing.assert_array_equal(one.classes.table, other.classes.table)
            np.testing.assert_array_equal(one.classes.sign, other.classes.sign)
            np.testing.assert_array_equal(one.classes.base, other.classes.base)


@given(shapes, seeds)
@settings(max_examples=20)
def test_inputs_are_what_the_specification_lists(
    model: ContextModel, shape: tuple[int, int, int], seed: int
) -> None:
    """Lattice by lattice, against the small reader, which gathers them one by one."""
    case = Case(shape, seed)
    tensors = {"maps/magnitude": model.magnitude_map, "maps/signed": model.signed_map}
    context = case.context(model)
    own, parent = Split(shape, tensors), None
    if case.parent is not None:
        parent = Split(case.parent.shape[1:], tensors)
        for band in range(len(BANDS)):
            for lattice in PHASES:
                store_plainly(parent, band, lattice, case.parent)
    for band in range(len(BANDS)):
        for number, lattice in enumerate(PHASES):
            places = np.argwhere(np.ones(shape, bool))
            places = places[(places % 2 == lattice).all(axis=1)]
            plain = columns(own, parent, case.fractions, case.step_index, band, places)
            entries = context.inputs(band, number)
            depth = context.lattice_shape[0]
            matrix = context.matrix(band, number, 0, depth)
            full = np.zeros((INPUTS, *matrix.shape[1:]), np.int64)
            full[[entry.column for entry in entries]] = matrix
            np.testing.assert_array_equal(full[(slice(None), *(places // 2).T)].T, plain)
            context.store(band, number, lattice_of(case.q[band], number))
            store_plainly(own, band, lattice, case.q)


def store_plainly(split: Split, band: int, lattice: tuple[int, int, int], q: np.ndarray) -> None:
    places = np.argwhere(np.ones(q.shape[1:], bool))
    places = places[(places % 2 == lattice).all(axis=1)]
    split.store(band, lattice, places, q[band][tuple(places.T)].tolist())


@pytest.mark.parametrize("rows", [1, 40, 1 << 15])
def test_how_many_rows_are_classified_at_once_changes_nothing(
    model: ContextModel, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case((9, 8, 11), 4)
    expected, _ = case.encoded(model, 1, case.q)
    monkeypatch.setattr(vqcodec.entropy.coder, "ROWS_AT_ONCE", rows)
    assert case.encoded(model, 1, case.q)[0] == expected


@pytest.mark.parametrize("has_parent", [False, True])
def test_columns_are_ascending_and_within_the_inputs(has_parent: bool) -> None:
    for band in range(len(BANDS)):
        for phase in range(len(PHASES)):
            found = [entry.column for entry in inputs_of(band, phase, has_parent)]
            assert found == sorted(set(found))
            assert found[0] >= 0
            assert found[-1] == INPUTS - 1


@given(shapes, seeds, st.binary(max_size=120))
@settings(max_examples=40)
def test_any_bytes_give_coefficients_or_the_documented_error(
    model: ContextModel, shape: tuple[int, int, int], seed: int, data: bytes
) -> None:
    case = Case(shape, seed)
    with documented_errors():
        decoder = Decoder(data)
        read = decode_split(decoder, model.groups[2], case.context(model), case.support)
        assert read.shape == (7, *shape)
        assert not read[~case.support].any()
