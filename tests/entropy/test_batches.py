"""Batches of tiles: every tile once, on as many cores as there are, and stopped by an error."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqcodec.entropy import batches
from vqcodec.entropy.batches import MOST_THREADS, TILES_AT_ONCE, Batch, Check, dealt, in_batches
from vqcodec.entropy.tiling import tile_places

EIGHT = tile_places((128, 128, 128))


@given(st.tuples(*[st.integers(1, 400)] * 3), st.integers(1, 20))
def test_every_tile_is_in_one_batch(shape: tuple[int, int, int], cores: int) -> None:
    places = tile_places(shape)
    seen: list[Batch] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "usable_cores", lambda: cores)
        in_batches(places, lambda batch, _check: seen.append(batch))
    assert sorted(place for batch in seen for place in batch) == sorted(places)
    assert all(batch == tuple(sorted(batch)) for batch in seen)
    threads = min(cores, MOST_THREADS)
    assert max(map(len, seen)) <= max(1, -(-TILES_AT_ONCE // threads))


def test_no_batch_gets_an_edge_of_the_volume_or_its_middle() -> None:
    for sides, count in (((1, 4, 2), 2), ((1, 4, 3), 3), ((1, 4, 4), 4)):
        shape = tuple(64 * side for side in sides)
        for batch in dealt(tile_places(shape), count):
            assert len({x for _, _, x in batch}) > 1


def test_no_tiles_are_no_work() -> None:
    in_batches([], lambda _batch, _check: pytest.fail("there is nothing to do"))


def test_cores_work_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "usable_cores", lambda: 2)
    both = threading.Barrier(2, timeout=60)

    def work(_batch: Batch, _check: Check) -> None:
        both.wait()

    in_batches(EIGHT, work)


def test_one_core_works_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "usable_cores", lambda: 1)
    threads = []
    in_batches(EIGHT, lambda _batch, _check: threads.append(threading.current_thread()))
    assert threads == [threading.current_thread()]


@pytest.mark.parametrize("failing", range(4))
def test_a_batch_that_fails_stops_the_others(failing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "usable_cores", lambda: 4)
    wanted = dealt(EIGHT, 4)[failing]

    def work(batch: Batch, check: Check) -> None:
        if batch == wanted:
            raise ValueError("is damaged")
        while True:
            check()
            time.sleep(0.001)

    with pytest.raises(ValueError, match="is damaged"):
        in_batches(EIGHT, work)


def test_an_interrupt_stops_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "usable_cores", lambda: 2)

    def interrupted(_tasks: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "as_completed", interrupted)

    def endless(_batch: Batch, check: Check) -> None:
        while True:
            check()
            time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        in_batches(EIGHT, endless)
