from __future__ import annotations

from pathlib import Path

from benchmarks.archives_command import REPEATS, measured
from vqcodec import Archive


def test_what_is_measured_is_what_was_made(tmp_path: Path) -> None:
    rows = measured(tmp_path / "a.h5", 12)
    assert len(Archive.open(tmp_path / "a.h5")) == 12 + REPEATS
    assert rows["bytes of the archive"] > 12 * rows["bytes of a scan"]
    assert all(value > 0 for value in rows.values())
