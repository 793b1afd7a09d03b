"""The token benchmark: its arithmetic, its verdicts and its command, with a stub model."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import benchmarks.__main__ as command
import benchmarks.tokens_command as tokens_command
from benchmarks import scans
from benchmarks.report import judged
from benchmarks.tokens import (
    PAPER_FLOAT32_BYTES,
    NoTokensError,
    TokenResult,
    measured_tokens,
    token_codec,
)
from benchmarks.tokens_report import (
    codebook_table,
    requirements,
    sets_of,
    summary,
    table,
)
from vqcodec.errors import VolumeError

from .stubs import made_scan, rounded
from .token_stubs import evenly, stub_token_codec, token_result

SCAN = made_scan()
TINY = Path(__file__).parents[1] / "vectors" / "model-tiny-paper.safetensors"


def verdicts(results: list[TokenResult], grid: str = "own") -> list[bool | None]:
    return [demand.met for demand in requirements(results, grid)]


def test_bytes_rates_and_log_mmd() -> None:
    found = measured_tokens(SCAN, "test", stub_token_codec(nbytes=60), 9.0)
    assert found.nbytes == 120
    assert found.raw == 2 * 16**3 + 3 * 4**3 + 4
    assert found.written == {"fine": 16**3, "middle": 3 * 32, "coarse": 4}
    assert found.percent(found.nbytes) == pytest.approx(SCAN.percent(120))
    assert found.bits_per_voxel == pytest.approx(8 * 120 / SCAN.values.size)
    assert found.percent_paper == pytest.approx(100 * 120 / PAPER_FLOAT32_BYTES)
    error = SCAN.values.astype(np.float64) - rounded(SCAN.values, 16)
    assert found.log_mmd == pytest.approx(math.log(np.sum(error**2)))
    assert found.figures is not None
    assert found.figures.max_error == pytest.approx(np.abs(error).max())


def test_the_papers_float32_volume() -> None:
    assert PAPER_FLOAT32_BYTES == 37_748_736
    assert token_result(nbytes=PAPER_FLOAT32_BYTES // 4).percent_paper == pytest.approx(25.0)


def test_a_prefix_holds_fewer_codes() -> None:
    codec = stub_token_codec()
    whole, prefix = (measured_tokens(SCAN, "val", codec, quality) for quality in (9.0, 1.0))
    assert prefix.stages == (1, 1, 1)
    assert (prefix.raw or 0) < (whole.raw or 0)
    assert (prefix.log_mmd or 0) > (whole.log_mmd or 0)


def test_a_refused_scan_is_said_and_has_no_figures() -> None:
    def refuse(values: object, quality: float) -> bytes:
        raise VolumeError("comes back badly")

    found = measured_tokens(SCAN, "test", replace(stub_token_codec(), encode=refuse), 9.0)
    assert (found.note, found.nbytes, found.raw, found.figures) == (
        "comes back badly",
        None,
        None,
        None,
    )
    met = verdicts([token_result(), replace(found, model="stub")])
    assert met == [True, False, False, None, None]
    assert "comes back badly" in judged(requirements([found]), 1)


def test_a_whole_head_has_no_place_on_the_papers_grid() -> None:
    found = measured_tokens(replace(SCAN, whole_head=True), "val", stub_token_codec(), 9.0)
    assert found.percent_paper is None
    assert found.percent(found.nbytes) is not None


def test_all_requirements_met() -> None:
    results = [token_result(f"oasis_{number}") for number in range(10)]
    said = judged(requirements(results), len(results))
    assert verdicts(results) == [True] * 5
    assert "MISSED" not in said
    assert said.count("MET ") == 5
    assert "28.00 dB, goal reached" in said
    assert "0.99200; both zero-padded to 192x256x192: 0.99600" in said
    assert "judged on" not in said


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        (token_result(histograms=evenly(242)), [0]),
        (token_result(nbytes=60_001), [1]),
        (token_result(nbytes=113_247), [1, 2]),
        (token_result(decibel=23.9), [3]),
        (token_result(similarity=0.9899), [4]),
    ],
)
def test_each_requirement_can_be_missed(changed: TokenResult, missed: list[int]) -> None:
    met = verdicts([changed])
    assert [place for place, verdict in enumerate(met) if verdict is False] == missed
    assert "MISSED" in judged(requirements([changed]), 1)
    assert "judged on 1 of 10 scans of oasis" in judged(requirements([changed]), 1)


@pytest.mark.parametrize(
    "just_met",
    [
        token_result(histograms=evenly(244)),
        token_result(nbytes=60_000),
        token_result(decibel=24.0),
        token_result(similarity=0.99),
    ],
)
def test_a_requirement_just_met_is_met(just_met: TokenResult) -> None:
    assert verdicts([just_met]) == [True] * 5


def test_one_large_file_is_enough_to_miss_and_the_goal_is_not_the_requirement() -> None:
    results = [token_result("oasis_1", decibel=25.0), token_result("oasis_2", nbytes=60_100)]
    own = requirements(results)[1]
    assert own.met is False
    assert own.found == "largest of 2 0.3005 %, mean 0.2752 %"
    assert requirements(results)[3].found == "26.50 dB, goal not reached"


def test_entries_used_by_any_scan_count_once() -> None:
    upper = {name: counts[:, ::-1] for name, counts in evenly(200).items()}
    results = [token_result(histograms=evenly(200)), token_result("oasis_2", histograms=upper)]
    assert verdicts(results[:1])[0] is False
    assert verdicts(results)[0] is True


def test_only_oasis_scans_of_the_test_split_with_all_stages_are_judged() -> None:
    others = [
        token_result("niimath_T1w", decibel=10.0),
        token_result("oasis_3", split="val", decibel=10.0),
        token_result(quality=5.0, decibel=10.0),
    ]
    assert verdicts([token_result(), *others]) == [True] * 5
    assert verdicts(others) == [None] * 5
    assert "not measured" in judged(requirements(others), 0)


def test_on_the_papers_grid_the_own_grid_is_not_judged() -> None:
    assert verdicts([token_result()], grid="paper") == [True, None, True, True, True]


def test_sets_are_splits_and_the_data_sets_within() -> None:
    results = [
        token_result("oasis_1"),
        token_result("niimath_T1w"),
        token_result("ds002748_sub-61", split="val"),
    ]
    assert {name: len(members) for name, members in sets_of(results).items()} == {
        "test": 2,
        "test oasis": 1,
        "test niimath": 1,
        "val": 1,
    }


def test_the_tables_have_every_scan_quality_and_mean() -> None:
    results = [
        token_result("oasis_1", decibel=26.0),
        token_result("oasis_2", decibel=28.0),
        replace(token_result("oasis_1", quality=1.0, decibel=20.0), stages=(1, 1, 1)),
    ]
    printed = table(results)
    assert "stub, quality 9: 2, 3, 4 codes a fine, middle, coarse site" in printed
    assert "stub, quality 1: 1, 1, 1 codes" in printed
    (line,) = [line for line in summary(results).splitlines() if line.startswith("test, 9 (n = 2)")]
    assert "27.00" in line
    assert "209800" in line
    (fine,) = [line for line in codebook_table(results).splitlines() if "test, fine" in line]
    assert fine.split()[-7:] == ["2", "5120", "100.0", "100.0", "256.0", "256.0", "4.00"]


def test_the_command_measures_judges_and_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = scans.Entry("a.nii.gz", "test", "oasis_1", "O", "T1w", "")
    asked: list[object] = []
    monkeypatch.setattr(tokens_command, "registered", lambda: ["stub"])
    monkeypatch.setattr(tokens_command, "token_codec", lambda name, device: stub_token_codec(name))
    monkeypatch.setattr(scans, "entries", lambda *args, **named: asked.append(args) or [entry])
    monkeypatch.setattr(scans, "load", lambda entry, grid: asked.append(grid) or SCAN)
    output = tmp_path / "results.json"
    done = CliRunner().invoke(
        command.main,
        ["tokens", "--grid", "paper", "--json", str(output)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    assert asked == [(("val", "test"), ()), (192, 256, 192)]
    assert "natural logarithm" in done.output
    assert "MET     mean in-brain PSNR at least 24 dB (goal 27)" in done.output
    assert "judged on 1 of 10 scans" in done.output
    written = json.loads(output.read_text())
    assert written["machine"]["commit"]
    assert [one["quality"] for one in written["results"]] == [9.0, 5.0, 1.0]
    assert "histograms" not in written["results"][0]
    assert written["results"][0]["percent"] == pytest.approx(SCAN.percent(120))
    assert {use["level"] for use in written["codebooks"]} == {"fine", "middle", "coarse"}


def test_without_a_token_model_the_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_command, "registered", list)
    done = CliRunner().invoke(command.main, ["tokens"])
    assert done.exit_code == 1
    assert "no registered model is of family paper" in done.output


def test_a_model_of_another_family_has_no_tokens() -> None:
    with pytest.raises(NoTokensError, match="of family wavelet, not paper"):
        token_codec("vqcodec-t1-1")
    done = CliRunner().invoke(command.main, ["tokens", "--models", "no-such-model"])
    assert done.exit_code == 1
    assert "no-such-model" in done.output


def test_a_real_model_through_the_api() -> None:
    found = measured_tokens(SCAN, "test", token_codec(str(TINY), "cpu"), 9.0)
    assert found.note == ""
    assert found.stages == (2, 2, 3)
    assert found.raw == 2 * 16**3 + 2 * 4**3 + 3
    assert found.coded["fine"] < (found.nbytes or 0)
    assert 0 < found.written["fine"] < found.codes["fine"]
    assert found.histograms["middle"].shape == (2, 16)


def test_padding_a_stripped_scan_does_not_change_its_codes() -> None:
    codec = token_codec(str(TINY), "cpu")
    files = [codec.encode(values, 9.0) for values in (SCAN.values, np.pad(SCAN.values, 20))]
    own, padded = map(codec.tokens, files)
    assert all(np.array_equal(own.grids[level], padded.grids[level]) for level in own.grids)
    assert abs(len(files[0]) - len(files[1])) < 32
