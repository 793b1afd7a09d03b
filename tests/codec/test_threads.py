"""The Python API from several threads: each gets what it would get alone."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

import vqcodec
import vqcodec.entropy.batches
from tests.codec.phantoms import head
from vqcodec.archive import Archive

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"
MODEL = VECTORS / "model-tiny.safetensors"
NAMES = ("good-one-voxel-inside", "good-exact-lossless", "good-two-stages", "good-constant")
THREADS = 6

AT_ONCE_FROM_THE_START = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import numpy as np
import vqcodec

start = Barrier(6)

def decoded(path):
    start.wait()
    return vqcodec.decode(vqcodec.VQZ.open(path)).get_fdata()

with ThreadPoolExecutor(6) as pool:
    found = list(pool.map(decoded, [sys.argv[1]] * 6))
print(all(np.array_equal(found[0], each, equal_nan=True) for each in found))
"""


@pytest.fixture(autouse=True)
def with_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQZ_MODEL_PATH", str(MODEL))


def decoded(name: str) -> bytes:
    return vqcodec.decode(vqcodec.VQZ.open(VECTORS / f"{name}.vqz")).get_fdata().tobytes()  # type: ignore[no-any-return,union-attr]


def encoded(seed: int) -> bytes:
    values = np.random.default_rng(seed).integers(0, 900, (9, 10, 8)).astype(np.int16)
    options = {"lossless": True} if seed % 2 else {"quality": 2, "effort": 1}
    return vqcodec.encode(values, model=MODEL, force=True, **options).to_bytes()  # type: ignore[arg-type]


def test_coding_in_threads() -> None:
    alone = [decoded(name) for name in NAMES], [encoded(seed) for seed in range(4)]
    start = Barrier(THREADS)

    def work(number: int) -> bool:
        start.wait()
        turns = [(number + turn) % 4 for turn in range(2)]
        return all(
            decoded(NAMES[turn]) == alone[0][turn] and encoded(turn) == alone[1][turn]
            for turn in turns
        )

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(THREADS)))


def test_cores_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    array = head((140, 70, 36)).astype(np.float32)
    files, volumes = [], []
    for cores in (1, 3):
        monkeypatch.setattr(vqcodec.entropy.batches, "usable_cores", lambda cores=cores: cores)
        files.append(vqcodec.encode(array, quality=5, force=True, device="cpu").to_bytes())
        volumes.append(vqcodec.decode(vqcodec.VQZ.from_bytes(files[0]), device="cpu"))
    assert files[0] == files[1]
    assert np.array_equal(volumes[0], volumes[1])


def test_the_first_use_of_a_model_in_threads() -> None:
    path = VECTORS / "good-one-voxel-inside.vqz"
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE_FROM_THE_START, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


def test_one_archive_read_by_threads(tmp_path: Path) -> None:
    path = tmp_path / "study.h5"
    with Archive.create(path) as builder:
        for name in NAMES:
            builder.add(f"{name}.vqz", VECTORS / f"{name}.vqz")
    with Archive.open(path) as archive, ThreadPoolExecutor(THREADS) as pool:
        names = [f"{name}.vqz" for name in NAMES] * 20
        for name, data in zip(names, pool.map(archive.read, names), strict=True):
            assert data == (VECTORS / name).read_bytes()
