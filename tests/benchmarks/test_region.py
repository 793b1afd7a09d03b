"""Regions: what tiles cost is what two files differ by, and regions lie within the scan."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from benchmarks.own_curve import OwnCodec, own_codec
from benchmarks.region import ENDLESS, Price, one_tile, price, regions, times
from benchmarks.region_command import price_table, times_table
from vqcodec.entropy import tiling

from .stubs import made_scan

SCAN = made_scan()


def test_tiles_are_back_afterwards() -> None:
    with one_tile():
        assert tiling.tile_counts((300, 70, 10)) == (1, 1, 1)
        assert tiling.TILE_SIDE == ENDLESS
    assert tiling.tile_counts((300, 70, 10)) == (5, 2, 1)


def test_the_growth_of_a_file() -> None:
    sizes = {ENDLESS: 1000, 64: 1015}

    def encode(values: object, aim: Mapping[str, float | None]) -> bytes:
        return bytes(sizes[tiling.TILE_SIDE])

    found = price(SCAN, OwnCodec("stub", encode, lambda data: SCAN.values), 4.0)
    assert (found.tiled, found.whole) == (1015, 1000)
    assert found.growth == pytest.approx(1.5)
    assert found.percent == pytest.approx(100 * 1015 / (4 * SCAN.values.size))


def test_regions_lie_in_the_middle() -> None:
    for shape in ((200, 100, 30), (64, 16, 64), (5, 6, 7)):
        for region in regions(shape).values():
            for side, n in zip(region, shape, strict=True):
                assert 0 <= side.start < side.stop <= n
                assert abs(side.start + side.stop - n) <= 1
        block, one = (np.zeros(shape)[region].shape for region in regions(shape).values())
        assert block == tuple(min(n, 32) for n in shape)
        assert one == (shape[0], 1, shape[2])


def test_a_small_scan_is_timed_and_printed() -> None:
    found = times(SCAN, own_codec(device="cpu", effort=1, force=True), 4.0, "cpu")
    assert found.whole > 0
    assert set(found.parts) == set(regions(SCAN.values.shape))
    assert min(found.parts.values()) > 0
    assert times_table([found]).rows[0][0] == SCAN.name
    assert price_table([Price("one", 3.0, 0.2, 1010, 1000)]).rows[0][-1] == "+1.00 %"
