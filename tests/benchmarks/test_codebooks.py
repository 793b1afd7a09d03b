"""Usage and perplexity: which codes count, and the arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.codebooks import added, codebook_use, codebook_uses, histograms, written_sites


def one_brain_voxel() -> np.ndarray:
    foreground = np.zeros((64, 64, 128), bool)
    foreground[5, 20, 70] = True
    return foreground


@pytest.mark.parametrize(
    ("level", "site"), [("fine", (1, 5, 17)), ("middle", (0, 1, 4)), ("coarse", (0, 0, 1))]
)
def test_only_sites_with_foreground_are_written(level: str, site: tuple[int, int, int]) -> None:
    assert [tuple(place) for place in np.argwhere(written_sites(one_brain_voxel(), level))] == [
        site
    ]


def test_a_crop_is_padded_to_whole_coarse_sites_around_its_middle() -> None:
    assert written_sites(np.ones((30, 62, 64), bool), "fine").shape == (16, 16, 16)
    inside = written_sites(np.ones((30, 62, 64), bool), "fine")
    assert np.flatnonzero(inside.any(axis=(1, 2))).tolist() == list(range(4, 12))


def test_codes_of_air_do_not_count() -> None:
    grids = {
        "fine": np.full((2, 16, 16, 32), 9, np.uint8),
        "middle": np.full((1, 4, 4, 8), 9, np.uint8),
        "coarse": np.full((3, 1, 1, 2), 9, np.uint8),
    }
    grids["fine"][1, 1, 5, 17] = 3
    found = histograms(one_brain_voxel(), grids, 16)
    assert {level: counts.shape for level, counts in found.items()} == {
        "fine": (2, 16),
        "middle": (1, 16),
        "coarse": (3, 16),
    }
    assert [counts.sum() for counts in found.values()] == [2, 1, 3]
    assert (found["fine"][0, 9], found["fine"][1, 3]) == (1, 1)


def test_usage_and_perplexity() -> None:
    counts = np.zeros((3, 256), np.int64)
    counts[0, :4] = 25
    counts[1, 7] = 100
    counts[2, :2] = 75, 25
    use = codebook_use("fine", counts)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert (use.codebooks, use.codes) == (3, 100)
    assert use.used == pytest.approx((4 + 1 + 2) / 3 / 256)
    assert use.used_least == pytest.approx(1 / 256)
    assert use.perplexity == pytest.approx((4 + 1 + math.exp(entropy)) / 3)
    assert use.perplexity_least == pytest.approx(1.0)


def test_every_code_equally_often_is_the_most_there_is() -> None:
    use = codebook_use("fine", np.full((2, 256), 3, np.int64))
    assert use.used_least == 1.0
    assert use.perplexity_least == pytest.approx(256)


def test_a_codebook_without_codes_has_neither() -> None:
    use = codebook_use("coarse", np.zeros((1, 8), np.int64))
    assert (use.used, use.perplexity, use.codes) == (0.0, 0.0, 0)


def test_scans_are_added_up_before_anything_is_read_off() -> None:
    first, second = np.zeros((1, 4), np.int64), np.zeros((1, 4), np.int64)
    first[0, :2], second[0, 2:] = 5, 5
    (use,) = codebook_uses([{"fine": first}, {"fine": second}])
    assert use.used == 1.0
    assert use.perplexity == pytest.approx(4)
    assert np.array_equal(added([{"fine": first}] * 2)["fine"], 2 * first)
    assert codebook_uses([]) == ()
