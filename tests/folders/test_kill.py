"""Runs that are killed at some moment go on where they were."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vqcodec.folders.names import OWN_PREFIX

from .studies import ENVIRONMENT, ROOT, converted, make_study, times_done, tree, vqz

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
SUBJECTS = 10


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        vqz(*arguments),
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_killed_three_times_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    study, out = make_study(tmp_path / "study", SUBJECTS), tmp_path / "out"
    command = ("compress", "-r", study, "--output-dir", out, "--copy-others", "-j", 2)
    moment = random.Random(6)
    for kill in range(3):
        running = start(*command)
        enough = moment.randrange(1, 5) + len(times_done(out))
        while len(times_done(out)) < enough:
            assert running.poll() is None, running.communicate()
            time.sleep(0.002)
        time.sleep(moment.random() * 0.05)
        running.kill()
        running.communicate(timeout=100)  # its workers hold the pipes: they have ended as well
        assert running.returncode == -signal.SIGKILL
        assert len(times_done(out)) < 2 * SUBJECTS, kill
    left = set(times_done(out))
    last = start(*command)
    output, errors = last.communicate(timeout=200)
    assert last.returncode == 0
    assert all(line.endswith(b"not finished; done again") for line in errors.splitlines())
    skipped = next(line for line in output.splitlines() if line.startswith(b"done before"))
    assert int(skipped.split()[2]) >= len(left)  # copies that were not noted are recognised
    assert set(times_done(out)) == set(tree(out))
    assert set(times_done(out).values()) == {1}
    assert tree(out) == converted(study)


def test_a_worker_that_is_killed_costs_one_retry(tmp_path: Path) -> None:
    study, out = make_study(tmp_path / "study", 6), tmp_path / "out"
    running = start("compress", "-r", study, "--output-dir", out, "-j", 2)
    while not times_done(out):
        time.sleep(0.01)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    if not children.exists():
        pytest.skip("no list of child processes here")
    commands = {
        int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.read_text().split()
    }
    worker = next(pid for pid, line in commands.items() if b"spawn_main" in line)
    unfinished = (out / next(iter(times_done(out)))).with_name(f"{OWN_PREFIX}left-by-a-worker.tmp")
    unfinished.write_bytes(b"half a result")
    subprocess.run(["kill", "-9", str(worker)], check=True)
    _, errors = running.communicate(timeout=200)
    assert (running.returncode, errors) == (0, b"")
    assert len(tree(out)) == 6
    assert set(times_done(out).values()) == {1}
