"""The same folders through dask workers, some of which are lost on the way."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from tests.codec.phantoms import head

from .studies import ENVIRONMENT, ROOT, STAND_IN, make_study, times_done, tree, vqz

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def start(*arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(map(str, arguments)),
        cwd=ROOT,
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def dask(kind: str, *arguments: object) -> subprocess.Popen[bytes]:
    return start(sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Return the address of a scheduler."""
    file = tmp_path / "scheduler.json"
    scheduler = dask(
        *("scheduler", "--port", 0, "--host", "127.0.0.1", "--no-dashboard"),
        *("--scheduler-file", file),
    )
    while not file.exists():
        assert scheduler.poll() is None, scheduler.communicate()
        time.sleep(0.02)
    import json

    yield str(json.loads(file.read_text())["address"])
    scheduler.kill()
    scheduler.communicate()


def worker(address: str) -> subprocess.Popen[bytes]:
    return dask(
        *("worker", address, "--no-nanny", "--nthreads", 1, "--no-dashboard"),
        *("--preload", STAND_IN),
    )


def test_a_lost_worker_loses_no_file(tmp_path: Path, address: str) -> None:
    study, out, local = make_study(tmp_path / "study", 14), tmp_path / "out", tmp_path / "local"
    workers = [worker(address) for _ in range(2)]
    try:
        command = ("compress", "-r", study, "--copy-others", "--output-dir")
        running = start(*vqz(*command, out, "--scheduler", address), STAND_IN_SECONDS="0.05")
        while len(times_done(out)) < 4:
            assert running.poll() is None, running.communicate()
            time.sleep(0.01)
        workers[0].kill()
        output, errors = running.communicate(timeout=60)
        assert (running.returncode, errors) == (0, b""), output
    finally:
        for each in workers:
            each.kill()
            each.communicate()
    assert set(times_done(out).values()) == {1}
    assert len(times_done(out)) == 28
    subprocess.run(vqz(*command, local), cwd=ROOT, env=ENVIRONMENT, check=True)
    assert tree(out) == tree(local)


def test_a_worker_that_cannot_be_used(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", 1)
    running = start(
        *vqz("compress", "-r", study, "--output-dir", tmp_path / "out"),
        *("--scheduler", "tcp://127.0.0.1:9"),
        DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="500ms",
    )
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 69
    assert errors.startswith(b"vqz: no dask scheduler answers at tcp://127.0.0.1:9")
    assert errors.count(b"\n") == 1


def test_the_same_bytes_as_a_local_run(tmp_path: Path) -> None:
    nib: Any = nibabel
    study = tmp_path / "study"
    for seed in (1, 2):
        array = head((20, 24, 22), seed=seed).astype(np.int16)
        (study / str(seed)).mkdir(parents=True)
        nib.save(nib.Nifti1Image(array, np.eye(4)), study / str(seed) / "T1w.nii.gz")
    trees = []
    for name, options in (("local", ()), ("dask", ("--dask", "local"))):
        out = tmp_path / name
        command = ("compress", "-r", study, "--output-dir", out, "--effort", 1, *options)
        running = start(sys.executable, "-m", "vqcodec.cli", *command)
        _, errors = running.communicate(timeout=120)
        assert (running.returncode, errors) == (0, b"")
        trees.append(tree(out))
    assert trees[0] == trees[1]
    assert len(trees[0]) == 2
