from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vqcodec.entropy.network
from tests.small_reader.coefficients import columns
from tests.small_reader.tiles import WideSums, is_inside
from vqcodec.entropy.coder import decode_split
from vqcodec.entropy.context_model import ContextModel
from vqcodec.entropy.levels import LARGEST_VALUE
from vqcodec.entropy.neighbourhood import (
    INPUTS,
    INPUTS_WITH_WIDE,
    Surroundings,
    inputs_of,
    lattice_of,
)
from vqcodec.entropy.stream import Decoder
from vqcodec.entropy.tables import symbols_of
from vqcodec.layout import BANDS, PHASES

from .documented import documented_errors
from .random_split import CUT_SPLIT, Case, plain_split, store_plainly

sides = st.integers(1, 9)
shapes = st.tuples(sides, sides, sides)
#: Of bands that are one to six tiles.
cut_shapes = st.tuples(st.integers(1, 4), st.integers(14, 34), st.integers(1, 18)).flatmap(
    st.permutations
)
seeds = st.integers(0, 2**32 - 1)
groups = st.integers(0, 3)


@given(shapes, seeds, groups)
@settings(max_examples=20)
def test_round_trip(
    any_model: ContextModel, shape: tuple[int, int, int], seed: int, group: int
) -> None:
    comes_back(Case(any_model, shape, seed), group)


@given(cut_shapes, seeds, groups)
@settings(max_examples=15)
def test_round_trip_of_tiles(
    tiles_model: ContextModel, shape: list[int], seed: int, group: int
) -> None:
    comes_back(Case(tiles_model, tuple(shape), seed, is_cut=True), group)


def comes_back(case: Case, group: int) -> None:
    streams, phases, coded = case.encoded(group, case.q)
    model, support = case.model.groups[group], case.tiling.cut(case.support)
    read = decode_split([Decoder(data) for data in streams], model, case.context(), support)
    np.testing.assert_array_equal(case.tiling.join(read.q), case.q)
    assert (read.offsets is None) == (model.offsets is None) == (coded.offsets is None)
    if model.offsets is None:
        return
    np.testing.assert_array_equal(read.offsets, coded.offsets)
    assert not read.offsets[~support].any()
    for at in phases:
        q = lattice_of(coded.q[at.band], at.phase).reshape(-1)[at.coded].astype(np.int64)
        added = lattice_of(read.offsets[at.band], at.phase).reshape(-1)[at.coded]
        towards = model.offsets[at.classes.table, symbols_of(at.classes.residual(q))]
        np.testing.assert_array_equal(added, at.classes.sign * towards)


@given(shapes, seeds, st.data())
@settings(max_examples=20)
def test_what_is_coded_later_changes_nothing_before(
    any_model: ContextModel, shape: tuple[int, int, int], seed: int, data: st.DataObject
) -> None:
    case = Case(any_model, shape, seed)
    changed = changed_somewhere(case, data)
    if changed is None:
        return
    q, band, phase, _ = changed
    _, before, _ = case.encoded(0, case.q)
    _, after, _ = case.encoded(0, q)
    for one, other in zip(before, after, strict=True):
        if (one.band, one.phase) <= (band, phase):
            np.testing.assert_array_equal(one.classes.table, other.classes.table)
            np.testing.assert_array_equal(one.classes.sign, other.classes.sign)
            np.testing.assert_array_equal(one.classes.base, other.classes.base)


@given(cut_shapes, seeds, st.data())
@settings(max_examples=10)
def test_what_is_coded_in_a_tile_changes_no_other(
    tiles_model: ContextModel, shape: list[int], seed: int, data: st.DataObject
) -> None:
    case = Case(tiles_model, tuple(shape), seed, is_cut=True)
    changed = changed_somewhere(case, data)
    if changed is None:
        return
    q, *_, tile = changed
    before, *_ = case.encoded(1, case.q)
    after, *_ = case.encoded(1, q)
    for place, one, other in zip(case.places, before, after, strict=True):
        assert one == other or place == tile


def changed_somewhere(
    case: Case, data: st.DataObject
) -> tuple[np.ndarray, int, int, tuple[int, ...]] | None:
    """Another value at one coded position: all values, its band, phase and tile."""
    coded = np.argwhere(case.support)
    if not len(coded):
        return None
    band, *position = coded[data.draw(st.integers(0, len(coded) - 1))]
    q = case.q.copy()
    q[(band, *position)] = data.draw(st.integers(-LARGEST_VALUE, LARGEST_VALUE))
    phase = PHASES.index(tuple(int(p) % 2 for p in position))
    return q, band, phase, tuple(int(p) >> (5 - CUT_SPLIT) for p in position)


@given(shapes, seeds)
@settings(max_examples=10)
def test_inputs_are_what_the_specification_lists(
    any_model: ContextModel, shape: tuple[int, int, int], seed: int
) -> None:
    inputs_are_as_listed(Case(any_model, shape, seed))


@given(cut_shapes, seeds)
@settings(max_examples=5)
def test_inputs_of_tiles_are_what_the_specification_lists(
    tiles_model: ContextModel, shape: list[int], seed: int
) -> None:
    inputs_are_as_listed(Case(tiles_model, tuple(shape), seed, is_cut=True))


