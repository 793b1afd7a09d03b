"""Rate differences of stand-ins on a small scan: the table, the judge, the command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import bd_rate_command as command
from benchmarks import bd_rate_scan, rate_tables, scans
from benchmarks.bd_rate import Difference, Reached
from benchmarks.bd_rate_report import notes, requirements, table
from benchmarks.bd_rate_scan import ScanResult, measured_scan, on_best_axis
from benchmarks.own_curve import NoEffortError, OwnCodec, own_codec
from benchmarks.peers_masked import MASKED_NAME
from benchmarks.report import judged
from vqcodec.errors import LimitExceededError

from .stubs import made_scan, rounded, stub_peer

pytest.importorskip("bjontegaard", reason="the extra 'bench' is not installed")

SCAN = made_scan()
LEVELS = (2, 4, 8, 16, 32)


def half_codec(lowest: float = 0.0) -> OwnCodec:
    """A codec that writes half the bytes of the stub peer at each of its settings."""
    kept: dict[bytes, int] = {}

    def encode(values: object, aim: Mapping[str, float | None]) -> bytes:
        levels = int(aim["ratio"] or 0)
        if levels < lowest:
            raise LimitExceededError("cannot be that small")
        data = bytes([levels]) + bytes(10 * levels - 1)
        kept[data] = levels
        return data

    return OwnCodec("vqcodec", encode, lambda data: rounded(SCAN.values, kept[data]))


@pytest.fixture
def small_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates that a scan of 24x26x22 voxels has."""
    monkeypatch.setattr(bd_rate_scan, "RATIOS", LEVELS)
    monkeypatch.setattr(bd_rate_scan, "LOW_PERCENT", SCAN.percent(10 * LEVELS[0]))
    monkeypatch.setattr(bd_rate_scan, "HIGH_PERCENT", SCAN.percent(20 * LEVELS[-1]))


def result(scan: str = "oasis_1", whole_head: bool = False, **changed: float) -> ScanResult:
    percents = {"SVT-AV1 p4": -46.0, MASKED_NAME: -21.0, "x265 slow": -50.0, "SPERR 3D": -61.0}
    percents |= changed
    differences = {name: Difference(value, 27.0, 36.0) for name, value in percents.items()}
    group = scan.partition("_")[0]
    similar = Reached(0.11), Reached(0.06)
    return ScanResult(scan, group, whole_head, (), (), differences, *similar)


def verdicts(results: list[ScanResult]) -> list[bool | None]:
    return [demand.met for demand in requirements(results)]


@pytest.mark.usefixtures("small_rates")
def test_half_the_bytes_are_minus_fifty(tmp_path: Path) -> None:
    said: list[str] = []
    found = measured_scan(SCAN, half_codec(), [stub_peer()], True, said.append, tmp_path)
    assert found.differences["stub"].percent == pytest.approx(-50)
    assert said == ["oasis_1: vqcodec", "oasis_1: stub"]
    assert found.notes == ()
    assert json.dumps(found.record())


@pytest.mark.usefixtures("small_rates")
def test_what_fails_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    def fail(values: object, setting: float, axis: int) -> bytes:
        raise RuntimeError("it broke")

    peers = [replace(stub_peer("broken"), encode=fail), stub_peer()]
    found = measured_scan(SCAN, half_codec(lowest=4), peers, True, cache=tmp_path)
    assert found.notes == ("vqcodec, ratio 2: cannot be that small", "broken: it broke")
    assert list(found.differences) == ["stub"]
    printed = table([found], ["broken", "stub"])
    assert printed.splitlines()[1].split()[:3] == ["oasis_1", "-", "-50.0"]


@pytest.mark.usefixtures("small_rates")
def test_peers_alone_fill_the_cache(tmp_path: Path) -> None:
    seen: list[tuple[float, int]] = []
    peer = stub_peer(seen=seen)
    first = measured_scan(SCAN, None, [peer], True, cache=tmp_path)
    assert len(seen) == len(LEVELS)
    assert measured_scan(SCAN, None, [peer], True, cache=tmp_path) == first
    assert len(seen) == len(LEVELS)
    assert (first.points, first.differences) == ((), {})


