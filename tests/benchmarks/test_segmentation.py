"""Segmenters find the tissues of a brain made of three, once; failures are errors of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.morphometry import overlaps
from benchmarks.segmentation import SegmentationError, Segmenter, atropos, hmrf, segmented

from .evidence_stubs import brain, thresholds

SCAN = brain()


@pytest.mark.parametrize("segmenter", [hmrf(), atropos()], ids=["hmrf", "atropos"])
def test_tissues_are_found_and_every_time_alike(segmenter: Segmenter, tmp_path: Path) -> None:
    reason = segmenter.missing()
    if reason is not None:
        pytest.skip(reason)
    labels = segmented(segmenter, SCAN, SCAN.values, tmp_path / "one")
    truth = segmented(thresholds(), SCAN, SCAN.values, tmp_path)
    assert min(overlaps(labels, truth)) > 0.9
    assert (labels[~SCAN.foreground] == 0).all()
    assert (labels[SCAN.foreground] > 0).all()
    again = segmented(segmenter, SCAN, SCAN.values, tmp_path / "two")
    assert overlaps(labels, again) == (1.0, 1.0, 1.0)


def test_a_volume_is_segmented_once(tmp_path: Path) -> None:
    seen: list[int] = []
    first = segmented(thresholds(seen=seen), SCAN, SCAN.values, tmp_path)
    again = segmented(thresholds(seen=seen), SCAN, SCAN.values.copy(), tmp_path)
    np.testing.assert_array_equal(first, again)
    assert len(seen) == 1
    segmented(thresholds(seen=seen), SCAN, SCAN.values * np.float32(0.99), tmp_path)
    assert len(seen) == 2


def test_what_has_no_three_tissues_is_said(tmp_path: Path) -> None:
    flat = np.where(SCAN.foreground, np.float32(0.5), 0).astype(np.float32)
    with pytest.raises(SegmentationError, match="threshold finds no CSF, WM"):
        segmented(thresholds(), SCAN, flat, tmp_path)

    def fail(values: object, inside: object) -> None:
        raise ValueError("nothing to see")

    broken = replace(thresholds(), classify=fail)
    with pytest.raises(SegmentationError, match="threshold failed: nothing to see"):
        segmented(broken, SCAN, SCAN.values, tmp_path)
    assert not list(tmp_path.rglob("*.npz"))
