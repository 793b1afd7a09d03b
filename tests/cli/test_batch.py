from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vqcodec.cli.batch import run_jobs
from vqcodec.cli.console import Console
from vqcodec.cli.exits import Code

from . import slow_work
from .slow_work import SlowJob

ROOT = Path(__file__).parents[2]
INTERRUPTED_BATCH = """
import sys
from pathlib import Path
from tests.cli.slow_work import SlowJob, work
from vqcodec.cli.batch import run_jobs
from vqcodec.cli.console import Console
if __name__ == "__main__":
    jobs = [SlowJob(Path(sys.argv[1]) / str(n), 60.0) for n in range(4)]
    try:
        run_jobs(work, jobs, at_once=2, console=Console(), describe=lambda record: [])
    except KeyboardInterrupt:
        sys.exit(130)
"""


def describe(record: dict[str, str]) -> list[str]:
    return [record["source"]]


def test_several_jobs_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [SlowJob(tmp_path / str(n), fails=n == 1) for n in range(4)]
    code = run_jobs(slow_work.work, jobs, at_once=2, console=Console(), describe=describe)
    output, errors = capsys.readouterr()
    assert code == Code.SOME_FAILED
    assert sorted(output.split()) == [str(tmp_path / str(n)) for n in (0, 2, 3)]
    assert errors == f"vqz: {tmp_path / '1'}: is broken\n"


def test_a_worker_that_dies_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [SlowJob(tmp_path / str(n)) for n in range(2)]
    code = run_jobs(slow_work.die, jobs, at_once=2, console=Console(), describe=describe)
    assert code == Code.IO
    assert capsys.readouterr().err.count("a process died") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN, reason="started with Ctrl-C ignored"
)
def test_an_interrupt_ends_the_workers_cleanly(tmp_path: Path) -> None:
    script = tmp_path / "batch.py"
    script.write_text(INTERRUPTED_BATCH)
    process = subprocess.Popen(
        [sys.executable, script, tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: len(list(tmp_path.glob("*.held"))) == 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors == b""
    assert list(tmp_path.glob("*.held")) == []


def wait_until(condition: object, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)
