"""Holes come back, tile by tile, whatever they and the coefficients are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.tiny_holes import tiny_holes_tensors
from vqcodec.entropy.context_model import context_model, hole_model
from vqcodec.entropy.hole_contexts import BRIGHT_CONTRASTS, HOLE_INPUTS, Edge, TileContext
from vqcodec.entropy.hole_contexts import hole_input_limits as limits_of
from vqcodec.entropy.holes import (
    HoleModel,
    PreviewedTile,
    decode_holes,
    encode_holes,
    fitted_edge,
)
from vqcodec.entropy.level_contexts import frame_geometry
from vqcodec.entropy.tiling import tile_places
from vqcodec.errors import FormatError, ModelUnavailableError

from .documented import documented_errors
from .masks import mask_of
from .test_frame import long_shapes, random_coefficients, seeds, shapes


@pytest.fixture(scope="session")
def model() -> HoleModel:
    found = hole_model(tiny_holes_tensors())
    assert found is not None
    return found


def holes_of(region: np.ndarray, seed: int, share: float) -> np.ndarray:
    holes: np.ndarray = region & (np.random.default_rng(seed).random(region.shape) < share)
    return holes


@given(
    shapes | long_shapes.map(tuple), seeds, st.integers(-256, 1024), st.sampled_from([0.02, 0.5])
)
@settings(max_examples=12)
def test_round_trip(
    model: HoleModel, shape: tuple[int, ...], seed: int, step_index: int, share: float
) -> None:
    region = mask_of(shape, seed)
    coefficients = random_coefficients(frame_geometry(region), seed, 2.0)
    holes = holes_of(region, seed, share)
    data = encode_holes(model, coefficients, region, holes, step_index)
    found = decode_holes(model, coefficients, region, data, step_index)
    np.testing.assert_array_equal(found, holes)


@given(long_shapes, seeds, st.data())
@settings(max_examples=5)
def test_some_tiles_are_the_same_as_among_all(
    model: HoleModel, shape: list[int], seed: int, data: st.DataObject
) -> None:
    region = mask_of(tuple(shape), seed)
    coefficients = random_coefficients(frame_geometry(region), seed, 2.0)
    holes = holes_of(region, seed, 0.2)
    section = encode_holes(model, coefficients, region, holes, 200)
    places = data.draw(st.lists(st.sampled_from(tile_places(shape)), unique=True))
    found = decode_holes(model, coefficients, region, section, 200, places)
    inside = np.zeros(region.shape, bool)
    for place in places:
        inside[tuple(slice(64 * t, 64 * t + 64) for t in place)] = True
    np.testing.assert_array_equal(found, holes & inside)


@given(st.binary(max_size=200))
@settings(max_examples=40)
def test_any_bytes_are_holes_of_the_region_or_refused(model: HoleModel, data: bytes) -> None:
    region = mask_of((12, 9, 70), 5)
    coefficients = random_coefficients(frame_geometry(region), 5, 2.0)
    with documented_errors():
        holes = decode_holes(model, coefficients, region, data, 100)
        assert not (holes & ~region).any()


def test_edges_that_no_writer_states_are_refused(model: HoleModel) -> None:
    region = mask_of((9, 9, 9), 1)
    coefficients = random_coefficients(frame_geometry(region), 1, 2.0)
    for head in (bytes([192, 0]), bytes([0, len(BRIGHT_CONTRASTS)])):
        with pytest.raises(FormatError, match="edge of holes"):
            decode_holes(model, coefficients, region, head + bytes(4), 100)
    for short in (b"", b"\x40"):
        with pytest.raises(FormatError, match="cut short"):
            decode_holes(model, coefficients, region, short, 100)


def tile_of(levels: np.ndarray) -> PreviewedTile:
    return PreviewedTile(levels.astype(np.int8), np.ones(levels.shape, bool))


def test_the_edge_lies_where_half_are_holes() -> None:
    rng = np.random.default_rng(2)
    levels = rng.integers(-20, 100, (68, 68, 68))
    for middle, slope in ((14.0, 0.3), (40.0, 0.1), (-40.0, 0.05)):
        share = 1 / (1 + np.exp(slope * (levels - middle)))
        edge = fitted_edge([tile_of(levels)], [rng.random(levels.shape) < share])
        assert edge.level == pytest.approx(middle, abs=4)
        assert edge.steepness == pytest.approx(4 * (np.log2(slope) + 5), abs=1)


def test_inputs_stay_within_their_limits() -> None:
    """The exactness of the networks rests on them."""
    rng = np.random.default_rng(4)
    levels = rng.integers(-64, 128, (68, 68, 68)).astype(np.int8)
    for edge in (Edge(-64, 0), Edge(127, len(BRIGHT_CONTRASTS) - 1)):
        context = TileContext(levels, rng.random(levels.shape) < 0.6, edge, 1024)
        for lattice in (0, 7):
            voxels = context.voxels(lattice)
            inputs = context.inputs(voxels)
            assert inputs.shape == (HOLE_INPUTS, len(voxels))
            assert (np.abs(inputs.astype(int)).max(axis=1) <= limits_of()).all()
            context.store(voxels, rng.random(len(voxels)) < 0.5)


def test_models_may_do_without() -> None:
    tensors = tiny_holes_tensors()
    without = {name: part for name, part in tensors.items() if not name.startswith("holes/")}
    assert context_model(without).holes is None
    assert context_model(tensors).holes is not None


@pytest.mark.parametrize("name", ["holes/first", "holes/tables"])
def test_a_missing_tensor_is_said(name: str) -> None:
    tensors = tiny_holes_tensors()
    del tensors[name]
    with pytest.raises(ModelUnavailableError, match=name):
        context_model(tensors)


def test_tables_of_another_shape_are_refused() -> None:
    tensors = tiny_holes_tensors()
    tensors["holes/tables"] = tensors["holes/tables"][:64]
    with pytest.raises(ModelUnavailableError, match="holes"):
        context_model(tensors)
