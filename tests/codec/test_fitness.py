"""What a file says about itself, and what is refused because of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from vqcodec import encode
from vqcodec.errors import VolumeError
from vqcodec.figures import compared
from vqcodec.fitness import (
    NAMES,
    SURFACE_LIMIT,
    check_fitness,
    fitness_figures,
)
from vqcodec.formats.volumes import refuse_ct, volume_from_array
from vqcodec.grids import CodeStatistics

from .phantoms import head

SIDES = (40, 44, 36)


def noisy_head(noise: float = 20.0) -> NDArray[np.float32]:
    """A head with texture at several scales and noise of a known size."""
    rng = np.random.default_rng(4)
    values = head(SIDES) + 300 * ndimage.gaussian_filter(rng.normal(0, 5, SIDES), 2)
    return np.where(head(SIDES) > 0, values + rng.normal(0, noise, SIDES), 0).astype(np.float32)


def figures_of(
    ours: NDArray[Any], theirs: NDArray[Any], codes: CodeStatistics | None = None
) -> Any:
    return fitness_figures(compared(ours, theirs), codes)


def test_noise_is_found() -> None:
    for noise in (10.0, 40.0):
        ours = noisy_head(noise)
        found = figures_of(ours, np.where(ours != 0, ours + 30, 0))
        assert found["error_to_noise"] == pytest.approx(30 / np.hypot(noise, 10), rel=0.1)
        same = figures_of(ours, ours)
        assert same["error_to_noise"] == 0
        assert same["structure_error"] == 0
        assert same["fitness"] > 0.5


def test_an_error_of_the_noise_s_size() -> None:
    ours = noisy_head(20)
    error = np.random.default_rng(9).normal(0, 20, SIDES)
    theirs = np.where(ours != 0, ours + error, 0)
    found = figures_of(ours, theirs)
    assert found["error_to_noise"] == pytest.approx(1, rel=0.15)
    assert found["structure_error"] < 0.1


def test_lost_structure_is_told_from_lost_noise() -> None:
    ours = noisy_head(20)
    flat = np.where(ours != 0, ours[ours != 0].mean(), 0)
    found = figures_of(ours, flat)
    assert found["structure_error"] > 0.9
    assert found["fitness"] < 0
    with pytest.raises(VolumeError, match=r"allow more bytes.*--force.*--max-error and --lossless"):
        check_fitness(found)


def test_splinters_are_no_head() -> None:
    rng = np.random.default_rng(2)
    splinters = np.where(rng.random(SIDES) < 0.2, rng.integers(100, 900, SIDES), 0)
    found = figures_of(splinters, splinters)
    assert found["surface"] > SURFACE_LIMIT
    with pytest.raises(VolumeError, match="in splinters"):
        check_fitness(found)


def test_codes_that_no_scan_has() -> None:
    ours = noisy_head()
    voxels = np.count_nonzero(ours)
    usual = figures_of(ours, ours, CodeStatistics(voxels // 4, voxels))
    assert abs(usual["surprise"]) < 0.1
    assert usual["fitness"] > 0
    strange = figures_of(ours, ours, CodeStatistics(voxels // 4, 2 * voxels))
    assert strange["surprise"] == pytest.approx(2 * (1 + usual["surprise"]) - 1, abs=0.01)
    with pytest.raises(VolumeError, match="codes are not those of an MR scan"):
        check_fitness(strange)


@pytest.mark.parametrize(
    "codes",
    [CodeStatistics(0, 0), CodeStatistics(4000, 10**6), CodeStatistics(40_000, 10**9)],
    ids=["none", "few", "dense"],
)
def test_codes_that_tell_nothing(codes: CodeStatistics) -> None:
    ours = noisy_head()
    assert figures_of(ours, ours, codes)["surprise"] is None


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((4, 5, 6)),
        np.full((4, 5, 6), 3.5),
        np.full((4, 5, 6), np.nan),
        np.arange(5.0),
        np.arange(20.0).reshape(4, 5),
        np.array([[[7.0]]]),
        np.arange(480.0).reshape(4, 5, 6, 4),
    ],
    ids=["zeros", "constant", "nan", "line", "plane", "voxel", "frames"],
)
def test_odd_volumes(values: NDArray[Any]) -> None:
    found = figures_of(values, values)
    assert set(found) == set(NAMES)
    check_fitness(found)
    for value in found.values():
        assert value is None or np.isfinite(value)


def test_frames_are_judged_together() -> None:
    one = noisy_head(20)
    both = np.stack([one, one], axis=-1)
    worse = np.stack([one, np.where(one != 0, one[one != 0].mean(), 0)], axis=-1)
    added = np.where(both != 0, both + 30, 0)
    alone = figures_of(one, added[..., 0])
    assert figures_of(both, added)["error_to_noise"] == alone["error_to_noise"]
    assert figures_of(both, both)["surface"] == figures_of(one, one)["surface"]
    share = (
        figures_of(both, worse)["structure_error"]
        / figures_of(one, worse[..., 1])["structure_error"]
    )
    assert share == pytest.approx(0.5**0.5, rel=0.01)


def test_a_file_holds_its_fitness_and_a_bad_one_is_refused() -> None:
    vqz = encode(noisy_head(), quality=6, effort=1)
    assert set(NAMES) <= set(vqz.figures)
    assert 0 < vqz.figures["fitness"] < 1
    with pytest.raises(VolumeError, match="would not come back as what it is"):
        encode(noisy_head(), quality=-2, effort=1)
    assert encode(noisy_head(), quality=-2, effort=1, force=True).figures["fitness"] <= 0


def hounsfield(dtype: Any = np.int16) -> NDArray[Any]:
    """A head in air, in Hounsfield units."""
    tissue = head((20, 22, 18))
    return np.where(tissue > 0, tissue / 10, -1000).astype(dtype)


def test_hounsfield_units_are_refused() -> None:
    with pytest.raises(VolumeError, match=r"looks like CT.*--force.*--max-error and --lossless"):
        encode(hounsfield())
    encode(hounsfield(), force=True, quality=3, effort=1)
    for other in (
        hounsfield() + 1000,
        -hounsfield(),
        head((20, 22, 18)) - 500,
        np.full((20, 22, 18), -1000.0),
        np.random.default_rng(1).uniform(-4096, 4095, (20, 22, 18)),
    ):
        refuse_ct(volume_from_array(other))
