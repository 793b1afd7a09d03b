"""The comparison and its verdicts, with a stub codec and stub peers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import benchmarks.__main__ as command
from benchmarks import scans
from benchmarks.curves import Figures
from benchmarks.machine import described, machine
from benchmarks.rate_distortion import OURS, Codec, Result, compared
from benchmarks.report import averaged, judged, requirements, table
from vqcodec.errors import VolumeError

from .stubs import made_scan, stub_codec, stub_peer

SCAN = made_scan()
LOW, HIGH = SCAN.percent(60), SCAN.percent(500)


def result(codec: str, asked: float | None, decibel: float, scan: str = "oasis_1") -> Result:
    percent = 0.8 if asked is None else asked
    figures = Figures(decibel, decibel + 6, 0.999, 0.9996, 0.1)
    return Result(scan, scan.partition("_")[0], codec, asked, percent, figures, 2.0, 1.0)


def all_met() -> list[Result]:
    found = [result(OURS, None, 40.0)]
    for asked in (0.2, 0.35, 0.6):
        found.append(result(OURS, asked, 33.0))
        found.append(result("SVT-AV1 p4", asked, 32.0))
        found.append(result("SPERR 3D", asked, 29.5))
    similar = Figures(33.0, 39.0, 0.9994, 0.9998, 0.1)
    return [
        replace(one, figures=similar) if one.codec == OURS and one.asked == 0.35 else one
        for one in found
    ]


def verdicts(results: list[Result]) -> list[bool | None]:
    return [demand.met for demand in requirements(results)]


def test_peers_are_read_at_the_bytes_of_our_file(tmp_path: Path) -> None:
    codec = stub_codec(lambda asked: (asked or HIGH) * 0.97)
    found = compared(SCAN, codec, [stub_peer()], (LOW, HIGH, None), tmp_path)
    ours = [one for one in found if one.codec == OURS]
    theirs = [one for one in found if one.codec == "stub"]
    assert [one.asked for one in ours] == [LOW, HIGH, None]
    assert [one.percent for one in theirs] == [one.percent for one in ours]
    assert ours[0].percent == pytest.approx(LOW * 0.97, rel=0.01)
    assert theirs[0].figures is not None
    assert theirs[1].figures is not None
    assert theirs[0].figures.psnr_foreground < theirs[1].figures.psnr_foreground
    assert ours[0].encode_seconds is not None


def test_a_rate_outside_a_peers_points_is_left_open(tmp_path: Path) -> None:
    codec = stub_codec(lambda asked: asked or 50.0)
    found = compared(SCAN, codec, [stub_peer()], (LOW, None), tmp_path)
    theirs = [one for one in found if one.codec == "stub"]
    assert theirs[0].figures is not None
    assert theirs[1].figures is None
    assert "no points around" in theirs[1].note
    assert " - " in table(found).replace("\n", " ")


def test_a_refused_scan_is_said_and_fails(tmp_path: Path) -> None:
    def refuse(values: object, percent: object) -> bytes:
        raise VolumeError("another contrast")

    found = compared(SCAN, Codec(refuse, lambda data: SCAN.values), [stub_peer()], (0.2,), tmp_path)
    assert [one.note for one in found] == ["another contrast"]
    assert verdicts([*found, result(OURS, None, 40.0)])[0] is True
    assert verdicts([*found, replace(found[0], asked=None), result(OURS, None, 40.0)])[0] is False


def test_without_a_codec_peers_are_read_at_the_rates_asked_for(tmp_path: Path) -> None:
    found = compared(SCAN, None, [stub_peer()], (LOW, HIGH), tmp_path)
    assert [one.codec for one in found] == ["stub", "stub"]
    assert [one.percent for one in found] == [LOW, HIGH]
    assert "stub" in table(found)


def test_a_peer_that_fails_is_said(tmp_path: Path) -> None:
    def fail(values: object, setting: float, axis: int) -> bytes:
        raise RuntimeError("it broke")

    peers = [replace(stub_peer("broken"), encode=fail), stub_peer()]
    broken, sound = compared(SCAN, None, peers, (LOW,), tmp_path)
    assert broken.note == "broken failed: it broke"
    assert broken.figures is None
    assert sound.figures is not None


def test_all_requirements_met() -> None:
    assert verdicts(all_met()) == [True] * 7
    said = judged(requirements(all_met()), 10)
    assert "MISSED" not in said
    assert "+1.00 dB" in said


@pytest.mark.parametrize(
    ("index", "changed"),
    [
        (0, replace(result(OURS, None, 40.0), percent=0.8251)),
        (1, result("SVT-AV1 p4", 0.2, 33.1)),
        (2, result("SVT-AV1 p4", 0.35, 33.1)),
        (3, result("SVT-AV1 p4", 0.6, 33.1)),
        (4, result("SPERR 3D", 0.2, 30.1)),
        (5, result("SPERR 3D", 0.35, 30.1)),
        (6, result(OURS, 0.35, 33.0)),
    ],
)
def test_each_requirement_can_be_missed(index: int, changed: Result) -> None:
    kept = [one for one in all_met() if (one.codec, one.asked) != (changed.codec, changed.asked)]
    found = verdicts([*kept, changed])
    assert found[index] is False
    assert found.count(False) == 1


def test_a_peer_that_is_missing_leaves_its_requirements_open() -> None:
    found = [one for one in all_met() if one.codec != "SVT-AV1 p4"]
    assert verdicts(found)[1:4] == [None, None, None]
    assert "not measured" in judged(requirements(found), 10)
    assert verdicts([]) == [None] * 7


def test_means_are_over_the_group_only() -> None:
    results = [
        result(OURS, 0.2, 30.0, "oasis_1"),
        result(OURS, 0.2, 34.0, "oasis_2"),
        result(OURS, 0.2, 99.0, "other_1"),
    ]
    mean = averaged(results, "oasis", OURS, 0.2)
    assert mean.figures is not None
    assert mean.figures.psnr_foreground == pytest.approx(32.0)
    assert mean.scan == "oasis mean of 2"
    results.append(replace(result(OURS, 0.2, 30.0, "oasis_3"), figures=None, note="refused"))
    assert averaged(results, "oasis", OURS, 0.2).figures is None


def test_the_table_has_a_row_for_every_scan_and_rate() -> None:
    results = [*all_met(), result(OURS, 0.2, 27.0, "niimath_T1w")]
    printed = table(results)
    for words in ("0.2 % of float32", "0.35 % of float32", "default setting", "niimath_T1w"):
        assert words in printed
    assert printed.count("oasis mean of 1") == 4


def test_the_command_judges_and_writes_its_results(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = scans.Entry("a.nii.gz", "test", "oasis_1", "O", "T1w", "")
    peers = (stub_peer("SVT-AV1 p4"), stub_peer("SPERR 3D", missing="it is not installed"))
    codec = stub_codec(lambda asked: asked or 0.8)
    monkeypatch.setenv("VQCODEC_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "all_peers", lambda: peers)
    monkeypatch.setattr(command, "vqcodec_through_its_api", lambda device: codec)
    monkeypatch.setattr(scans, "entries", lambda *args, **named: [entry])
    monkeypatch.setattr(scans, "load", lambda entry, grid: SCAN)
    output = tmp_path / "results.json"
    done = CliRunner().invoke(
        command.main,
        ["rate-distortion", "--scans", "oasis_1", "--rates", "0.2", "--json", str(output)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    assert "SPERR 3D: not measured, it is not installed" in done.output
    assert "MET     mean in-brain PSNR at 0.2 % at least that of SVT-AV1 p4" in done.output
    assert "judged on 1 of 10 scans" in done.output
    written = json.loads(output.read_text())
    assert written["machine"]["commit"]
    assert [one["codec"] for one in written["records"]] == [OURS, "SVT-AV1 p4"]


def test_the_command_needs_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VQCODEC_DATA", str(tmp_path))
    done = CliRunner().invoke(command.main, ["peers", "--quick"])
    assert done.exit_code == 1
    assert "set VQCODEC_DATA" in done.output


def test_the_machine_is_described() -> None:
    record = machine()
    assert record["commit"] in described(record)
    assert f"numpy {record['numpy']}" in described(record)
