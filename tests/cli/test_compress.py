from __future__ import annotations

import errno
import io
import json
import os
import sys
import zlib
from pathlib import Path
from types import ModuleType

import pytest

import vqcodec
from vqcodec.errors import LimitExceededError, ModelUnavailableError, VolumeError, VqzError
from vqcodec.formats.container import unpack
from vqcodec.formats.sections import SectionKind

from .conftest import Vqz, encode, make_scan

Patch = pytest.MonkeyPatch


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_scan_becomes_a_vqz_beside_it(
    vqz: Vqz, scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vqz("compress", scan) == 0
    assert files_in(scan.parent) == ["scan.nii.gz", "scan.vqz"]
    line = capsys.readouterr().out
    assert line.startswith(f"{scan} -> {scan.with_name('scan.vqz')}: ")
    for part in ("% of float32", "% of int16", "% of .nii.gz", "bit/voxel", "foreground 34.50 dB"):
        assert part in line
    assert line.count("\n") == 1


def test_the_gz_figure_is_left_out_for_other_sources(
    vqz: Vqz, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vqz("compress", make_scan(tmp_path / "a.nii")) == 0
    assert "% of .nii" not in capsys.readouterr().out


def test_options_reach_the_codec(vqz: Vqz, scan: Path) -> None:
    assert (
        vqz("compress", scan, "--ratio", "0.5", "--model", "m-1", "--device", "cpu", "--force") == 0
    )
    assert encode.options == {  # type: ignore[attr-defined]
        "model": "m-1",
        "quality": None,
        "ratio": 0.5,
        "target_bytes": None,
        "psnr": None,
        "max_error": None,
        "lossless": False,
        "effort": 5,
        "drop_air": False,
        "device": "cpu",
        "force": True,
    }
    assert vqz("compress", scan, "-f", "--bytes", "5000") == 0
    assert encode.options["target_bytes"] == 5000  # type: ignore[attr-defined]
    assert vqz("compress", scan, "-f", "--quality", "3.5") == 0
    assert encode.options["quality"] == 3.5  # type: ignore[attr-defined]
    assert vqz("compress", scan, "-f", "--psnr", "38", "--effort", "9") == 0
    assert encode.options["psnr"] == 38  # type: ignore[attr-defined]
    assert encode.options["effort"] == 9  # type: ignore[attr-defined]
    assert vqz("compress", scan, "-f", "--drop-air") == 0
    assert encode.options["drop_air"] is True  # type: ignore[attr-defined]


def test_free_text_is_dropped_and_listed(
    vqz: Vqz, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = make_scan(tmp_path / "scan.nii")
    raw = bytearray(scan.read_bytes())
    raw[148:156] = b"Jane Doe"
    scan.write_bytes(raw)
    assert vqz("compress", scan, "--strip") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split(maxsplit=1) == ["dropped", "descrip (8 bytes)"]
    assert err.count("\n") == 1
    assert "face" in err
    packed = scan.with_suffix(".vqz")
    assert b"Jane" not in vqz_header(packed)
    assert vqz("compress", scan, "--strip", "-f", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["dropped"] == ["descrip (8 bytes)"]
    assert err == ""
    assert vqz("compress", scan, "-f") == 0
    assert b"Jane" in vqz_header(packed)
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert err == ""


def vqz_header(path: Path) -> bytes:
    """The volume's header as stored in a VQZ file."""
    data = unpack(path.read_bytes()).section(SectionKind.VOLUME_HEADER)
    return zlib.decompress(data[1:]) if data[0] else data


def test_json_is_one_object_a_file(
    vqz: Vqz, scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vqz("compress", "--json", scan, scan.with_name("gone.nii")) == 1
    done, failed = sorted(map(json.loads, capsys.readouterr().out.splitlines()), key=len)[::-1]
    assert done["bytes"] == scan.with_name("scan.vqz").stat().st_size
    assert done["source_bytes"] == scan.stat().st_size
    assert done["figures"]["psnr_foreground"] == 34.5
    assert failed == {
        "code": 66,
        "error": "No such file or directory",
        "source": str(scan.with_name("gone.nii")),
    }


def test_quiet_and_verbose(vqz: Vqz, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vqz("compress", scan, "-q") == 0
    assert capsys.readouterr() == ("", "")
    assert vqz("compress", scan, "-f", "-v") == 0
    assert "model            stand-in" in capsys.readouterr().out


def test_existing_files_are_kept(vqz: Vqz, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = scan.with_name("scan.vqz")
    target.write_text("precious")
    assert vqz("compress", scan) == 73
    assert capsys.readouterr().err == f"vqz: {scan}: {target} exists already (-f overwrites it)\n"
    assert target.read_text() == "precious"
    assert vqz("compress", scan, "-f") == 0
    assert target.read_bytes().startswith(b"\x89VQZ")


def test_output_names(vqz: Vqz, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vqz("compress", scan, "-o", scan.with_name("other.vqz")) == 0
    assert vqz("compress", scan, "--output-dir", scan.with_name("new") / "deep") == 0
    assert files_in(scan.parent) == ["new/deep/scan.vqz", "other.vqz", "scan.nii.gz"]
    assert vqz("compress", scan, "-o", scan.parent) == 2
    assert vqz("compress", scan, "-o", scan) == 2
    assert vqz("compress", scan, "-o", scan, "-f") == 2
    assert vqz("compress", scan, scan, "-o", "x.vqz") == 2
    assert vqz("compress", scan, "-o", "x.vqz", "--output-dir", "y") == 2
    assert vqz("compress", scan, "-o", scan.with_name("no") / "x.vqz") == 73
    errors = capsys.readouterr().err.splitlines()
    assert all(line.startswith("vqz: ") for line in errors)
    assert len(errors) == 6


def test_a_tree_is_mirrored(vqz: Vqz, tmp_path: Path) -> None:
    for name in ("a.nii.gz", "s1/b.nii", "s1/t/c.npy", "s2/d.hdr"):
        make_scan(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").touch()
    assert vqz("compress", "-r", tmp_path / "in", "--output-dir", tmp_path / "out") == 0
    own = [".vqz-journal.jsonl", ".vqz-lock"]
    assert files_in(tmp_path / "out") == [*own, "a.vqz", "s1/b.vqz", "s1/t/c.vqz", "s2/d.vqz"]
    assert vqz("compress", "-r", tmp_path / "in" / "s1") == 0
    assert (tmp_path / "in" / "s1" / "t" / "c.vqz").is_file()


def test_two_sources_of_one_name_stop_everything(
    vqz: Vqz, scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_scan(scan.with_name("scan.nii"))
    assert vqz("compress", "-r", scan.parent) == 2
    assert "would both become" in capsys.readouterr().err
    assert not scan.with_name("scan.vqz").exists()


def test_a_dry_run_writes_nothing(vqz: Vqz, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vqz("compress", "-n", scan, "--output-dir", scan.with_name("out")) == 0
    target = scan.with_name("out") / "scan.vqz"
    assert capsys.readouterr().out == f"{scan} -> {target}\n"
    assert files_in(scan.parent) == ["scan.nii.gz"]
    assert vqz("compress", "-n", scan.with_name("gone.nii")) == 66


def test_one_failure_does_not_stop_the_others(
    vqz: Vqz, scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scan.parent / "text.nii").write_text("not a volume" * 100)
    (scan.parent / "empty.nii.gz").touch()
    assert vqz("compress", scan.parent / "text.nii", scan, scan.parent / "empty.nii.gz") == 1
    assert files_in(scan.parent).count("scan.vqz") == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in errors] == [
        str(scan.parent / "text.nii"),
        str(scan.parent / "empty.nii.gz"),
    ]
    assert vqz("compress", scan.parent / "text.nii", scan.parent / "empty.nii.gz") == 65


def test_vqz_files_are_not_compressed_again(vqz: Vqz, scan: Path) -> None:
    vqz("compress", scan)
    assert vqz("compress", scan.with_name("scan.vqz"), "-o", scan.with_name("x.vqz")) == 65


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (VolumeError("is a label image"), 65, "is a label image"),
        (LimitExceededError("too big"), 65, "too big"),
        (ModelUnavailableError("no model 'x'"), 69, "no model 'x'"),
        (VqzError("device 'cuda' is not there"), 69, "device 'cuda' is not there"),
        (FileNotFoundError(errno.ENOENT, "No such file"), 66, "No such file"),
        (PermissionError(errno.EACCES, "Permission denied"), 66, "Permission denied"),
        (OSError(errno.EIO, "Input/output error"), 74, "Input/output error"),
        (MemoryError(), 74, "not enough memory for a volume of this size"),
        (
            RuntimeError("two\nlines"),
            70,
            "unexpected RuntimeError: two lines; this is a bug, please report it",
        ),
    ],
)
def test_every_error_is_one_line_and_a_code(
    vqz: Vqz,
    scan: Path,
    monkeypatch: Patch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    text: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setitem(vars(vqcodec), "encode", fail)
    assert vqz("compress", scan) == code
    assert capsys.readouterr().err == f"vqz: {scan}: {text}\n"
    monkeypatch.setenv("VQZ_DEBUG", "1")
    assert vqz("compress", scan) == code
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, 74), (errno.EIO, 74), (errno.EACCES, 73), (errno.EROFS, 73)],
)
def test_errors_of_writing(
    vqz: Vqz,
    codec: ModuleType,
    scan: Path,
    monkeypatch: Patch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    code: int,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(codec.VQZ, "save", fail)
    assert vqz("compress", scan) == code
    target = scan.with_name("scan.vqz")
    reason = os.strerror(number)
    assert capsys.readouterr().err == f"vqz: {scan}: cannot write {target}: {reason}\n"


def test_progress_is_for_terminals(
    vqz: Vqz, scan: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_scan(scan.with_name("other.nii"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert vqz("compress", scan, other) == 0
    output, errors = capsys.readouterr()
    assert f"{other} (1 of 2 done" in errors
    assert output.count("\n") == 2
    assert vqz("compress", scan, other, "-q", "-f") == 0
    assert capsys.readouterr() == ("", "")


def test_ctrl_c(
    vqz: Vqz, scan: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(vars(vqcodec), "encode", fail)
    assert vqz("compress", scan, scan.with_name("next.nii")) == 130
    assert capsys.readouterr().err == "vqz: interrupted\n"
    assert files_in(scan.parent) == ["scan.nii.gz"]


def stdin_of(monkeypatch: Patch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_streams(
    vqz: Vqz,
    scan: Path,
    monkeypatch: Patch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    stdin_of(monkeypatch, scan.read_bytes())
    assert vqz("compress", "-", "--suffix", ".nii.gz") == 0
    compressed, report = capsysbinary.readouterr()
    assert compressed.startswith(b"\x89VQZ")
    assert report.startswith(b"- -> -: ")
    stdin_of(monkeypatch, compressed)
    assert vqz("decompress", "-", "-q") == 0
    assert read(capsysbinary.readouterr().out) == read(scan.read_bytes())
    assert vqz("compress", scan, "-o", "-", "-q") == 0
    assert capsysbinary.readouterr().out.startswith(b"\x89VQZ")
    stdin_of(monkeypatch, scan.read_bytes())
    assert vqz("compress", "-", "-o", scan.with_name("s.vqz"), "-q") == 0
    assert scan.with_name("s.vqz").is_file()


def read(data: bytes) -> bytes:
    import gzip

    return gzip.decompress(data)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-", "scan.nii.gz"],
        ["-", "--output-dir", "x"],
        ["scan.nii.gz", "--suffix", ".nii"],
        ["scan.nii.gz", "--ratio", "0.5", "--bytes", "9"],
        ["scan.nii.gz", "--ratio", "0"],
        ["scan.nii.gz", "--psnr", "40", "--quality", "3"],
        ["scan.nii.gz", "--psnr", "0"],
        ["scan.nii.gz", "--psnr", "nan"],
        ["scan.nii.gz", "--quality", "21"],
        ["scan.nii.gz", "--effort", "0"],
        ["scan.nii.gz", "--effort", "10"],
        ["scan.nii.gz", "--effort", "2.5"],
        ["scan.nii.gz", "--bytes", "many"],
        ["scan.nii.gz", "--device", "tpu"],
        ["scan.nii.gz", "-q", "-v"],
        ["scan.nii.gz", "-j", "0"],
        [],
    ],
)
def test_wrong_usage(
    vqz: Vqz,
    scan: Path,
    monkeypatch: Patch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(scan.parent)
    assert vqz("compress", *arguments) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("vqz: compress: ")
    assert errors.count("\n") == 1
    assert files_in(scan.parent) == ["scan.nii.gz"]


def test_names_cannot_break_lines(
    vqz: Vqz, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vqz("compress", make_scan(tmp_path / "a\nb\x1b[31m.nii")) == 0
    assert vqz("compress", tmp_path / "gone\x1b[31m.nii") == 66
    output, errors = capsys.readouterr()
    assert output.count("\n") == errors.count("\n") == 1
    assert "\x1b" not in output + errors
