"""Whole folders in and out: resumed, refused, reported; with a codec that keeps every voxel."""

from __future__ import annotations

import csv
import errno
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import vqcodec
from vqcodec.folders.fingerprint import fingerprint
from vqcodec.folders.journal import JOURNAL_NAME, read_journal
from vqcodec.folders.lock import LOCK_NAME, locked

from .conftest import Vqz, encode, make_scan
from .test_decompress import same_volume

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a small BIDS-like folder."""
    place = tmp_path / "study"
    for name in ("sub-01/anat/sub-01_T1w", "sub-02/anat/sub-02_T1w"):
        make_scan(place / f"{name}.nii.gz")
        (place / f"{name}.json").write_text('{"EchoTime": 0.003}')
    make_scan(place / "sub-02" / "pair.hdr")
    (place / "participants.tsv").write_text("participant_id\nsub-01\nsub-02\n")
    (place / ".bidsignore").write_text("extra\n")
    (place / ".git").mkdir()
    (place / ".git" / "config").touch()
    return place


def tree(folder: Path) -> dict[str, bytes]:
    """Content of every file, apart from journal and lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (JOURNAL_NAME, LOCK_NAME)
    }


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


def test_what_is_done_is_skipped(
    vqz: Vqz, study: Path, tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out", "--copy-others")
    assert vqz(*command) == 0
    before = tree(tmp_path / "out")
    capsys.readouterr()
    monkeypatch.setitem(vars(vqcodec), "encode", None)
    assert vqz(*command) == 0
    output, errors = capsys.readouterr()
    assert ["done", "before", "7"] in [line.split()[:3] for line in output.splitlines()]
    assert errors == ""
    assert tree(tmp_path / "out") == before
    assert vqz(*command, "-v") == 0
    assert capsys.readouterr().out.count("done already") == 7
    assert vqz(*command, "-n") == 0
    assert capsys.readouterr().out.count("done already") == 7


def test_one_bad_scan_stops_nothing(vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture) -> None:
    (study / "bad.nii.gz").write_text("no volume")
    (study / "gone.nii").symlink_to("nowhere")
    (study / "self.json").symlink_to("self.json")
    os.mkfifo(study / "pipe.tsv")
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out", "--copy-others")
    assert vqz(*command) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 4
    assert f"{study / 'gone.nii'}: No such file or directory" in errors
    assert f"{study / 'pipe.tsv'}: is not a regular file" in errors
    assert len(tree(tmp_path / "out")) == 7
    (study / "bad.nii.gz").unlink()
    make_scan(study / "bad.nii.gz")
    assert vqz(*command, "-q") == 1
    assert "bad.vqz" in tree(tmp_path / "out")


def test_a_changed_source_is_noticed_and_done_again_with_f(
    vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture
) -> None:
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out", "--copy-others")
    vqz(*command)
    before = tree(tmp_path / "out")
    scan = study / "sub-01/anat/sub-01_T1w.nii.gz"
    os.utime(scan)  # a new time alone is no change
    assert vqz(*command) == 0
    scan.write_bytes(scan.read_bytes()[:-8] + b"12345678")
    (study / "participants.tsv").write_text("participant_id\n")
    capsys.readouterr()
    assert vqz(*command) == 1
    errors = capsys.readouterr().err
    assert "has changed since it was compressed (-f does it again)" in errors
    assert "has changed since it was copied (-f does it again)" in errors
    assert tree(tmp_path / "out") == before
    scan.write_bytes((study / "sub-02/anat/sub-02_T1w.nii.gz").read_bytes())
    assert vqz(*command, "-f") == 0
    assert (tmp_path / "out" / "participants.tsv").read_text() == "participant_id\n"
    assert vqz(*command) == 0


def test_missing_and_damaged_results(
    vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture
) -> None:
    packed, back = tmp_path / "packed", tmp_path / "back"
    command = ("compress", "-r", study, "--output-dir", packed, "--copy-others")
    vqz(*command)
    whole = tree(packed)
    (packed / "sub-02/pair.vqz").unlink()
    (packed / "sub-01/anat/sub-01_T1w.json").unlink()
    damaged = packed / "sub-01/anat/sub-01_T1w.vqz"
    damaged.write_bytes(b"?" + damaged.read_bytes()[1:])
    capsys.readouterr()
    assert vqz(*command) == 0
    notes = capsys.readouterr().err
    assert "its result is missing; done again" in notes
    assert "sub-01_T1w.vqz has changed since it was written; done again" in notes
    assert tree(packed) == whole
    # What people may edit is not overwritten.
    (packed / "participants.tsv").write_text("corrected by hand")
    assert vqz(*command) == 1
    assert (packed / "participants.tsv").read_text() == "corrected by hand"
    unpack = ("decompress", "-r", packed, "--output-dir", back)
    assert vqz(*unpack) == 0
    (back / "sub-02/pair.img").write_bytes(b"edited")
    assert vqz(*unpack) == 1
    assert (back / "sub-02/pair.img").read_bytes() == b"edited"
    assert vqz(*unpack, "-f") == 0
    assert same_volume(study / "sub-02/pair.hdr", back / "sub-02/pair.hdr")


def test_other_options_are_refused(vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture) -> None:
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out")
    assert vqz(*command, "--quality", "3") == 0
    before = tree(tmp_path / "out")
    capsys.readouterr()
    assert vqz(*command, "--quality", "4", "--drop-air") == 73
    errors = capsys.readouterr().err
    assert "drop air not set, now True; quality 3.0, now 4.0" in errors
    assert errors.count("\n") == 1
    assert tree(tmp_path / "out") == before
    assert vqz(*command, "--quality", "4", "-n") == 73
    assert vqz(*command, "--quality", "3", "--force", "--device", "cpu") == 0
    assert vqz(*command, "--quality", "4", "-f") == 0
    assert encode.options["quality"] == 4.0  # type: ignore[attr-defined]


def test_files_of_others_are_kept(vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    (out / "sub-02").mkdir(parents=True)
    (out / "sub-02" / "pair.vqz").write_text("precious")
    (out / "participants.tsv").write_text("precious")
    (out / ".bidsignore").write_bytes((study / ".bidsignore").read_bytes())
    command = ("compress", "-r", study, "--output-dir", out, "--copy-others")
    assert vqz(*command) == 1
    assert capsys.readouterr().err.count("exists already (-f overwrites it)") == 2
    assert tree(out)["sub-02/pair.vqz"] == tree(out)["participants.tsv"] == b"precious"
    assert vqz(*command, "-f") == 0
    assert tree(out)["sub-02/pair.vqz"].startswith(b"\x89VQZ")


def test_what_was_begun_is_done_again(vqz: Vqz, study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("compress", "-r", study, "--output-dir", out)
    vqz(*command)
    whole = tree(out)
    # As a kill leaves it: a line torn, a result without its line, another one unfinished.
    lines = (out / JOURNAL_NAME).read_bytes().splitlines(keepends=True)
    begun = b"".join(line for line in lines if b'"begun"' in line or b'"run"' in line)
    (out / JOURNAL_NAME).write_bytes(begun + b'{"event": "done", "resu')
    (out / "sub-02" / ".vqz-0123.tmp").write_bytes(b"half")
    assert vqz(*command) == 0
    assert tree(out) == whole
    assert all(entry.result_is for entry in read_journal(out).entries.values())


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


def test_two_of_one_name_are_one_line(
    vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture
) -> None:
    make_scan(study / "scan.nii")
    make_scan(study / "scan.nii.gz")
    (study / "sub-02" / "pair.vqz").write_text("somebody's")
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out", "--copy-others")
    assert vqz(*command) == 1
    first, second = study / "scan.nii", study / "scan.nii.gz"
    errors = sorted(capsys.readouterr().err.splitlines())
    assert len(errors) == 2
    assert errors[0].startswith(f"vqz: {first}: would become scan.vqz, and so would {second}: ")
    assert len(tree(tmp_path / "out")) == 6


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


def test_an_unreadable_folder_is_told(
    vqz: Vqz, study: Path, tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    scandir = os.scandir

    def denied(path: Any) -> Any:
        if Path(path) == study / "sub-01":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    assert vqz("compress", "-r", study, "--output-dir", tmp_path / "out") == 1
    assert capsys.readouterr().err == f"vqz: {study / 'sub-01'}: Permission denied\n"
    assert len(tree(tmp_path / "out")) == 2


def test_the_output_may_lie_inside(vqz: Vqz, study: Path, capsys: Capture) -> None:
    command = ("compress", "-r", study, "--output-dir", study / "packed", "--copy-others")
    assert vqz(*command) == vqz(*command) == 0
    assert len(tree(study / "packed")) == 7
    assert vqz("compress", "-r", study, "--output-dir", study, "--copy-others") == 2
    assert "cannot be copied into itself" in capsys.readouterr().err
    assert vqz("compress", "-r", study / "sub-01", "--output-dir", study / "sub-01") == 0
    assert (study / "sub-01/anat/sub-01_T1w.vqz").is_file()


def test_one_run_at_a_time(vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with locked(out):
        assert vqz("compress", "-r", study, "--output-dir", out) == 73
    errors = capsys.readouterr().err
    assert f"another run (process {os.getpid()} on " in errors
    assert errors.count("\n") == 1
    assert tree(out) == {}
    (out / LOCK_NAME).write_text("process 1 on a machine that crashed")
    assert vqz("compress", "-r", study, "--output-dir", out) == 0


def test_a_full_disk_stops_the_run(
    vqz: Vqz, codec: ModuleType, study: Path, tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    save = codec.VQZ.save

    def fills_up(self: Any, path: Path, overwrite: bool = False) -> None:
        if "sub-02" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(self, path, overwrite)

    monkeypatch.setattr(codec.VQZ, "save", fills_up)
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out", "--copy-others")
    assert vqz(*command) == 74
    output, errors = capsys.readouterr()
    assert "No space left on device; run the same command again to go on" in errors
    assert ["not", "tried", "2"] in [line.split() for line in output.splitlines()]
    assert "sub-02/pair.vqz" not in tree(tmp_path / "out")
    monkeypatch.setattr(codec.VQZ, "save", save)
    assert vqz(*command) == 0
    assert len(tree(tmp_path / "out")) == 7


def test_a_journal_that_cannot_be_written_stops_the_run(
    vqz: Vqz, study: Path, tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    out = tmp_path / "out"
    fsync = os.fsync
    calls = []

    def fills_up(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fills_up)
    command = ("compress", "-r", study, "--output-dir", out)
    assert vqz(*command) == 74
    assert "stopped: cannot write the journal" in capsys.readouterr().err
    monkeypatch.setattr(os, "fsync", fsync)
    assert vqz(*command) == 0
    assert len(tree(out)) == 3


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_output(
    vqz: Vqz, study: Path, tmp_path: Path, monkeypatch: Patch, capsys: Capture, number: int
) -> None:
    open_file = os.open

    def denied(path: Any, *arguments: Any, **options: Any) -> int:
        if Path(path).name == LOCK_NAME:
            raise OSError(number, os.strerror(number), str(path))
        return open_file(path, *arguments, **options)

    monkeypatch.setattr(os, "open", denied)
    out = tmp_path / "out"
    assert vqz("compress", "-r", study, "--output-dir", out) == 73
    assert capsys.readouterr().err == f"vqz: cannot write {out}: {os.strerror(number)}\n"


def test_a_source_that_changes_while_it_is_read(
    vqz: Vqz, codec: ModuleType, study: Path, tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    scan = study / "sub-01/anat/sub-01_T1w.nii.gz"  # the first to be compressed
    changed: list[Path] = []

    def slowly(source: Any, **options: Any) -> Any:
        if not changed:
            changed.append(scan)
            status = scan.stat()
            data = bytearray(scan.read_bytes())
            data[-1] ^= 1
            scan.write_bytes(data)
            os.utime(scan, ns=(status.st_atime_ns, status.st_mtime_ns))
        return encode(source, **options)

    monkeypatch.setitem(vars(vqcodec), "encode", slowly)
    assert vqz("compress", "-r", study, "--output-dir", tmp_path / "out") == 1
    assert f"{scan}: changed while it was read" in capsys.readouterr().err
    assert len(tree(tmp_path / "out")) == 2


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


def test_a_journal_that_is_damaged_is_told(
    vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture
) -> None:
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out")
    vqz(*command)
    path = tmp_path / "out" / JOURNAL_NAME
    path.write_bytes(path.read_bytes().replace(b'"source"', b'"sauce"', 1))
    assert vqz(*command) == 65
    assert f"line 2 of {path} is damaged" in capsys.readouterr().err


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