@pytest.mark.usefixtures("small_rates")
def test_curves_without_a_reference_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_tables, "PLOT_RATES", (SCAN.percent(60),))
    found = measured_scan(SCAN, half_codec(), [stub_peer()], True, cache=tmp_path)
    other = replace(found, scan="other_1", group="other")
    for chosen, title in ([found], "mean of 1 (oasis)"), ([other, other], "mean of 2 (other)"):
        plots = rate_tables.curve_plots(chosen)
        assert all(plot.title.endswith(title) for plot in plots)
        assert [one.name for one in plots[0].series] == ["vqcodec", "stub"]
    assert rate_tables.curve_plots([]) == []


@pytest.mark.usefixtures("small_rates")
def test_what_a_file_of_some_size_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at, beyond = SCAN.percent(60), SCAN.percent(1 << 30)
    monkeypatch.setattr(rate_tables, "TABLE_RATES", (at, beyond))
    found = measured_scan(SCAN, half_codec(), [stub_peer()], True, cache=tmp_path)
    others = replace(found, scan="oasis_2", curves=())
    psnr, similarity = rate_tables.equal_bytes_tables([found], ["stub", "SZ3"])
    assert psnr.columns == ("file", "vqcodec", "stub", "SZ3")
    wanted = found.curves[0].at(at)
    assert psnr.rows[0][2:] == (f"{wanted.psnr_foreground:.2f}", "-")
    assert similarity.rows[0][2:] == (f"{wanted.ms_ssim:.4f}", "-")
    assert float(psnr.rows[0][1]) > float(psnr.rows[0][2])
    assert psnr.rows[1][1:] == ("-", "-", "-")
    assert rate_tables.equal_bytes_tables([found, others], ["stub"])[0].rows[0][2] == "-"


def test_a_probe_finds_the_best_axis(tmp_path: Path) -> None:
    seen: list[tuple[float, int]] = []
    peer = stub_peer(axes=(2, 0, 1), seen=seen)
    assert on_best_axis(peer, SCAN, tmp_path).axes == (0,)
    assert seen == [(8, 2), (8, 0), (8, 1)]
    assert on_best_axis(stub_peer(axes=(2,)), SCAN, tmp_path).axes == (2,)


def test_all_requirements_met() -> None:
    results = [result(), result("other_1"), result("head_1", True, **{"SVT-AV1 p4": -1.0})]
    assert verdicts(results) == [True] * 8
    said = judged(requirements(results), 10)
    assert "MISSED" not in said
    assert "on oasis at most -35 %: -46.0 %, met; goal -45 % met" in said
    assert "MS-SSIM 0.998 on oasis at most 0.12 %, own grid" in said
    assert "on head (whole heads) at most 0 %: -1.0 %, met" in said
    assert "own grid: 0.1100 %, met; largest 0.1100 %" in said


@pytest.mark.parametrize(
    ("index", "changed", "words"),
    [
        (0, result(**{"SVT-AV1 p4": -33.0}), "missed by 2.0 points; goal -45 % missed by 12.0"),
        (1, result(**{MASKED_NAME: -18.0}), "-18.0 %, missed by 2.0 points"),
        (2, result(**{"x265 slow": -44.0}), "missed by 1.0 points"),
        (3, result(**{"SPERR 3D": 3.0}), "+3.0 %, missed by 63.0 points"),
        (4, replace(result(), similar=Reached(0.125)), "0.1250 %, missed by 0.005 points"),
        (4, replace(result(), similar=None), "not reached on 1 of 1 scans"),
        (5, replace(result(), similar_paper=Reached(0.2)), "missed by 0.080 points"),
    ],
)
def test_each_requirement_on_the_reference_can_be_missed(
    index: int, changed: ScanResult, words: str
) -> None:
    assert [place for place, met in enumerate(verdicts([changed])) if met is False] == [index]
    assert words in requirements([changed])[index].found


