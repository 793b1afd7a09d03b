"""Kills, power cuts and truncation: an archive never loses what was committed."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import h5py
import pytest

from vqcodec.errors import FormatError
from vqcodec.formats import archive_writing
from vqcodec.formats.archive_opening import append_to_archive, create_archive
from vqcodec.formats.archive_reading import ArchiveFile
from vqcodec.formats.archive_tables import Kind, ScanFacts

ROOT = Path(__file__).parents[2]
FACTS = ScanFacts("0" * 64, {"psnr": 31.5})
KILLS = 10


def content(number: int) -> bytes:
    return random.Random(number).randbytes(100 + 37 * (number % 5))


def members(path: Path) -> int:
    """Read every member, by number, and return how many there are; HDF5 must agree."""
    archive = ArchiveFile(path)
    found = list(archive.snapshot.index.of_kind(Kind.SCAN))
    for number, member in enumerate(found):
        assert member.name == f"{number}.vqz"
        assert archive.read(member) == content(number)
    archive.close()
    with h5py.File(path, "r", locking=False) as file:
        assert len(file["members"]) == len(file["scans"]["psnr"]) == len(found)
    return len(found)


Event = tuple[int, bytes] | None
"""A write to a place, or None for a moment at which everything before is on the disk."""


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, list[Event], Path]:
    """An archive of three members, and every write of three appends of two commits each."""
    path = tmp_path / "a.h5"
    with create_archive(path, "test") as writer:
        for number in range(3):
            writer.add(f"{number}.vqz", Kind.SCAN, content(number), FACTS)
    before = path.read_bytes()
    events: list[Event] = []
    write_at, sync = archive_writing.write_at, archive_writing.sync

    def recording_write(file: BinaryIO, address: int, data: bytes) -> None:
        events.append((address, bytes(data)))
        write_at(file, address, data)

    def recording_sync(file: BinaryIO) -> None:
        events.append(None)
        sync(file)

    monkeypatch.setattr(archive_writing, "write_at", recording_write)
    monkeypatch.setattr(archive_writing, "sync", recording_sync)
    number = 3
    for _ in range(3):
        with append_to_archive(path, "test") as writer:
            for _ in range(2):
                for _ in range(2):
                    writer.add(f"{number}.vqz", Kind.SCAN, content(number), FACTS)
                    number += 1
                writer.commit()
    assert members(path) == number == 15
    return before, events, path


def applied(file: bytearray, event: Event, length: int | None = None) -> bytearray:
    if event is not None:
        address, data = event[0], event[1][:length]
        file.extend(bytes(max(0, address + len(data) - len(file))))
        file[address : address + len(data)] = data
    return file


def committed(events: list[Event]) -> int:
    """Members that must be there after some writes: each superblock adds two."""
    return 3 + 2 * sum(event is not None and event[0] == 0 for event in events)


def test_a_kill_between_and_inside_any_two_writes(
    history: tuple[bytes, list[Event], Path],
) -> None:
    before, events, path = history
    file = bytearray(before)
    for place, event in enumerate(events):
        least = committed(events[:place])
        cuts = [0] if event is None or event[0] == 0 else [0, 1, len(event[1]) // 2]
        for cut in cuts:
            path.write_bytes(applied(bytearray(file), event, cut))
            assert members(path) == least
        applied(file, event)
    path.write_bytes(file)
    assert members(path) == committed(events) == 15


def test_a_power_cut_that_loses_any_of_the_last_writes(
    history: tuple[bytes, list[Event], Path],
) -> None:
    """What was written since the last ``fsync`` may be on the disk or not, in any combination."""
    before, events, path = history
    durable = bytearray(before)
    pending: list[Event] = []
    done: list[Event] = []
    chance = random.Random(7)
    for event in events:
        if event is not None:
            pending.append(event)
            continue
        for _ in range(4):
            file = bytearray(durable)
            kept = [each for each in pending if chance.random() < 0.5]
            for each in kept:
                applied(file, each)
            path.write_bytes(file)
            assert members(path) == committed(done + kept)
        for each in pending:
            applied(durable, each)
        done, pending = done + pending, []
    assert pending == []


def test_writing_goes_on_after_a_crash(history: tuple[bytes, list[Event], Path]) -> None:
    before, events, path = history
    file = bytearray(before)
    for event in events[:4]:
        applied(file, event)
    path.write_bytes(file + b"half a member")
    here = members(path)
    with append_to_archive(path, "test") as writer:
        writer.add(f"{here}.vqz", Kind.SCAN, content(here), FACTS)
    assert members(path) == here + 1


def test_a_truncated_archive_is_refused(history: tuple[bytes, list[Event], Path]) -> None:
    _, _, path = history
    data = path.read_bytes()
    assert ArchiveFile(path).snapshot.end == len(data)
    for size in (0, 5, 47, 48, 511, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(FormatError):
            ArchiveFile(path)


def test_tables_take_a_bounded_part_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits of one member each, as of a study that grows day by day."""
    monkeypatch.setattr(archive_writing, "sync", lambda _: None)
    path, facts, total = tmp_path / "a.h5", ScanFacts("0" * 64), 400
    with create_archive(path, "test") as writer:
        pass
    with append_to_archive(path, "test") as writer:
        for number in range(total):
            writer.add(f"{number:04d}.vqz", Kind.SCAN, b"x", facts)
            writer.commit()
    index = ArchiveFile(path).snapshot.index
    tables = index.members.nbytes + index.scans.nbytes
    assert len(index.members) == total
    assert path.stat().st_size < 8 * (tables + (1 << 14))


