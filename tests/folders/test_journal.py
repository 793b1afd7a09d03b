from __future__ import annotations

import json
import os
import subprocess
import sys
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqcodec.errors import FormatError, UnsupportedError
from vqcodec.folders.fingerprint import Fingerprint
from vqcodec.folders.journal import JOURNAL_NAME, Entry, Journal, open_journal, read_journal
from vqcodec.folders.lock import FolderInUseError, locked

ROOT = Path(__file__).parents[2]
NAMES = st.text(st.characters(exclude_characters="\0/"), min_size=1, max_size=12) | st.binary(
    min_size=1, max_size=12
).map(os.fsdecode)
PRINTS = st.builds(Fingerprint, st.integers(0, 1 << 50), st.integers(), st.just("0" * 64))


def entries_of(names: list[str], prints: list[Fingerprint]) -> list[Entry]:
    begun = [Entry(name, f"{name}.nii", "compress", "0" * 16) for name in names]
    done = [
        Entry(name, f"{name}.nii", "compress", "0" * 16, each, each)
        for name, each in zip(names, prints, strict=False)
    ]
    return begun + done


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, max_size=4), prints=st.lists(PRINTS, max_size=4), data=st.data())
def test_whatever_is_torn_off_what_came_before_is_known(
    tmp_path: Path, names: list[str], prints: list[Fingerprint], data: st.DataObject
) -> None:
    path = tmp_path / JOURNAL_NAME
    path.unlink(missing_ok=True)
    entries = entries_of(names, prints)
    lengths = [0]
    journal = open_journal(tmp_path)
    for entry in entries:
        journal.note(entry)
        lengths.append(path.stat().st_size)
    journal.close()
    kept = data.draw(st.integers(0, lengths[-1]))
    path.write_bytes(path.read_bytes()[:kept])
    known = {
        entry.result: entry for entry, end in zip(entries, lengths[1:], strict=True) if end <= kept
    }
    assert read_journal(tmp_path).entries == known
    again = open_journal(tmp_path)
    assert again.entries == known
    more = Entry("more", "more.nii", "copy", "")
    again.note(more)
    again.close()
    assert read_journal(tmp_path).entries == {**known, "more": more}


@pytest.mark.parametrize(
    "line",
    ["{}", "[]", "nonsense", '{"event": "done", "result": "a"}', '{"event": "begun", "x": 1}'],
)
def test_a_damaged_line_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / JOURNAL_NAME).write_text(f"{line}\n")
    with pytest.raises(FormatError, match=r"line 1 of .* is damaged"):
        read_journal(tmp_path)
    with pytest.raises(FormatError, match=r"damaged"):
        open_journal(tmp_path)
    assert (tmp_path / JOURNAL_NAME).read_text() == f"{line}\n"


def test_a_newer_journal_is_told(tmp_path: Path) -> None:
    line = {"event": "run", "journal": 2, "options": "0", "settings": {}, "software": "9"}
    (tmp_path / JOURNAL_NAME).write_text(json.dumps(line) + "\n")
    with pytest.raises(UnsupportedError, match="newer"):
        read_journal(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_once() -> None:
    with FileIO("/dev/full", "wb") as stream:
        journal = Journal(stream=stream)
        with pytest.raises(OSError, match="No space left"):
            journal.note(Entry("a.vqz", "a.nii", "compress", "0" * 16))
        assert journal.entries == {}
        journal.close()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom vqcodec.folders.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUseError, match=f"process {holder.pid} on"), locked(tmp_path):
            pass
        holder.kill()
    with locked(tmp_path):
        pass
