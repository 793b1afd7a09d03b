"""Runs that end from outside: SIGKILL, Ctrl-C, and several processes."""

from __future__ import annotations

import csv
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vqcodec.trainer.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[2]
OVERRIDES = (
    "network.stem_channels=4",
    "network.codebook_size=8",
    "run.validation_steps=0",
    "run.picture_steps=0",
)
PATIENCE_S = 120

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX"),
    pytest.mark.slow,
]


def start(pack: Path, out: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vqcodec.cli", "train", "run", *arguments]
    return subprocess.Popen(
        [*command, "--pack", str(pack), "--out", str(out), "--device", "cpu"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not path.is_file():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def losses(out: Path) -> list[tuple[str, str]]:
    with (out / "log.csv").open(newline="") as file:
        return [(row["step"], row["loss"]) for row in csv.DictReader(file)]


def test_sigkill_loses_at_most_the_time_since_the_last_checkpoint(
    pack_path: Path, tmp_path: Path
) -> None:
    settings = ("tiny", *OVERRIDES, "run.checkpoint_steps=1")
    killed = start(pack_path, tmp_path / "killed", *settings, "run.steps=1000")
    wait_for(tmp_path / "killed" / "checkpoint.pt", killed)
    time.sleep(random.uniform(0.0, 1.0))
    killed.kill()
    killed.communicate()
    logged = len(losses(tmp_path / "killed"))
    saved = read_checkpoint(tmp_path / "killed" / "checkpoint.pt")["step"]
    assert saved >= 1
    assert logged - saved in (0, 1)
    last = f"run.steps={saved + 2}"
    resumed = start(pack_path, tmp_path / "killed", last, "--resume")
    whole = start(pack_path, tmp_path / "whole", *settings, last)
    for process in (resumed, whole):
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "whole")) == saved + 2


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN, reason="started with Ctrl-C ignored"
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_first(
    number: signal.Signals, code: int, pack_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = start(pack_path, out, "tiny", *OVERRIDES, "run.steps=1000")
    wait_for(out / "log.csv", process)
    assert not (out / "checkpoint.pt").exists()
    process.send_signal(number)
    printed, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, errors
    assert printed == ""
    assert errors == ("vqz: interrupted\n" if number == signal.SIGINT else "")
    assert read_checkpoint(out / "checkpoint.pt")["step"] == len(losses(out)) >= 1


def test_two_processes_train_one_model(pack_path: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    out = tmp_path / "run"
    ranks = [
        start(
            pack_path,
            out,
            "tiny",
            *OVERRIDES,
            "run.steps=3",
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            **common,
        )
        for rank in range(2)
    ]
    for process in ranks:
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
    state = read_checkpoint(out / "checkpoint.pt")
    assert (state["step"], state["samples"]) == (3, 6)
    first, second = state["random"]["torch"]
    assert not bool((first == second).all())
    assert [step for step, _ in losses(out)] == ["1", "2", "3"]
