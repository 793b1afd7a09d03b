"""Whole folders through the command line: speed, memory, and what is left after kills."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OWN_FILES = (".vqz-journal.jsonl", ".vqz-lock")


@dataclass(frozen=True)
class Speed:
    """One uninterrupted run.

    Attributes
    ----------
    workers : int
    files : int
        Scans compressed.
    seconds : float
        Of the run, from the first file begun; loading the model is part of it.
    percent : float
        Bytes of the results, in percent of those of their sources.
    memory : float
        Most resident memory of a worker, in MiB.
    """

    workers: int
    files: int
    seconds: float
    percent: float
    memory: float

    @property
    def per_minute(self) -> float:
        """Files a minute."""
        return 60 * self.files / self.seconds


@dataclass(frozen=True)
class Kills:
    """What killing runs did to their results.

    Attributes
    ----------
    kills : int
        Runs killed while they worked.
    folders : int
        Output folders they worked on.
    done_before : int
        Files that were done at the kills, of all folders together.
    lost, doubled, corrupt, left : int
        Results missing at the end, made twice according to the journal, other than those of an
        uninterrupted run, and unfinished files left over.
    """

    kills: int
    folders: int
    done_before: int
    lost: int
    doubled: int
    corrupt: int
    left: int

    @property
    def sound(self) -> bool:
        """Whether nothing is lost, doubled, corrupt or left over."""
        return not (self.lost or self.doubled or self.corrupt or self.left)


def command(study: Path, out: Path, options: Sequence[str]) -> list[str]:
    """Command line of a run."""
    program = [sys.executable, "-m", "vqcodec.cli", "compress", "-q", "-r", str(study)]
    return [*program, "--output-dir", str(out), "--copy-others", *options]


def measured(study: Path, out: Path, workers: int, options: Sequence[str]) -> Speed:
    """Run once to the end, with an eye on the memory of the workers."""
    report = out.with_suffix(".json")
    more = ["-j", str(workers), "--report", str(report), *options]
    running = subprocess.Popen(command(study, out, more))
    most = 0.0
    while running.poll() is None:
        most = max([most, *_memory_of(running.pid, workers)])
        time.sleep(0.1)
    if running.returncode:
        raise RuntimeError(f"the run with {workers} workers ended with {running.returncode}")
    summary = json.loads(report.read_text())["summary"]
    line = summary["compressed"]
    percent = 100 * line["result_bytes"] / line["source_bytes"]
    return Speed(workers, line["files"], summary["seconds"], percent, most)


def killed(study: Path, place: Path, whole: Path, kills: int, options: Sequence[str]) -> Kills:
    """Kill runs at random moments, finish what they left, and look at the results.

    Parameters
    ----------
    study : Path
    place : Path
        Where output folders go.
    whole : Path
        Results of an uninterrupted run.
    kills : int
        Runs to kill.
    options : sequence of str
        Of the command.
    """
    moments = random.Random(0)
    wanted = tree(whole)
    faults: Counter[str] = Counter()
    done_before = folders = so_far = 0
    while so_far < kills:
        out = place / f"killed-{folders}"
        folders += 1
        while so_far < kills:
            done = len(times_done(out))
            if done == len(wanted):  # nothing left to interrupt
                break
            until = min(done + moments.randint(1, max(1, len(wanted) // 3)), len(wanted))
            if not _killed_at(command(study, out, options), out, until, moments.uniform(0, 0.2)):
                break
            so_far += 1
            done_before += len(times_done(out))
        subprocess.run(command(study, out, options), check=True)
        found, times = tree(out), times_done(out)
        faults["lost"] += len(wanted.keys() - found.keys())
        faults["left"] += len(found.keys() - wanted.keys())
        faults["corrupt"] += sum(found[name] != wanted[name] for name in wanted.keys() & found)
        faults["doubled"] += sum(count != 1 for count in times.values())
    return Kills(
        kills=so_far,
        folders=folders,
        done_before=done_before,
        lost=faults["lost"],
        doubled=faults["doubled"],
        corrupt=faults["corrupt"],
        left=faults["left"],
    )


def _killed_at(line: Sequence[str], out: Path, done: int, pause: float) -> bool:
    """Start a run and kill it a moment after so many files are done; False if it ends before."""
    running = subprocess.Popen(line)
    while running.poll() is None and len(times_done(out)) < done:
        time.sleep(0.01)
    try:
        running.wait(pause)
        return False
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
        return True


def lost_worker(study: Path, out: Path, workers: int, options: Sequence[str]) -> float:
    """Run on dask workers, one of which is killed in the middle; seconds."""
    file = out.with_suffix(".scheduler")
    nobody = subprocess.DEVNULL
    dask = [sys.executable, "-m"]
    scheduler = [*dask, "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
    processes = [
        subprocess.Popen([*scheduler, "--scheduler-file", str(file)], stdout=nobody, stderr=nobody)
    ]
    try:
        while not file.exists():
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
        worker = [*dask, "distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1"]
        processes += [
            subprocess.Popen(
                [*worker, "--no-dashboard"], stdout=nobody, stderr=nobody, env=one_thread
            )
            for _ in range(workers)
        ]
        started = time.monotonic()
        running = subprocess.Popen(command(study, out, ["--scheduler", address, *options]))
        files = sum(path.name.endswith(".nii.gz") for path in study.rglob("*"))
        while running.poll() is None and len(list(out.rglob("*.vqz"))) < files // 2:
            time.sleep(0.05)
        processes[1].kill()
        if running.wait():
            raise RuntimeError(f"the run on dask workers ended with {running.returncode}")
        return time.monotonic() - started
    finally:
        for process in processes:
            process.kill()
            process.wait()


def tree(folder: Path) -> dict[str, bytes]:
    """Content of every file, journal and lock aside."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in OWN_FILES
    }


def times_done(folder: Path) -> Counter[str]:
    """How often the journal says of each result that it was made."""
    path = folder / OWN_FILES[0]
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    events = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return Counter(event["result"] for event in events if event["event"] == "done")


def _memory_of(pid: int, workers: int) -> list[float]:
    """Most resident memory so far, in MiB, of the processes that work; Linux only."""
    own = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        pids = [pid] if workers == 1 else [int(each) for each in own.read_text().split()]
        return [_high_water(each) for each in pids]
    except (OSError, ValueError):
        return []


def _high_water(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0
