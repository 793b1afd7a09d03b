from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from vqcodec.formats.container import Container, pack

from .conftest import Vqz, make_scan

Capture = pytest.CaptureFixture[str]


def same_volume(one: Path, other: Path) -> bool:
    load: Any = nibabel.load
    first, second = load(one), load(other)
    same_header: bool = first.header.binaryblock == second.header.binaryblock
    return same_header and np.array_equal(first.dataobj, second.dataobj)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.hdr", "a.npy"])
def test_the_suffix_of_the_source_comes_back(vqz: Vqz, tmp_path: Path, name: str) -> None:
    source = make_scan(tmp_path / name)
    assert vqz("compress", source) == 0
    assert vqz("decompress", tmp_path / "a.vqz") == 73
    assert vqz("decompress", tmp_path / "a.vqz", "--output-dir", tmp_path / "back") == 0
    back = tmp_path / "back" / name
    if name.endswith(".npy"):
        np.testing.assert_array_equal(np.load(back), np.load(source))
    else:
        assert same_volume(back, source)


def test_it_says_what_it_did(vqz: Vqz, scan: Path, capsys: Capture) -> None:
    vqz("compress", scan, "-q")
    back = scan.with_name("back.nii.gz")
    assert vqz("decompress", scan.with_name("scan.vqz"), "-o", back) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"{scan.with_name('scan.vqz')} -> {back}: 12x14x13 int16, ")
    assert vqz("decompress", scan.with_name("scan.vqz"), "-o", back, "--json", "-f") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["shape"], record["dtype"], record["output"]) == (
        [12, 14, 13],
        "int16",
        str(back),
    )


def test_gz_may_change_but_the_format_may_not(vqz: Vqz, scan: Path, capsys: Capture) -> None:
    vqz("compress", scan)
    compressed = scan.with_name("scan.vqz")
    plain = scan.with_name("plain.nii")
    assert vqz("decompress", compressed, "-o", plain) == 0
    assert plain.read_bytes()[344:348] == b"n+1\0"
    assert same_volume(plain, scan)
    capsys.readouterr()
    for name in ("scan.mgz", "scan.img", "scan.npy", "scan", "scan.txt"):
        assert vqz("decompress", compressed, "-o", scan.with_name(name)) == 2
        assert "would be another format" in capsys.readouterr().err
        assert not scan.with_name(name).exists()


def test_a_tree_is_mirrored(vqz: Vqz, tmp_path: Path) -> None:
    for name in ("a.nii.gz", "s/b.npy"):
        make_scan(tmp_path / "in" / name)
    vqz("compress", "-r", tmp_path / "in", "--output-dir", tmp_path / "vqz")
    assert vqz("decompress", "-n", "-r", tmp_path / "vqz", "--output-dir", tmp_path / "out") == 0
    assert not (tmp_path / "out").exists()
    assert vqz("decompress", "-r", tmp_path / "vqz", "--output-dir", tmp_path / "out") == 0
    assert same_volume(tmp_path / "out" / "a.nii.gz", tmp_path / "in" / "a.nii.gz")
    assert (tmp_path / "out" / "s" / "b.npy").is_file()


def test_bad_files_fail_alone(vqz: Vqz, scan: Path, capsys: Capture) -> None:
    vqz("compress", scan)
    good = scan.with_name("scan.vqz")
    bad = {
        "empty.vqz": b"",
        "text.vqz": b"hello\n" * 100,
        "cut.vqz": good.read_bytes()[:-10],
        "noheader.vqz": pack(Container({}, ())),
        "suffix.vqz": pack(
            Container(
                {
                    "volume": {
                        "shape": [2, 2, 2],
                        "dtype": "<i2",
                        "format": "nifti1",
                        "suffix": "/../../evil.nii",
                    }
                },
                (),
            )
        ),
    }
    for name, data in bad.items():
        scan.with_name(name).write_bytes(data)
        capsys.readouterr()
        assert vqz("decompress", scan.with_name(name)) == 65, name
        errors = capsys.readouterr().err
        assert errors.startswith(f"vqz: {scan.with_name(name)}: ")
        assert errors.count("\n") == 1
    assert (
        vqz("decompress", *map(scan.with_name, bad), good, "--output-dir", scan.parent / "o") == 1
    )
    assert [path.name for path in (scan.parent / "o").iterdir()] == ["scan.nii.gz"]
    assert vqz("decompress", scan.with_name("gone.vqz")) == 66


def test_a_pair_is_not_half_overwritten(vqz: Vqz, tmp_path: Path) -> None:
    source = make_scan(tmp_path / "a.hdr")
    vqz("compress", source)
    (tmp_path / "b.img").write_text("precious")
    assert vqz("decompress", tmp_path / "a.vqz", "-o", tmp_path / "b.hdr") == 73
    assert (tmp_path / "b.img").read_text() == "precious"
    assert not (tmp_path / "b.hdr").exists()