def test_other_sources_have_their_own_bars() -> None:
    stripped = result("other_1", **{"SVT-AV1 p4": -14.0})
    heads = result("head_1", True, **{"SVT-AV1 p4": 0.5})
    found = requirements([result(), stripped, heads])
    assert (found[4].met, found[4].found) == (False, "-14.0 %, missed by 1.0 points")
    assert (found[5].met, found[5].found) == (False, "+0.5 %, missed by 0.5 points")


def test_the_reference_is_judged_on_its_mean_and_only_where_all_scans_have_one() -> None:
    results = [result(**{"SVT-AV1 p4": -30.0}), result("oasis_2", **{"SVT-AV1 p4": -44.0})]
    assert requirements(results)[0].found.startswith("-37.0 %, met")
    bare = replace(result("oasis_3"), differences={})
    assert verdicts([*results, bare])[:4] == [None] * 4
    assert verdicts([]) == [None] * 6


def test_the_table_has_scans_and_means() -> None:
    results = [result(), result("oasis_2", **{"x265 slow": -40.0}), result("other_1")]
    printed = table(results, command.JUDGED_PEERS).splitlines()
    assert [line.split()[0] for line in printed[1:]] == [
        *("oasis_1", "oasis_2", "oasis:", "other_1", "other:")
    ]
    assert printed[3].split()[4:] == ["-46.0", "-21.0", "-45.0", "-61.0", "0.1100", "0.0600"]


def test_a_narrow_overlap_is_said() -> None:
    narrow = replace(result(), differences={"SPERR 3D": Difference(-70.0, 30.0, 31.5)})
    assert notes([narrow]) == ["oasis_1: SPERR 3D shares only 1.5 dB with vqcodec"]


@pytest.mark.usefixtures("small_rates")
def test_the_command_says_what_is_missing_judges_and_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = scans.Entry("a.nii.gz", "test", "oasis_1", "O", "T1w", "")
    peers = [stub_peer("SVT-AV1 p4"), stub_peer("x265 slow", missing="ffmpeg is not installed")]
    monkeypatch.setenv("VQCODEC_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "chosen_peers", lambda names: peers)
    monkeypatch.setattr(command, "own_codec", lambda **options: half_codec())
    monkeypatch.setattr(scans, "entries", lambda *args, **named: [entry])
    monkeypatch.setattr(scans, "load", lambda entry, grid: SCAN)
    output = tmp_path / "results.json"
    done = CliRunner().invoke(
        command.bd_rate_command,
        ["--scans", "oasis_1", "--axes", "1", "--json", str(output)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    assert "x265 slow: not measured, ffmpeg is not installed" in done.output
    assert "MET     mean BD-rate to SVT-AV1 p4 on oasis at most -35 %: -50.0 %, met" in done.output
    assert "not measured  mean BD-rate to x265 slow" in done.output
    assert "judged on 1 of 10 scans of oasis" in done.output
    written = json.loads(output.read_text())
    assert written["settings"]["axes"] == "1"
    assert written["settings"]["model"]["id"] in done.output
    assert written["records"][0]["differences"]["SVT-AV1 p4"]["percent"] == pytest.approx(-50)


def test_the_command_says_that_there_is_no_effort_and_no_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**options: object) -> None:
        raise NoEffortError("effort 3: no such setting")

    monkeypatch.setattr(command, "own_codec", refuse)
    done = CliRunner().invoke(command.bd_rate_command, ["--effort", "3"])
    assert done.exit_code == 1
    assert "effort 3: no such setting" in done.output
    done = CliRunner().invoke(command.bd_rate_command, ["--effort", "10"])
    assert done.exit_code == 2
    monkeypatch.setattr(command, "bd_missing", lambda: "bjontegaard is not installed")
    done = CliRunner().invoke(command.bd_rate_command, [])
    assert "Error: bjontegaard is not installed" in done.output


def test_an_unknown_model_is_said() -> None:
    done = CliRunner().invoke(command.bd_rate_command, ["--model", "nothing"])
    assert done.exit_code == 1
    assert "no model 'nothing'" in done.output


def test_effort_is_passed_on_only_where_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, object]] = []

    class File:
        def to_bytes(self) -> bytes:
            return b""

    def encode(values: object, **options: object) -> File:
        seen.append(options)
        return File()

    monkeypatch.setattr("vqcodec.encode", encode)
    own_codec(model="a").encode(SCAN.values, {"ratio": 0.3})
    with pytest.raises(NoEffortError):
        own_codec(effort=3)

    def with_effort(values: object, *, effort: int = 5, **options: object) -> File:
        return encode(values, effort=effort, **options)

    monkeypatch.setattr("vqcodec.encode", with_effort)
    own_codec(effort=3).encode(SCAN.values, {"quality": 5})
    assert seen == [
        {"model": "a", "device": "auto", "force": False, "ratio": 0.3},
        {"model": None, "device": "auto", "force": False, "effort": 3, "quality": 5},
    ]


