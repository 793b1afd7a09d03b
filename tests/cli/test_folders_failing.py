"""What goes wrong in a folder: one line each, the rest done, nothing lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import vqcodec
from tests.folders.studies import tree
from vqcodec.folders.lock import LOCK_NAME

from .conftest import Vqz, encode, make_scan

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


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
