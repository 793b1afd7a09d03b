"""Batches of tiles: every tile once, as many at a time as there are cores, errors passed on."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqcodec.entropy import batches
from vqcodec.entropy.batches import MOST_THREADS, TILES_AT_ONCE, in_batches, usable_cores
from vqcodec.entropy.tiling import tile_places


@given(st.tuples(*[st.integers(1, 400)] * 3), st.integers(1, 20))
def test_every_tile_is_in_one_batch(shape: tuple[int, int, int], cores: int) -> None:
    places = tile_places(shape)
    seen: list[tuple[tuple[int, int, int], ...]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "usable_cores", lambda: cores)
        in_batches(places, seen.append)
    assert sorted(place for batch in seen for place in batch) == sorted(places)
    assert all(batch == tuple(sorted(batch)) for batch in seen)
    threads = min(cores, MOST_THREADS)
    assert max(map(len, seen)) <= max(1, -(-TILES_AT_ONCE // threads))


def test_no_tiles_are_no_work() -> None:
    in_batches([], pytest.fail)


def test_cores_work_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "usable_cores", lambda: 2)
    both = threading.Barrier(2, timeout=60)
    in_batches(tile_places((128, 64, 64)), lambda _: both.wait() and None)


def test_what_a_batch_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "usable_cores", lambda: 2)

    def fails(places: tuple[tuple[int, int, int], ...]) -> None:
        raise ValueError(f"tile {places[0]}")

    with pytest.raises(ValueError, match=r"tile \(0, 0, 0\)"):
        in_batches(tile_places((200, 200, 200)), fails)


@pytest.mark.parametrize(
    ("value", "most"), [("1", 1), ("2,1", 2), ("", 1 << 20), ("many", 1 << 20), ("0", 1 << 20)]
)
def test_cores_are_those_that_openmp_may_use(
    value: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert 1 <= usable_cores() <= min(most, os.cpu_count() or 1)
