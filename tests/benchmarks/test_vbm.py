"""t-maps against scipy, groups, and a command that goes on; maps of a stand-in."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from benchmarks import scans, vbm_command, vbm_report
from benchmarks.documents import Picture
from benchmarks.peers import Array
from benchmarks.vbm import Placed, VbmSettings, halved, template
from benchmarks.vbm_groups import GroupError, groups
from benchmarks.vbm_statistics import TTest, between, grey_mask, likeness, paired

from .evidence_stubs import blur_codec, brain, thresholds

RNG = np.random.default_rng(0)
SHAPE = (6, 7, 5)
MAPS = [(0.5 + RNG.normal(0, 0.1, SHAPE)).astype(np.float32) for _ in range(8)]
MASK = grey_mask(MAPS)
SCANS = {f"ds002748_sub-{n:02d}": brain(f"ds002748_sub-{n:02d}", seed=n) for n in (1, 2, 3, 61, 62)}


def entry(name: str, split: str = "val") -> scans.Entry:
    return scans.Entry(f"{name}.nii", split, name, "O", "T1w", "")


ENTRIES = [entry(name) for name in SCANS]


def test_t_maps_agree_with_scipy() -> None:
    assert MASK.all()
    found = paired(MAPS[:4], MAPS[4:], MASK)
    expected = stats.ttest_rel(np.stack(MAPS[4:]), np.stack(MAPS[:4]), axis=0)
    np.testing.assert_allclose(found.t, expected.statistic, rtol=1e-4)
    found = between(MAPS[:3], MAPS[3:], MASK)
    expected = stats.ttest_ind(np.stack(MAPS[:3]), np.stack(MAPS[3:]), axis=0)
    np.testing.assert_allclose(found.t, expected.statistic, rtol=1e-4)
    assert found.freedom == 6


def test_nothing_changed_is_nothing_significant_and_a_shift_is_everything() -> None:
    same = paired(MAPS, MAPS, MASK)
    assert (same.largest, int(same.significant.sum())) == (0.0, 0)
    shifts = [one + np.float32(0.05 + 0.001 * n) for n, one in enumerate(MAPS)]
    moved = paired(MAPS, shifts, MASK)
    assert moved.significant.all()
    assert (moved.t > 5).all()


def test_likeness_falls_with_noise() -> None:
    first = between(MAPS[:4], MAPS[4:], MASK)
    assert likeness(first, first, MASK).correlation == pytest.approx(1.0)
    assert likeness(first, first, MASK).overlap_top == 1.0
    found = []
    for size in (0.02, 0.1):
        noisy = [one + RNG.normal(0, size, SHAPE).astype(np.float32) for one in MAPS]
        found.append(likeness(first, between(noisy[:4], noisy[4:], MASK), MASK))
    assert 1 > found[0].correlation > found[1].correlation
    assert found[0].overlap is None or 0 <= found[0].overlap <= 1


def test_groups_by_number_by_column_and_by_median(tmp_path: Path) -> None:
    contrast, found = groups(ENTRIES, None, "group")
    assert contrast == "controls against patients"
    assert found["ds002748_sub-03"] == "patients"
    assert found["ds002748_sub-61"] == "controls"
    table = tmp_path / "participants.tsv"
    ages = zip(("01", "02", "03", "61", "62"), (20, 30, 40, 50, 60), "ababb", strict=True)
    lines = [f"sub-{number}\t{age}\t{sex}" for number, age, sex in ages]
    table.write_text("\n".join(["participant_id\tage\tsex", *lines]))
    contrast, found = groups(ENTRIES, table, "age")
    assert contrast == "age over 40 against age to 40"
    assert [name for name in found if "over" in found[name]] == [
        "ds002748_sub-61",
        "ds002748_sub-62",
    ]
    assert groups(ENTRIES, table, "sex")[0] == "a against b"
    with pytest.raises(GroupError, match="has no column height"):
        groups(ENTRIES, table, "height")
    with pytest.raises(GroupError, match="two of two are needed"):
        groups(ENTRIES[:3], None, "group")


def test_halving_averages_and_keeps_the_background() -> None:
    scan = SCANS["ds002748_sub-01"]
    smaller, values = halved(scan, scan.values)
    np.testing.assert_allclose(smaller.values, values)
    assert values.shape == (12, 12, 12)
    assert values[3, 4, 5] == pytest.approx(scan.values[6:8, 8:10, 10:12].mean())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Maps without registration: the volume itself, and a failure for one subject."""

    def grey(placed: Placed, values: Array, *rest: object) -> Array:
        if placed.scan.name == "ds002748_sub-02":
            raise RuntimeError("registration failed")
        return values[2:-2, 2:-2, 2:-2]

    def drawn(title: str, *rest: object) -> Picture:
        return Picture(title, "")

    monkeypatch.setenv("VQCODEC_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(vbm_command, "missing", lambda: None)
    monkeypatch.setattr(vbm_command, "hmrf", thresholds)
    monkeypatch.setattr(vbm_command, "grey_map", grey)
    monkeypatch.setattr(vbm_command, "placed_scan", lambda entry, scan: Placed(scan, np.eye(4)))
    monkeypatch.setattr(vbm_report, "drawn", drawn)
    monkeypatch.setattr(scans, "entries", lambda *args, **named: ENTRIES)
    monkeypatch.setattr(scans, "load", lambda entry, grid: SCANS[entry.subject])


def rows_of(width: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    codec = replace(blur_codec(width), name=f"blur {width}")
    monkeypatch.setattr(vbm_command, "own_codec", lambda **options: codec)
    monkeypatch.setattr(vbm_command, "identity_of_model", lambda model: {"id": codec.name})
    output = tmp_path / "vbm.json"
    arguments = ["--split", "val", "--json", str(output)]
    done = CliRunner().invoke(vbm_command.vbm_command, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    written = json.loads(output.read_text())
    assert written["not_measured"] == ["ds002748_sub-02: registration failed"]
    assert len(written["pictures"]) == 3
    return [table["rows"][0] for table in written["tables"]]


@pytest.mark.usefixtures("command")
def test_a_failed_registration_is_said_and_blur_is_worse(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    same, slight, strong = (rows_of(width, monkeypatch, tmp_path) for width in (0, 0.4, 1.0))
    assert same[0][1] == "4"
    assert same[0][3:5] == ["0.00", "0"]
    assert same[1][6] == "1.0000"
    changes = [float(rows[0][6]) for rows in (same, slight, strong)]
    assert changes[0] == 0 < changes[1] < changes[2]
    correlations = [float(rows[1][6]) for rows in (same, slight, strong)]
    assert correlations == sorted(correlations, reverse=True)
    assert correlations[2] < 1


def test_a_t_map_is_drawn_on_the_template() -> None:
    pytest.importorskip("nilearn")
    pytest.importorskip("matplotlib")
    settings = VbmSettings(resolution=8)
    shape = template(8).shape
    values = np.zeros(shape)
    values[8:12, 8:12, 8:12] = 4.0
    picture = vbm_report.drawn("A map", TTest(values, 3, values > 3), settings)
    assert base64.b64decode(picture.png).startswith(b"\x89PNG")


def test_missing_libraries_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vbm_command, "missing", lambda: "antspyx is not installed")
    done = CliRunner().invoke(vbm_command.vbm_command, [])
    assert done.exit_code == 1
    assert "Error: antspyx is not installed" in done.output
