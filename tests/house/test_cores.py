"""How many cores are used: those that the process is bound to, fewer where OpenMP is told so."""

from __future__ import annotations

import pytest

from vqcodec import cores


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("1", 1), ("2,1", 2), (" 3 ", 3), ("9", 4), ("", 4), ("many", 4), ("0", 4), ("-1", 4)],
)
def test_openmp_may_want_fewer(value: str, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "bound_cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert cores.usable_cores() == wanted


def test_a_process_is_bound_to_some_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert cores.usable_cores() == cores.bound_cores() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert cores.bound_cores() >= 1
