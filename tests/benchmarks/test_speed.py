"""Ratios and slopes by hand; a process that fails is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import speed
from benchmarks.own_curve import OURS
from benchmarks.peers import named_peers
from benchmarks.speed import (
    Contender,
    Growth,
    Pair,
    Run,
    RunError,
    growth_table,
    pair_table,
    pairs,
    slope,
)

from .evidence_stubs import brain

VALUES = brain(side=16).values


def test_ratios_are_medians_of_pairs() -> None:
    times = [(2.0, 1.0), (9.0, 3.0), (4.0, 4.0)]
    found = [
        Pair("a", "encode", "peer", Run(ours, 100.0), Run(theirs, 50.0)) for ours, theirs in times
    ]
    (row,) = pair_table(found).rows
    assert row == ("peer, encode", "3", "4.00", "3.00", "2.00", "100", "50")


def test_the_slope_of_proportional_growth_is_one() -> None:
    volumes = [
        Growth(side, "cpu", 9, Run(2e-6 * side**3, 30.0), Run(float(side), 30.0))
        for side in (64, 128, 256)
    ]
    assert slope(volumes, [one.encode.seconds for one in volumes]) == pytest.approx(1.0)
    assert slope(volumes[:1], [1.0]) is None
    last = growth_table(volumes).rows[-1]
    assert last[:4] == ("log-log slope, cpu", "", "1.00", "0.33")
    assert abs(float(last[4])) == 0


def test_codecs_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []

    def run(action: str, contender: Contender, values: Path, file: Path) -> Run:
        seen.append((action, contender.name))
        return Run(1.0, 1.0)

    monkeypatch.setattr(speed, "run", run)
    assert len(pairs("a", VALUES, Contender(OURS), Contender("peer", 3), 2)) == 4
    assert seen == 2 * [
        ("encode", OURS),
        ("encode", "peer"),
        ("decode", OURS),
        ("decode", "peer"),
    ]


def test_memory_is_that_of_the_process_and_not_of_its_parent(tmp_path: Path) -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("there is no /proc")
    ballast = np.ones(60 << 20, np.uint8)
    script = "from benchmarks.speed_worker import own_peak; print(own_peak())"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=speed.ROOT, check=True)
    held = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert ballast.nbytes < held
    assert int(done.stdout) * 1024 < held


def test_a_process_measures_itself_and_says_why_it_fails(tmp_path: Path) -> None:
    (peer,) = named_peers(("SZ3",))
    reason = peer.missing()
    if reason is not None:
        pytest.skip(reason)
    np.save(tmp_path / "values.npy", VALUES)
    contender = Contender("SZ3", 0.05)
    found = speed.run("encode", contender, tmp_path / "values.npy", tmp_path / "file")
    assert found.seconds > 0
    assert 20 < found.mebibytes < 2000
    assert peer.decode((tmp_path / "file").read_bytes(), VALUES.shape, 0).shape == VALUES.shape
    with pytest.raises(RunError, match=r"SZ3: .*No such file"):
        speed.run("encode", contender, tmp_path / "nothing.npy", tmp_path / "file")
