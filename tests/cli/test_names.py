from __future__ import annotations

from pathlib import Path

import click
import pytest

from vqcodec.cli.exits import Code, Failed
from vqcodec.cli.names import (
    STREAM,
    check_distinct,
    check_target,
    find_files,
    is_volume,
    is_vqz,
    volume_name,
    vqz_name,
    written_with,
)


@pytest.mark.parametrize(
    ("volume", "name"),
    [
        ("scan.nii.gz", "scan.vqz"),
        ("scan.nii", "scan.vqz"),
        ("a/b.c/sub-1.T1w.nii.gz", "a/b.c/sub-1.T1w.vqz"),
        ("SCAN.NII.GZ", "SCAN.vqz"),
        ("scan.hdr", "scan.vqz"),
        ("brain.mgz", "brain.vqz"),
        ("x.npy", "x.vqz"),
        ("noext", "noext.vqz"),
        ("notes.txt", "notes.txt.vqz"),
        (".nii.gz", ".nii.gz.vqz"),
    ],
)
def test_names_of_compressed_files(volume: str, name: str) -> None:
    assert vqz_name(Path(volume)) == Path(name)


@pytest.mark.parametrize(
    ("compressed", "suffix", "name"),
    [
        ("a/scan.vqz", ".nii.gz", "a/scan.nii.gz"),
        ("scan.VQZ", ".mgz", "scan.mgz"),
        ("scan", ".nii", "scan.nii"),
        ("scan.v2.vqz", ".nii", "scan.v2.nii"),
    ],
)
def test_names_of_volumes(compressed: str, suffix: str, name: str) -> None:
    assert volume_name(Path(compressed), suffix) == Path(name)


def test_a_pair_is_two_files() -> None:
    assert written_with(Path("a.img")) == (Path("a.hdr"), Path("a.img"))
    assert written_with(Path("A.HDR")) == (Path("A.HDR"), Path("A.IMG"))
    assert written_with(Path("a.nii.gz")) == (Path("a.nii.gz"),)


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    names = ["b/2.nii", "b/1.nii.gz", "a.npy", ".hid/x.nii", "._a.nii", "n.txt", "p.hdr", "p.img"]
    for name in [*names, "lone.img", "c/old.vqz"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, failures = find_files([tmp_path], is_volume, recursive=True)
    relative = [str(each.relative) for each in found]
    assert relative == ["a.npy", "lone.img", "p.hdr", "b/1.nii.gz", "b/2.nii"]
    assert all(each.source == tmp_path / each.relative for each in found)
    assert failures == []
    found, _ = find_files([tmp_path], is_vqz, recursive=True)
    assert [str(each.relative) for each in found] == ["c/old.vqz"]


def test_folders_need_to_be_asked_for(tmp_path: Path) -> None:
    found, failures = find_files([tmp_path, STREAM], is_volume, recursive=False)
    assert [each.source for each in found] == [STREAM]
    assert [(path, error.code) for path, error in failures] == [(tmp_path, Code.NO_INPUT)]
    _, failures = find_files([tmp_path], is_volume, recursive=True)
    assert "no files" in failures[0][1].message


def test_one_file_is_not_written_twice(tmp_path: Path) -> None:
    def check(*pairs: tuple[str, str]) -> None:
        check_distinct([(Path(source), Path(target)) for source, target in pairs])

    check(("a.nii", "a.vqz"), ("b.nii", "b.vqz"), ("-", "-"))
    with pytest.raises(click.UsageError, match=r"a\.nii and x/\.\./a\.nii\.gz would both become"):
        check(("a.nii", "a.vqz"), ("x/../a.nii.gz", "x/../a.vqz"))
    with pytest.raises(click.UsageError, match=r"a\.nii is an input"):
        check(("a.nii", "a.nii"))
    with pytest.raises(click.UsageError, match=r"b\.img is an input"):
        check(("a.vqz", "b.hdr"), ("b.img", "c.vqz"))


def test_targets_are_checked_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    check_target(STREAM, False, False)
    check_target(tmp_path / "new", False, False)
    check_target(tmp_path / "there", True, False)
    check_target(tmp_path / "x" / "y" / "new", False, True)
    for target, overwrite, make_folders, reason in (
        ("there", False, False, "exists already"),
        ("dangling", False, False, "exists already"),
        (".", True, False, "is a folder"),
        ("x/new", False, False, "does not exist"),
        ("there/new", False, False, "is not a folder"),
        ("there/x/new", False, True, "is not a folder"),
    ):
        with pytest.raises(Failed, match=reason) as caught:
            check_target(tmp_path / target, overwrite, make_folders)
        assert caught.value.code == Code.CANNOT_CREATE
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(Failed, match="no permission"):
        check_target(tmp_path / "new", False, False)
