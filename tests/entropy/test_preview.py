"""Previews are what synthesis gives, nearly, in whole numbers that no machine rounds."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, getcontext

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.small_reader import holes as small_reader
from vqcodec.entropy.level_contexts import Coefficients, frame_geometry
from vqcodec.entropy.levels import LARGEST_VALUE
from vqcodec.entropy.preview import (
    LEVEL_RANGE,
    OCTAVE_FRACTIONS,
    VOXEL_BORDER,
    brightness,
    low_pass_of_fine,
    tile_voxels,
)
from vqcodec.entropy.tiling import TILE_SIDE
from vqcodec.layout import padded_to_four, step_of
from vqcodec.models.wavelet import Pyramid, analyse, synthesise

from .test_frame import random_coefficients

INNER = slice(VOXEL_BORDER, -VOXEL_BORDER)
AWAY = (slice(10, 54),) * 3


def smooth_volume(shape: tuple[int, ...]) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=shape)
    x = ndimage.gaussian_filter(noise, 2)
    return ((x - x.min()) / (x.max() - x.min())).astype(np.float32)


def quantised(x_DHW: np.ndarray, step: float) -> Coefficients:
    pyramid = analyse(torch.from_numpy(x_DHW))
    details = tuple(np.rint(d.numpy() / step).astype(np.int32) for d in pyramid.details)
    return Coefficients(details, np.rint(pyramid.low_pass.numpy() / step).astype(np.int32))


@pytest.mark.parametrize("step_index", [150, 300, 450])
def test_close_to_synthesis_away_from_the_sides_of_a_tile(step_index: int) -> None:
    x = smooth_volume((80, 72, 68))
    shape, step = padded_to_four(x.shape), step_of(step_index)
    coefficients = quantised(x, step)
    scaled = tuple(torch.from_numpy(q.astype(np.float32)) * step for q in coefficients.details)
    low_pass = torch.from_numpy(coefficients.low_pass.astype(np.float32)) * step
    decoded = synthesise(Pyramid(scaled, low_pass), shape).numpy()[:64, :64, :64]
    low = low_pass_of_fine(coefficients, x.shape)
    voxels = tile_voxels(low, coefficients, (0, 0, 0))
    error = np.abs(voxels[INNER, INNER, INNER] / 64 * step - decoded)[AWAY]
    assert error.max() < 0.25 * step + 0.004
    levels = brightness(voxels, step_index)[INNER, INNER, INNER][AWAY]
    assert np.abs(levels - np.minimum(128 * decoded[AWAY], 127)).max() < 1.1 + 32 * step


def test_a_tile_needs_nothing_of_the_fine_level_beyond_itself() -> None:
    geometry = frame_geometry(np.ones((130, 66, 20), bool))
    coefficients = random_coefficients(geometry, 3, 3.0)
    low = low_pass_of_fine(coefficients, (130, 66, 20))
    details = list(coefficients.details)
    for split in (0, 1):
        side = TILE_SIDE >> (split + 1)
        alone = np.zeros_like(details[split])
        alone[:, side : 2 * side, :side, :side] = details[split][:, side : 2 * side, :side, :side]
        details[split] = alone
    cut = Coefficients(tuple(details), coefficients.low_pass)
    one, other = (tile_voxels(low, each, (1, 0, 0)) for each in (coefficients, cut))
    np.testing.assert_array_equal(one, other)


@given(st.integers(0, 2**32 - 1), st.integers(-256, 1024), st.sampled_from([2.0, 1e4, 1e9]))
@settings(max_examples=8)
def test_floating_point_holds_the_same_whole_numbers(
    seed: int, step_index: int, size: float
) -> None:
    """Python's and NumPy's integers give what float64 does, up to the largest coefficients."""
    shape = (70, 9, 5)
    coefficients = random_coefficients(frame_geometry(np.ones(shape, bool)), seed, size)
    assert max(int(np.abs(q).max()) for q in coefficients.details) <= LARGEST_VALUE
    low = low_pass_of_fine(coefficients, shape)
    details = list(coefficients.details)
    wanted = small_reader.low_of_fine(details, coefficients.low_pass, shape)
    np.testing.assert_array_equal(low, wanted)
    levels = brightness(tile_voxels(low, coefficients, (1, 0, 0)), step_index)
    plain = small_reader.brightness(wanted, details, (1, 0, 0), step_index)
    border = 8 - VOXEL_BORDER
    np.testing.assert_array_equal(levels, plain[border:-border, border:-border, border:-border])
    assert LEVEL_RANGE[0] <= levels.min() <= levels.max() <= LEVEL_RANGE[1]


def test_fractions_of_an_octave() -> None:
    getcontext().prec = 40
    for k, found in enumerate(OCTAVE_FRACTIONS):
        exact = Decimal(2) ** (20 - Decimal(k) / 64)
        assert found == int(exact.to_integral_value(ROUND_HALF_EVEN))
