"""Slices, grey levels and colours."""

from __future__ import annotations

import io

import numpy as np
import pytest

from vqcodec.report.pictures import blue_to_red, grey, row_of_slices, signed
from vqcodec.report.slices import Cut, box_around, cuts, first_frame, slice_of, voxel_sides

from .heads import AFFINE, head

Image = pytest.importorskip("PIL.Image")
WHOLE = (slice(None), slice(None), slice(None))


def test_slices_are_turned_to_ras() -> None:
    values = np.zeros((4, 5, 6), np.float32)
    values[0, 1, 2] = 1  # right of everything else, since the first axis runs to the left
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    frame = first_frame(values, affine)
    assert frame[3, 1, 2] == 1
    axial = slice_of(frame, Cut(2, 2), WHOLE)
    assert axial.shape == (5, 4)
    assert axial[5 - 1 - 1, 3] == 1  # the front is up


def test_swapped_axes_keep_their_voxel_sides() -> None:
    affine = np.array([[0, 0, 3.0, 0], [1.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 0, 1]])
    assert voxel_sides(affine) == (3.0, 1.0, 2.0)
    assert voxel_sides(None) == (1.0, 1.0, 1.0)
    assert voxel_sides(np.zeros((4, 4))) == (1.0, 1.0, 1.0)


def test_slices_lie_within_the_foreground() -> None:
    inside = np.zeros((20, 30, 40), bool)
    inside[5:9, 10:20, 3:39] = True
    for plane, low, high in zip(cuts(inside, 5), (5, 10, 3), (9, 20, 39), strict=True):
        places = [cut.place for cut in plane]
        assert places == sorted(set(places))
        assert low <= places[0]
        assert places[-1] < high
    assert [plane[0].place for plane in cuts(inside, 1)] == [7, 15, 21]
    assert box_around(inside) == (slice(2, 12), slice(7, 23), slice(0, 42))
    assert box_around(np.zeros((2, 2, 2), bool)) == WHOLE


@pytest.mark.parametrize("shape", [(7,), (7, 5), (7, 5, 3), (7, 5, 3, 2)])
def test_any_number_of_axes(shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    assert first_frame(values, None).shape == (*shape, 1, 1)[:3]


def test_one_scale_for_original_and_decoded() -> None:
    values = np.array([-5, 0, 60, 100, 200, np.nan])
    assert grey(values, 0, 100).tolist() == [0, 0, 153, 255, 255, 0]
    assert signed(np.array([-20, -10, 0, 10, 20, np.nan]), 10).tolist() == [
        *(1, 1, 128),
        *(255, 255, 128),
    ]
    colours = np.array(blue_to_red()).reshape(256, 3)
    assert colours.min() == 0
    assert colours.max() == 255
    assert colours[128].tolist() == [0, 0, 0]
    assert colours[190, 0] > colours[190, 2]
    assert colours[66, 2] > colours[66, 0]


def test_pixels_are_square() -> None:
    frame = grey(head((40, 44, 22)), 0, 900)
    chosen = [Cut(0, 20), Cut(2, 11)]
    data = row_of_slices(frame, chosen, WHOLE, voxel_sides(AFFINE))
    image = Image.open(io.BytesIO(data))
    # 44 by 22 voxels of 1 x 2 mm, and 40 by 44 of 1 x 1 mm; both drawn at 96 or more
    assert image.format == "PNG"
    assert image.size == (96 + 2 + 87, 96)


def test_a_whole_report_of_noise_is_below_three_megabytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 200), dtype=np.uint8)
    chosen = cuts(np.ones(noise.shape, bool), 5)
    plain = [row_of_slices(noise, part, WHOLE, (1, 1, 1)) for part in chosen]
    coloured = row_of_slices(noise, chosen[0], WHOLE, (1, 1, 1), blue_to_red())
    assert 4 / 3 * (2 * sum(map(len, plain)) + 3 * len(coloured)) < 2.9e6