def inputs_are_as_listed(case: Case) -> None:
    """Lattice by lattice, against the small reader, which gathers them one by one."""
    context = case.context()
    readers = [PlainTile(case, number) for number in range(len(case.places))]
    cut = case.tiling.cut(case.q)
    lattices = (len(case.tiling.chosen), *case.tiling.lattice)
    for band in range(len(BANDS)):
        for phase in range(len(PHASES)):
            columns = context.columns(band, phase)
            everywhere = np.arange(np.prod(lattices))
            matrix = context.matrix(band, phase, everywhere)
            some = everywhere[phase :: 1 + band]
            np.testing.assert_array_equal(context.matrix(band, phase, some), matrix[:, some])
            full = np.zeros((INPUTS_WITH_WIDE, *lattices), np.int64)
            full[columns] = matrix.reshape(-1, *lattices)
            for reader in readers:
                places, plain = reader.inputs(band, phase)
                found = full[(slice(None), *places.T)].T
                np.testing.assert_array_equal(found[:, : plain.shape[1]], plain)
                reader.store(band, phase)
            context.store(band, phase, lattice_of(cut[band], phase))


class PlainTile:
    """A tile of a case in the small reader."""

    def __init__(self, case: Case, number: int) -> None:
        tile = case.places[number] if case.is_cut else None
        self.case, self.number, self.starts = case, number, np.zeros(3, np.int64)
        if tile is not None:
            self.starts = np.array(tile) << (5 - CUT_SPLIT)
        self.inside = is_inside(case.shape, CUT_SPLIT, tile)
        self.own = plain_split(case.model, np.zeros_like(case.q), self.inside)
        self.parent, self.wide = None, None
        above = is_inside(case.parent_fractions.shape, CUT_SPLIT + 1, tile)
        if case.parent is not None:
            seen = above if case.is_closed else np.ones_like(above)
            self.parent = plain_split(case.model, case.parent, seen)
        if case.model.companding.wide is not None:
            table = case.model.companding.wide.astype(np.int64)
            self.wide = WideSums(table, self.own.inputs[:, 0, 1:-1, 1:-1, 1:-1])
            if self.parent is not None:
                magnitudes = self.parent.inputs[:, 0, 1:-1, 1:-1, 1:-1]
                self.wide.see_parent(magnitudes, case.parent_fractions, above)
            if case.grandparent is not None:
                every = np.ones(case.grandparent.shape[1:], bool)
                grandparent = plain_split(case.model, case.grandparent, every)
                self.wide.see_grandparent(grandparent.inputs[:, 0, 1:-1, 1:-1, 1:-1])

    def inputs(self, band: int, phase: int) -> tuple[np.ndarray, np.ndarray]:
        """Places (tile, z, y, x) in the lattice, and their inputs."""
        case = self.case
        p = np.argwhere(self.inside)
        p = p[(p % 2 == PHASES[phase]).all(axis=1)]
        x = columns(self.own, self.parent, case.fractions, case.step_index, band, p)
        if self.wide is not None:
            x = np.concatenate((x, self.wide.columns(band, phase, p)), axis=1)
        number = np.full((len(p), 1), self.number)
        return np.concatenate((number, (p - self.starts) // 2), axis=1), x

    def store(self, band: int, phase: int) -> None:
        store_plainly(self.own, band, PHASES[phase], self.case.q, self.inside)


@pytest.mark.parametrize("positions", [1, 40, 1 << 15])
@pytest.mark.parametrize(("shape", "is_cut"), [((5, 4, 7), False), ((2, 3, 33), True)])
def test_how_many_positions_are_classified_at_once_changes_nothing(
    tiles_model: ContextModel,
    model: ContextModel,
    shape: tuple[int, int, int],
    is_cut: bool,
    positions: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = Case(tiles_model if is_cut else model, shape, 4, is_cut)
    expected, *_ = case.encoded(1, case.q)
    monkeypatch.setattr(vqcodec.entropy.network, "POSITIONS_AT_ONCE", positions)
    found, *_ = case.encoded(1, case.q)
    assert found == expected


@pytest.mark.parametrize("has_wide", [False, True])
@pytest.mark.parametrize("has_parent", [False, True])
@pytest.mark.parametrize("has_grandparent", [False, True])
def test_columns_are_ascending_and_within_the_inputs(
    has_parent: bool, has_grandparent: bool, has_wide: bool
) -> None:
    around = Surroundings(has_parent, has_grandparent, has_wide)
    for band in range(len(BANDS)):
        for phase in range(len(PHASES)):
            found = [entry.column for entry in inputs_of(band, phase, around)]
            assert found == sorted(set(found))
            assert found[0] >= 0
            assert INPUTS - 1 in found
            last = INPUTS if not has_wide else INPUTS_WITH_WIDE
            assert found[-1] < last
            if has_wide and phase:
                assert found[-1] == last - 1


@given(shapes, seeds, st.binary(max_size=120))
@settings(max_examples=30)
def test_any_bytes_give_coefficients_or_the_documented_error(
    any_model: ContextModel, shape: tuple[int, int, int], seed: int, data: bytes
) -> None:
    case = Case(any_model, shape, seed)
    support = case.tiling.cut(case.support)
    with documented_errors():
        read = decode_split([Decoder(data)], case.model.groups[2], case.context(), support)
        assert read.q.shape == (7, 1, *case.tiling.sides)
        assert not read.q[~support].any()
