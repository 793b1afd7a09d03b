"""The same folders through dask workers, some of which are lost on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pytest

import vqcodec
from tests.codec.phantoms import head
from vqcodec.errors import VqzError
from vqcodec.folders.cluster import local_cluster, scheduler_at

from .studies import ENVIRONMENT, ROOT, STAND_IN, converted, make_study, times_done, tree, vqz

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
    yield str(json.loads(file.read_text())["address"])
    scheduler.kill()
    scheduler.communicate()


def worker(address: str) -> subprocess.Popen[bytes]:
    return dask(
        *("worker", address, "--no-nanny", "--nthreads", 1, "--no-dashboard"),
        *("--preload", STAND_IN),
    )


def test_a_lost_worker_loses_no_file(tmp_path: Path, address: str) -> None:
    study, out = make_study(tmp_path / "study", 14), tmp_path / "out"
    workers = [worker(address) for _ in range(2)]
    try:
        command = ("compress", "-r", study, "--copy-others", "--output-dir")
        running = start(*vqz(*command, out, "--scheduler", address), STAND_IN_SECONDS="0.05")
        while len(times_done(out)) < 4:
            assert running.poll() is None, running.communicate()
            time.sleep(0.01)
        workers[0].kill()
        output, errors = running.communicate(timeout=200)
        assert (running.returncode, errors) == (0, b""), output
    finally:
        for each in workers:
            each.kill()
            each.communicate()
    assert set(times_done(out).values()) == {1}
    assert len(times_done(out)) == 28
    assert tree(out) == converted(study)


class Elsewhere:
    """A client of a scheduler that is not there, or whose workers are of another version."""

    def __init__(self, address: str, **_: object) -> None:
        if "gone" in address:
            raise OSError("Timed out after 30 s\nand more")
        self.address = address

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, _: object) -> dict[str, str]:
        if "bare" in self.address:
            raise ModuleNotFoundError("No module named 'vqcodec'")
        return {"tcp://worker:1": "0.0.1"}


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://gone:1", r"no dask scheduler answers at tcp://gone:1 \(Timed out after 30 s\)"),
        ("tcp://bare:1", r"a dask worker cannot import vqcodec .*No module named 'vqcodec'"),
        ("tcp://old:1", r"a dask worker has vqcodec 0\.0\.1, not "),
    ],
)
def test_a_scheduler_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, address: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=Elsewhere))
    with pytest.raises(VqzError, match=message), scheduler_at(address):
        pass


def test_dask_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(VqzError, match=r"pip install 'vqcodec\[scale\]'"), local_cluster(1):
        pass


def test_the_bytes_of_the_real_codec(tmp_path: Path) -> None:
    nib: Any = nibabel
    study, out = tmp_path / "study", tmp_path / "out"
    study.mkdir()
    wanted = {}
    for seed in (1, 2):
        array = head((20, 24, 22), seed=seed).astype(np.int16)
        nib.save(nib.Nifti1Image(array, np.eye(4)), study / f"{seed}.nii.gz")
        vqz = vqcodec.encode(study / f"{seed}.nii.gz", effort=1, device="cpu")
        wanted[f"{seed}.vqz"] = vqz.to_bytes()
    command = ("compress", "-r", study, "--output-dir", out, "--effort", 1, "--dask", "local")
    running = start(sys.executable, "-m", "vqcodec.cli", *command)
    _, errors = running.communicate(timeout=200)
    assert (running.returncode, errors) == (0, b"")
    assert tree(out) == wanted