LOOP = """
import random, sys
from vqcodec.formats.archive_tables import Kind, ScanFacts
from vqcodec.formats.archive_opening import append_to_archive
with append_to_archive(sys.argv[1], "test") as writer:
    number = int(sys.argv[2])
    print("ready", flush=True)
    while True:
        data = random.Random(number).randbytes(100 + 37 * (number % 5))
        writer.add(f"{number}.vqz", Kind.SCAN, data, ScanFacts("0" * 64, {"psnr": 31.5}))
        writer.commit()
        print(number, flush=True)
        number += 1
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_sigkill_at_random_moments(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with create_archive(path, "test"):
        pass
    here = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(path), str(here)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(OSError, match="another program"), append_to_archive(path, "test"):
            pass
        for _ in range(random.randrange(12)):
            process.stdout.readline()
        time.sleep(random.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=60)
        found = members(path)
        reported = [int(line) for line in rest.split()]
        assert found >= (reported[-1] + 1 if reported else here)
        here = found
    assert here > 0


@pytest.mark.parametrize("failing", [1, 2])
def test_a_disk_that_fails_while_a_commit_is_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The superblock may be the old one or the new one then; the file suits both."""
    path = tmp_path / "a.h5"
    with create_archive(path, "test") as writer:
        writer.add("0.vqz", Kind.SCAN, content(0), FACTS)
    sync, calls = archive_writing.sync, 0

    def failing_sync(file: BinaryIO) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(file)

    monkeypatch.setattr(archive_writing, "sync", failing_sync)
    with pytest.raises(OSError, match="error"), append_to_archive(path, "test") as writer:
        writer.add("1.vqz", Kind.SCAN, content(1), FACTS)
    assert members(path) == failing
    with append_to_archive(path, "test") as writer:
        writer.add(f"{failing}.vqz", Kind.SCAN, content(failing), FACTS)
    assert members(path) == failing + 1


def test_a_commit_that_failed_half_way_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.h5"
    with create_archive(path, "test") as writer:
        writer.add("0.vqz", Kind.SCAN, content(0), FACTS)
    write_at = archive_writing.write_at

    def failing_write(file: BinaryIO, address: int, data: bytes) -> None:
        if address == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        write_at(file, address, data)

    monkeypatch.setattr(archive_writing, "write_at", failing_write)
    with (
        pytest.raises(FormatError, match="open it again"),
        append_to_archive(path, "test") as writer,
    ):
        writer.add("1.vqz", Kind.SCAN, content(1), FACTS)
        with pytest.raises(OSError, match="error"):
            writer.commit()
    assert members(path) == 1
