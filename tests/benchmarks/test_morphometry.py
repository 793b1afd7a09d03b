"""Morphometry of stand-ins: by hand, resumed, and worse the more is blurred."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import wilcoxon

from benchmarks import morphometry_command as command
from benchmarks import scans
from benchmarks.coded_files import Coded
from benchmarks.morphometry import Morphometry, measured, overlaps, rescan_floor, volume_changes
from benchmarks.morphometry_report import (
    comparison_with_peers,
    dice_differences,
    manual_losses,
    notes,
    plots,
    preservation,
    signed_rank,
)
from benchmarks.own_curve import OURS
from benchmarks.segmentation import segmented

from .evidence_stubs import blur_codec, blurred, brain, thresholds
from .stubs import stub_peer

SCAN = brain()


def coded(width: float, key: str = "") -> Coded:
    return Coded(OURS, 100, key or f"blur {width}", lambda: blurred(SCAN.values, width))


def result(scan: str, codec: str, white: float, manual: float | None = None) -> Morphometry:
    labels = None if manual is None else (manual, manual, manual)
    original = None if manual is None else (0.9, 0.9, 0.9)
    dice, volume = (0.8, 0.9, white), (1.0, -2.0, 3.0)
    return Morphometry(scan, codec, 0.2, 10, 0.2, 30.0, dice, volume, labels, original)


def test_overlaps_and_volumes_by_hand() -> None:
    first = np.array([[[1, 1, 2, 2, 3, 3, 3, 3]]], np.uint8)
    second = np.array([[[1, 2, 2, 2, 3, 3, 3, 1]]], np.uint8)
    assert overlaps(first, second) == pytest.approx((2 / 4, 4 / 5, 6 / 7))
    assert volume_changes(first, second) == pytest.approx((0.0, 50.0, -25.0))
    assert overlaps(first, first) == (1.0, 1.0, 1.0)


def test_an_unchanged_volume_changes_nothing_and_blur_does(tmp_path: Path) -> None:
    manual = segmented(thresholds(), SCAN, SCAN.values, tmp_path)
    found = [
        measured(SCAN, manual, 0.2, coded(width), thresholds(), tmp_path)
        for width in (0.0, 0.5, 1.0)
    ]
    same, slight, strong = found
    assert same.dice == same.manual == same.manual_original == (1.0, 1.0, 1.0)
    assert same.volume == (0.0, 0.0, 0.0)
    for place in range(3):
        dices = [one.dice[place] for one in found if one.dice]
        assert dices == sorted(dices, reverse=True)
        assert dices[2] < dices[0]
    assert slight.psnr is not None
    assert strong.psnr is not None
    assert strong.psnr < slight.psnr


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    first = measured(SCAN, None, 0.2, coded(1.0), thresholds(), tmp_path)
    gone = replace(coded(1.0), decode=lambda: pytest.fail("decoded again"))
    assert measured(SCAN, None, 0.2, gone, thresholds(), tmp_path) == first


def test_a_failed_segmentation_is_a_note_and_is_tried_again(tmp_path: Path) -> None:
    flat = replace(coded(0.0), decode=lambda: SCAN.foreground * np.float32(0.5))
    found = measured(SCAN, None, 0.2, flat, thresholds(), tmp_path)
    assert found.dice is None
    assert notes([found]) == ["oasis_1, vqcodec, 0.2 %: threshold finds no CSF, WM"]
    again = measured(SCAN, None, 0.2, replace(coded(0.0), key=flat.key), thresholds(), tmp_path)
    assert again.dice == (1.0, 1.0, 1.0)


def test_a_rescan_is_kept(tmp_path: Path) -> None:
    other = brain("oasis_2", seed=1)
    seen: list[str] = []

    def still(first: object, second: object, labels: np.ndarray) -> np.ndarray:
        seen.append("registered")
        return labels

    floor = rescan_floor(SCAN, other, thresholds(), tmp_path, still)
    assert rescan_floor(SCAN, other, thresholds(), tmp_path, still) == floor
    assert seen == ["registered"]
    assert (floor.first, floor.second) == ("oasis_1", "oasis_2")
    assert 0.9 < min(floor.dice) <= 1.0


def test_the_tables_by_hand() -> None:
    results = [
        *(result(f"oasis_{n}", OURS, 0.95, 0.88) for n in range(7)),
        *(result(f"oasis_{n}", "peer", 0.90 + n / 1000) for n in range(7)),
    ]
    rows = {row[0]: row for row in preservation(results, [], "HMRF").rows}
    assert rows["0.2 %, vqcodec"][1:] == (
        *("7", "0.2000", "30.00", "0.8000", "0.9000", "0.9500"),
        *("+1.00", "-2.00", "+3.00", "1.00", "2.00", "3.00"),
    )
    (row,) = manual_losses(results, "HMRF").rows
    assert row[:8] == ("0.2 %, vqcodec", "7", *(["0.9000"] * 3), *(["+0.0200"] * 3))
    (row,) = comparison_with_peers(results).rows
    assert row[:4] == ("0.2 %, peer", "7", "+0.0000", "1")
    assert row[6:] == ("+0.0470", format(wilcoxon([0.05 - n / 1000 for n in range(7)])[1], ".3g"))
    assert [one.name for one in plots(results, [])[2].series] == [OURS, "peer"]


def test_half_the_bytes_for_one_dice_are_minus_fifty() -> None:
    pytest.importorskip("bjontegaard", reason="the extra 'bench' is not installed")
    results = []
    for asked in (0.1, 0.2, 0.4, 0.8):
        dice = (1 - 0.02 / asked,) * 3
        for codec, percent in ((OURS, asked), ("peer", 2 * asked)):
            one = result("oasis_1", codec, 0.9)
            results.append(replace(one, asked=asked, percent=percent, dice=dice))
    (row,) = dice_differences(results).rows
    assert row[:2] == ("peer", "1")
    assert float(row[2]) == pytest.approx(-50, abs=0.1)


def test_signed_ranks_need_six_pairs() -> None:
    assert signed_rank([0.1] * 5) is None
    assert signed_rank([0.0] * 6) == 1.0
    assert signed_rank([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == pytest.approx(2 / 2**6)


def test_the_command_goes_on_where_it_stopped_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entries = [scans.Entry(n, "test", n, "O", "T1w", "", "ab") for n in ("oasis_1", "bad_1")]
    flat = SCAN.foreground * np.float32(0.5)
    volumes = {"oasis_1": SCAN, "bad_1": replace(SCAN, name="bad_1", values=flat)}
    encoded: list[float] = []
    peers = [
        stub_peer("SVT-AV1 p4", settings=(50, 100, 200, 400)),
        stub_peer("x265 slow", missing="no"),
    ]
    monkeypatch.setenv("VQCODEC_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VQCODEC_DATA", str(tmp_path))
    (tmp_path / "manifest.csv").write_text("")
    monkeypatch.setattr(command, "SEGMENTERS", {"hmrf": thresholds})
    monkeypatch.setattr(command, "named_peers", lambda names: peers)
    monkeypatch.setattr(command, "own_codec", lambda **options: blur_codec(0.5, encoded))
    monkeypatch.setattr(scans, "entries", lambda *args, **named: entries)
    monkeypatch.setattr(scans, "load", lambda entry, grid: volumes[entry.subject])
    output = tmp_path / "out" / "morphometry.json"
    arguments = ["--scans", "oasis_1", "--rates", "2.0", "--json", str(output)]
    for _ in range(2):
        done = CliRunner().invoke(command.morphometry_command, arguments, catch_exceptions=False)
        assert done.exit_code == 0
    assert encoded == [2.0]
    assert "x265 slow: not measured, no" in done.output
    assert "bad_1, vqcodec, 2 %: threshold finds no CSF, WM" in done.output
    assert "rescan floor: oasis_1003 and oasis_1023 are not both among the scans" in done.output
    written = json.loads(output.read_text())
    assert written["machine"]["commit"]
    assert written["data"] == {"oasis_1": "ab", "bad_1": "ab"}
    rows = [row[0] for row in written["tables"][0]["rows"]]
    assert rows == ["2 %, vqcodec", "2 %, SVT-AV1 p4"]


def test_a_missing_segmenter_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SEGMENTERS", {"hmrf": lambda: thresholds(missing="get dipy")})
    done = CliRunner().invoke(command.morphometry_command, [])
    assert done.exit_code == 1
    assert "Error: threshold: get dipy" in done.output
