from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Vqz, make_scan

pytest.importorskip("matplotlib")

Capture = pytest.CaptureFixture[str]


def packed(vqz: Vqz, scan: Path) -> Path:
    assert vqz("compress", scan, "-q") == 0
    return scan.with_name(scan.name.partition(".")[0] + ".vqz")


def test_a_page_beside_the_file(vqz: Vqz, scan: Path, capsys: Capture) -> None:
    file = packed(vqz, scan)
    assert vqz("report", scan, file) == 0
    page = scan.with_name("scan.html")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "34.5" in page.read_text(encoding="utf-8")
    line = capsys.readouterr().out
    assert line.startswith(f"{page}: 1 of 1 scans, ")
    assert line.count("\n") == 1
    assert page.stat().st_size < 3e6
    assert vqz("report", scan, file) == 73
    assert "-f overwrites it" in capsys.readouterr().err
    assert vqz("report", scan, file, "-f", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["scans"][0]["figures"]["max_error"] == 0


def test_a_file_alone(vqz: Vqz, scan: Path, tmp_path: Path, capsys: Capture) -> None:
    file = packed(vqz, scan)
    target = tmp_path / "page.html"
    assert vqz("report", file, "-o", target) == 0
    assert "stated in the file" in target.read_text(encoding="utf-8")
    assert "measured now" not in target.read_text(encoding="utf-8")
    assert "foreground 34.50 dB" in capsys.readouterr().out


def test_two_volumes_need_no_vqz(vqz: Vqz, scan: Path) -> None:
    assert vqz("report", scan, scan) == 0
    assert "stated in the file" not in scan.with_name("scan.html").read_text(encoding="utf-8")


def test_a_folder_beside_its_sources(vqz: Vqz, tmp_path: Path, capsys: Capture) -> None:
    sources, folder = tmp_path / "study", tmp_path / "packed"
    for name in ("a.nii.gz", "sub/b.nii", "c.nii"):
        make_scan(sources / name)
    assert vqz("compress", "-r", sources, "--output-dir", folder, "-q") == 0
    (folder / "c.vqz").unlink()
    (folder / "sub" / "lone.vqz").write_bytes((folder / "a.vqz").read_bytes())
    (folder / "sub" / "b.vqz").write_bytes(b"damaged")
    assert vqz("report", "-r", sources, folder) == 1
    out, err = capsys.readouterr()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert out.startswith(f"{folder / 'report.html'}: 2 of 4 scans, ")
    assert "c.nii: has no VQZ file" in err
    assert "sub/b.vqz" in err
    for name in ("a.nii.gz", "sub/b.nii", "c.nii", "sub/lone.vqz"):
        assert f">{name}</a>" in page
    assert "has no VQZ file" in page
    assert page.index(">c.nii<") < page.index(">a.nii.gz<")
    assert vqz("report", "-r", folder, "-o", tmp_path / "alone.html") == 1
    assert "3 scans" in (tmp_path / "alone.html").read_text(encoding="utf-8")


def test_names_of_files_are_text(vqz: Vqz, tmp_path: Path) -> None:
    scan = make_scan(tmp_path / "<img src=x onerror=alert(1)>.nii")
    assert vqz("report", scan, scan, "-o", tmp_path / "page.html") == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.nii" in page


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["scan.nii.gz"], 2, "is no VQZ file; name its original first"),
        (["scan.nii.gz", "scan.nii.gz", "scan.nii.gz"], 2, "give one file or folder"),
        (["folder"], 2, "folders need it"),
        (["-r", "scan.nii.gz"], 2, "-r is for folders"),
        (["-r", "folder"], 66, "no files to work on"),
        (["gone.vqz"], 66, "gone.vqz: No such file"),
        (["scan.nii.gz", "scan.nii.gz", "-o", "scan.nii.gz", "-f"], 2, "would be overwritten"),
        (["scan.nii.gz", "other.nii"], 65, "has shape (13, 14, 12), the original (12, 14, 13)"),
        (["scan.nii.gz", "scan.nii.gz", "-o", "nowhere/a.html"], 73, "does not exist"),
    ],
)
def test_wrong_usage(
    vqz: Vqz,
    scan: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    from vqcodec.formats.volumes import read_volume, volume_from_array, write_volume

    monkeypatch.chdir(scan.parent)
    Path("folder").mkdir()
    turned = volume_from_array(read_volume(scan).array.transpose())
    write_volume(turned, "other.npy")
    words = [word.replace("other.nii", "other.npy") for word in arguments]
    assert vqz("report", *words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err
    assert not list(Path().rglob("*.html"))
