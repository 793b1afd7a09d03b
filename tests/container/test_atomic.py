from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vqcodec.formats.atomic import write_atomically

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file modes")


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    return fail


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["scan.vqz", "a scan\nof two lines.vqz", "é" * 100, "-"])
def test_a_new_file_is_all_that_is_left(tmp_path: Path, name: str, overwrite: bool) -> None:
    write_atomically(tmp_path / name, b"\r\ndata", overwrite)
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"\r\ndata"


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("scan.vqz", b"data")
    assert names(tmp_path) == ["scan.vqz"]


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "scan.vqz"
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError) as caught:
        write_atomically(target, b"new")
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["scan.vqz"]


def test_an_existing_file_is_replaced_on_request(tmp_path: Path) -> None:
    target = tmp_path / "scan.vqz"
    target.write_bytes(b"old")
    write_atomically(target, b"new", overwrite=True)
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["scan.vqz"]


@pytest.mark.parametrize("without_links", [False, True])
def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_links: bool
) -> None:
    target = tmp_path / "scan.vqz"
    monkeypatch.setattr(os, "fsync", lambda _: target.write_bytes(b"theirs"))
    if without_links:
        monkeypatch.setattr(os, "link", raising(OSError(errno.EPERM, "no links here")))
    with pytest.raises(FileExistsError) as caught:
        write_atomically(target, b"ours")
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["scan.vqz"]


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", raising(OSError(errno.ENOTSUP, "no links here")))
    write_atomically(tmp_path / "scan.vqz", b"data")
    assert names(tmp_path) == ["scan.vqz"]
    assert (tmp_path / "scan.vqz").read_bytes() == b"data"


FAULTS = [
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    OSError(errno.EIO, os.strerror(errno.EIO)),
    KeyboardInterrupt(),
    MemoryError(),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault) or type(fault).__name__)
@pytest.mark.parametrize("step", ["fsync", "replace", "fdopen"])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_fault_leaves_the_folder_as_it_was(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: BaseException,
    step: str,
    old: bytes | None,
) -> None:
    target = tmp_path / "scan.vqz"
    if old is not None:
        target.write_bytes(old)
    before = names(tmp_path)
    monkeypatch.setattr(os, step, raising(fault))
    with pytest.raises(type(fault)) as caught:
        write_atomically(target, b"new", overwrite=True)
    assert names(tmp_path) == before
    if old is not None:
        assert target.read_bytes() == old
    if isinstance(caught.value, OSError):
        assert caught.value.filename == str(target)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault) or type(fault).__name__)
@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_fault_leaves_no_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException, step: str
) -> None:
    monkeypatch.setattr(os, step, raising(fault))
    with pytest.raises(type(fault)):
        write_atomically(tmp_path / "scan.vqz", b"new")
    assert names(tmp_path) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault) or type(fault).__name__)
def test_a_fault_without_hard_links_leaves_no_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    monkeypatch.setattr(os, "link", raising(OSError(errno.EPERM, "no links here")))
    monkeypatch.setattr(os, "replace", raising(fault))
    with pytest.raises(type(fault)):
        write_atomically(tmp_path / "scan.vqz", b"new")
    assert names(tmp_path) == []


@posix_only
def test_a_write_that_stops_half_way_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            write_atomically(tmp_path / "scan.vqz", bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert names(tmp_path) == []


@posix_only
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_mode_honours_umask(tmp_path: Path, mask: int) -> None:
    previous = os.umask(mask)
    try:
        write_atomically(tmp_path / "scan.vqz", b"data")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "scan.vqz").stat().st_mode) == 0o666 & ~mask


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "scan.vqz"
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(target, b"data")
    assert caught.value.filename == str(target)


def test_a_folder_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(FileExistsError):
        write_atomically(target, b"data")
    with pytest.raises(IsADirectoryError):
        write_atomically(target, b"data", overwrite=True)
    assert names(tmp_path) == ["folder"]


@posix_only
def test_a_special_file_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "fifo"
    os.mkfifo(target)
    with pytest.raises(OSError, match="Not a regular file"):
        write_atomically(target, b"data", overwrite=True)
    assert stat.S_ISFIFO(target.stat().st_mode)
    assert names(tmp_path) == ["fifo"]


@posix_only
def test_a_symbolic_link_is_followed_only_to_overwrite(tmp_path: Path) -> None:
    target, link = tmp_path / "scan.vqz", tmp_path / "link.vqz"
    link.symlink_to(target.name)
    with pytest.raises(FileExistsError):
        write_atomically(link, b"data")
    write_atomically(link, b"data", overwrite=True)
    assert link.is_symlink()
    assert target.read_bytes() == b"data"


@posix_only
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Not a regular file"):
        write_atomically("/dev/full", b"data", overwrite=True)