@pytest.mark.usefixtures("small_rates")
def test_a_run_goes_on_where_it_was_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = scans.Entry("a.nii.gz", "test", "oasis_1", "O", "T1w", "")
    monkeypatch.setenv("VQCODEC_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "chosen_peers", lambda names: [stub_peer("SVT-AV1 p4")])
    monkeypatch.setattr(scans, "entries", lambda *args, **named: [entry])
    monkeypatch.setattr(scans, "load", lambda entry, grid: SCAN)
    coded: list[float] = []
    half = half_codec()

    def encode(values: object, aim: Mapping[str, float | None]) -> bytes:
        coded.append(aim["ratio"] or 0)
        return half.encode(SCAN.values, aim)

    monkeypatch.setattr(command, "own_codec", lambda **options: replace(half, encode=encode))
    output = tmp_path / "results.json"

    def run(*words: str) -> object:
        arguments = ["--scans", "oasis_1", "--json", str(output), *words]
        done = CliRunner().invoke(command.bd_rate_command, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        return json.loads(output.read_text())["records"]

    first = run()
    assert coded == list(LEVELS)
    assert run() == first
    assert coded == list(LEVELS)
    run("--effort", "2")
    assert coded == 2 * list(LEVELS)
    monkeypatch.setattr(command, "sources_hash", lambda: "another program")
    run("--effort", "2")
    assert coded == 3 * list(LEVELS)


@pytest.mark.usefixtures("small_rates")
def test_curves_of_peers_are_taken_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = scans.Entry("a.nii.gz", "test", "oasis_1", "O", "T1w", "a hash")
    monkeypatch.setenv("VQCODEC_BENCH_CACHE", str(tmp_path / "cache"))
    names = {"both": ("SVT-AV1 p4", "x265 slow"), "one": ("SVT-AV1 p4",)}
    monkeypatch.setattr(
        command, "chosen_peers", lambda chosen: [stub_peer(name) for name in names[chosen[0]]]
    )
    monkeypatch.setattr(command, "own_codec", lambda **options: half_codec())
    monkeypatch.setattr(scans, "entries", lambda *args, **named: [entry])
    monkeypatch.setattr(scans, "load", lambda entry, grid: SCAN)
    monkeypatch.setattr(command, "started", lambda: {"date": "yesterday", "commit": "abc"})

    def run(which: str, *words: str) -> tuple[dict[str, object], str]:
        output = tmp_path / f"{which}.json"
        arguments = ["--scans", "oasis_1", "--json", str(output), *words]
        monkeypatch.setattr(command, "QUICK_PEERS", (which,))
        done = CliRunner().invoke(command.bd_rate_command, ["--quick", *arguments])
        assert done.exit_code == 0, done.output
        return json.loads(output.read_text()), done.output

    first, _ = run("both")
    again, said = run("one", "--peers-from", str(tmp_path / "both.json"))
    line = "x265 slow: curves of yesterday, commit abc"
    assert line in said
    assert line in again["not_measured"]  # type: ignore[operator]
    held, taken = (
        {curve["peer"]: curve for curve in document["records"][0]["curves"]}  # type: ignore[index]
        for document in (first, again)
    )
    assert taken == held
    (tmp_path / "other.json").write_text("{}")
    done = CliRunner().invoke(
        command.bd_rate_command, ["--quick", "--peers-from", str(tmp_path / "other.json")]
    )
    assert done.exit_code == 1
    assert "no results of bd-rate" in done.output
