"""The comparison at equal bounds: what is counted, and what is printed of it."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from benchmarks import bounded_command
from benchmarks.bounded_command import Measured, lines_of, measured, summary
from benchmarks.scans import Entry


def test_summary_counts_the_same_scans() -> None:
    results = [
        Measured("a", "vqcodec", 1.0, 80, 0.9, (1.0, 2.0)),
        Measured("a", "SZ3", 1.0, 100, 1.0),
        Measured("b", "vqcodec", 1.0, 60, 0.9, (1.0, 2.0)),
        Measured("b", "SZ3", 1.0, 100, 1.0),
        Measured("a", "vqcodec", 0.0, 50, 0.0, (1.0, 2.0)),
        Measured("b", "vqcodec", 0.0, 50, 0.0, (1.0, 2.0)),
        Measured("b", "gzip -9", 0.0, 200, 0.0),
    ]
    rows = summary(results).rows
    assert rows[1] == ("lossless", "gzip -9", "1", "200", "50", "75.0")
    assert rows[3] == ("1 %", "SZ3", "2", "200", "140", "30.0")
    assert lines_of(results[:2]) == [
        "a 1 %: vqcodec 80, SZ3 100 bytes; 1.0/2.0 s; largest error 0.9000, 1.0000 %"
    ]


def test_measured_on_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("imagecodecs")
    values = np.random.default_rng(2).normal(400, 60, (16, 17, 18)).astype(np.int16)
    scan = nibabel.Nifti1Image(values, np.eye(4))  # type: ignore[no-untyped-call]
    nibabel.save(scan, tmp_path / "scan.nii")
    monkeypatch.setattr(bounded_command, "data_folder", lambda: tmp_path)
    found = measured(Entry("scan.nii", "test", "made", "made", "T1w", ""))
    codecs = {(one.codec, one.percent) for one in found}
    assert {("vqcodec", 0.0), ("SZ3", 2.0), ("SPERR", 0.5), ("JPEG XL", 0.0)} <= codecs
    assert all(one.nbytes > 0 and one.error <= one.percent * (1 + 1e-4) for one in found)
