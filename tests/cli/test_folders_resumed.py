"""A folder converted again: what is done is kept, what has changed is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import vqcodec
from tests.folders.studies import tree
from vqcodec.folders.journal import JOURNAL_NAME, read_journal
from vqcodec.folders.lock import LOCK_NAME, locked

from .conftest import Vqz, encode
from .test_decompress import same_volume

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


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


def test_a_journal_that_is_damaged_is_told(
    vqz: Vqz, study: Path, tmp_path: Path, capsys: Capture
) -> None:
    command = ("compress", "-r", study, "--output-dir", tmp_path / "out")
    vqz(*command)
    path = tmp_path / "out" / JOURNAL_NAME
    path.write_bytes(path.read_bytes().replace(b'"source"', b'"sauce"', 1))
    assert vqz(*command) == 65
    assert f"line 2 of {path} is damaged" in capsys.readouterr().err
