"""Whole folders in and out, their names and reports; with a codec that keeps every voxel."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import pytest

from tests.folders.studies import tree
from vqcodec.folders.fingerprint import fingerprint

from .conftest import Vqz, make_scan
from .test_decompress import same_volume

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def test_there_and_back(vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture) -> None:
    packed, back = tmp_path / "packed", tmp_path / "back"
    assert vqz("compress", "-r", study, "--output-dir", packed, "--copy-others") == 0
    assert sorted(tree(packed)) == [
        ".bidsignore",
        "participants.tsv",
        "sub-01/anat/sub-01_T1w.json",
        "sub-01/anat/sub-01_T1w.vqz",
        "sub-02/anat/sub-02_T1w.json",
        "sub-02/anat/sub-02_T1w.vqz",
        "sub-02/pair.vqz",
    ]
    sidecar = "sub-01/anat/sub-01_T1w.json"
    assert (packed / sidecar).read_bytes() == (study / sidecar).read_bytes()
    assert (packed / sidecar).stat().st_mtime_ns == (study / sidecar).stat().st_mtime_ns
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["compressed", "3"] in [line[:2] for line in words]
    assert ["copied", "4"] in [line[:2] for line in words]
    assert vqz("decompress", "-r", packed, "--output-dir", back, "--copy-others") == 0
    assert set(tree(back)) == {name for name in tree(study) if not name.startswith(".git")}
    for name in ("sub-01/anat/sub-01_T1w.nii.gz", "sub-02/pair.hdr"):
        assert same_volume(study / name, back / name)
    assert (back / "participants.tsv").read_bytes() == (study / "participants.tsv").read_bytes()


def test_without_copy_others_only_volumes(vqz: Vqz, study: Path, tmp_path: Path) -> None:
    assert vqz("compress", "-r", study, "--output-dir", tmp_path / "out") == 0
    assert {Path(name).suffix for name in tree(tmp_path / "out")} == {".vqz"}


def test_names_of_every_kind(vqz: Vqz, tmp_path: Path, capsys: Capture) -> None:
    study, out = tmp_path / "stu dy", tmp_path / "o ut"
    names = ["with space", "new\nline", "Schädel-脳", os.fsdecode(b"latin-\xe9"), "-dash", "a'\"b"]
    for name in names:
        make_scan(study / name / f"{name}.nii")
        (study / name / f"{name}.json").write_text("{}")
    table = tmp_path / "report.csv"
    command = ("compress", "-r", study, "--output-dir", out, "--copy-others", "--report", table)
    assert vqz(*command) == 0
    assert {f"{name}/{name}{end}" for name in names for end in (".vqz", ".json")} == set(tree(out))
    capsys.readouterr()
    assert vqz(*command) == 0
    assert "done before     12" in capsys.readouterr().out
    with table.open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 12


def test_links_that_lead_in_circles(vqz: Vqz, study: Path, tmp_path: Path) -> None:
    (study / "sub-01" / "up").symlink_to(study)
    (study / "sub-01" / "down").symlink_to("anat")
    (study / "sub-01" / "anat" / "again").symlink_to("../../sub-01")
    assert vqz("compress", "-r", study, "--output-dir", tmp_path / "out") == 0
    assert sorted(tree(tmp_path / "out")) == [
        "sub-01/anat/sub-01_T1w.vqz",
        "sub-01/down/sub-01_T1w.vqz",
        "sub-02/anat/sub-02_T1w.vqz",
        "sub-02/pair.vqz",
    ]


def test_the_output_may_lie_inside(vqz: Vqz, study: Path, capsys: Capture) -> None:
    command = ("compress", "-r", study, "--output-dir", study / "packed", "--copy-others")
    assert vqz(*command) == vqz(*command) == 0
    assert len(tree(study / "packed")) == 7
    assert vqz("compress", "-r", study, "--output-dir", study, "--copy-others") == 2
    assert "cannot be copied into itself" in capsys.readouterr().err
    assert vqz("compress", "-r", study / "sub-01", "--output-dir", study / "sub-01") == 0
    assert (study / "sub-01/anat/sub-01_T1w.vqz").is_file()


def test_reports(vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture) -> None:
    (study / "bad.nii").write_text("no volume")
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out")
    assert vqz(*command, "--report", tmp_path / "r.json") == 1
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["summary"]["compressed"]["files"] == 3
    assert document["summary"]["failed"]["files"] == 1
    rows = {row["result"]: row for row in document["files"]}
    good = rows["sub-01/anat/sub-01_T1w.vqz"]
    assert good["source_sha256"] == fingerprint([Path(good["source"])]).sha256
    assert good["result_bytes"] == (tmp_path / "out" / good["result"]).stat().st_size
    assert rows["bad.vqz"]["status"] == "failed"
    assert "NIfTI" in rows["bad.vqz"]["note"]
    assert vqz(*command, "--report", tmp_path / "r.csv", "--json") == 1
    with (tmp_path / "r.csv").open(newline="") as stream:
        statuses = [row["status"] for row in csv.DictReader(stream)]
    assert sorted(statuses) == ["failed", "skipped", "skipped", "skipped"]
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()[-5:]]
    assert records[-1]["summary"]["done_before"]["files"] == 3


def test_only_files_that_match(vqz: Vqz, study: Path, tmp_path: Path) -> None:
    make_scan(study / "sub-01" / "func" / "sub-01_bold.nii.gz")
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out", "--copy-others")
    assert vqz(*command, "--match", "*_T1w.nii*") == 0
    found = tree(tmp_path / "out")
    for name in ("sub-01/func/sub-01_bold.nii.gz", "sub-02/pair.hdr", "sub-02/pair.img"):
        assert found[name] == (study / name).read_bytes()
    assert sum(name.endswith(".vqz") for name in found) == 2


def test_the_bar_says_how_far_it_is(
    vqz: Vqz, study: Path, tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    (study / "sub-01/anat/sub-01_T1w.json").write_bytes(b"0" * 100_000)
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out", "--copy-others")
    assert vqz(*command) == 0
    errors = capsys.readouterr().err
    for part in ("of 7 files", "files/min", "B/s", "left"):
        assert part in errors
    assert vqz(*command, "-q") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--copy-others"],
        ["--report", "r.csv", "-r"],
        ["--dask", "local", "--output-dir", "x"],
        ["-r", "--output-dir", "x", "--report", "r.txt"],
        ["-r", "--output-dir", "x", "--dask", "local", "--scheduler", "tcp://here:1"],
        ["-r", "--output-dir", "x", "-j", "2", "--scheduler", "tcp://here:1"],
        ["--match", "*"],
    ],
)
def test_wrong_usage(
    vqz: Vqz, scan: Path, monkeypatch: Patch, capsys: Capture, arguments: list[str]
) -> None:
    monkeypatch.chdir(scan.parent)
    assert vqz("compress", scan.parent, *arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_report_needs_its_folder(vqz: Vqz, study: Path, tmp_path: Path) -> None:
    report = tmp_path / "no" / "r.csv"
    assert vqz("compress", "-r", study, "--output-dir", tmp_path / "o", "--report", report) == 73
    assert not (tmp_path / "o").exists()
