from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vqcodec
from vqcodec.cli.main import main

Capture = pytest.CaptureFixture[str]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/full and pipes of POSIX")


def test_version_and_help(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vqz {vqcodec.__version__}\n"
    assert main(["--help"]) == 0
    described = capsys.readouterr().out
    assert main([]) == 0
    assert capsys.readouterr().out == described
    assert "..." not in described.partition("Commands:")[2]


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--nonsense"], ["models", "nonsense"], ["info"]]
)
def test_wrong_usage_is_one_line(capsys: Capture, arguments: list[str]) -> None:
    assert main(arguments) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("vqz: ")
    assert "--help')" in errors
    assert errors.count("\n") == 1


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "vqcodec.cli", *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


@POSIX
def test_a_full_disk_under_stdout() -> None:
    with open("/dev/full", "wb") as full:
        done = run("--help", stdout=full)
    assert (done.returncode, done.stderr) == (
        74,
        b"vqz: standard output: No space left on device\n",
    )


@POSIX
def test_a_reader_that_left() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run("--help", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (74, b"")


@POSIX
def test_data_are_not_written_to_a_terminal(tmp_path: Path) -> None:
    parent, child = os.openpty()
    done = run("compress", str(tmp_path / "x.nii"), "-o", "-", stdout=child, stdin=child)
    os.close(child)
    os.close(parent)
    assert done.returncode == 2
    assert b"not written to a terminal" in done.stderr


def test_threads_wait_without_spinning_unless_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert main(["--version"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert main(["--version"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
