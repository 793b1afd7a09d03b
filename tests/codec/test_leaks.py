"""Hundreds of files through one process: neither memory nor descriptors grow."""

from __future__ import annotations

import gc
import os
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

import vqcodec
from vqcodec.errors import VqzError

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
MODELS = os.pathsep.join(map(str, VECTORS.glob("model-*.safetensors")))
STATM, DESCRIPTORS = Path("/proc/self/statm"), Path("/proc/self/fd")
FILES, WARM = 500, 150
MAY_GROW = 4 << 20
SMALL = (
    "good-one-voxel.vqz",
    "good-paper-one-voxel.vqz",
    "good-tiles-one-voxel.vqz",
    "good-exact-one-voxel.vqz",
    "good-exact-with-codes.vqz",
)
RARE = "good-one-voxel-inside.vqz"

pytestmark = pytest.mark.skipif(not STATM.exists(), reason="needs /proc")


def resident() -> int:
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def one_file(number: int, path: Path) -> None:
    """Decode; now and then encode, read a part of a scan, or meet a damaged file."""
    vqz = vqcodec.VQZ.open(path)
    vqcodec.decode(vqz)
    if number % 10 == 0:
        values = np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8) + number
        vqcodec.encode(values, lossless=True, force=True)
    if number % 10 == 5:
        with pytest.raises(VqzError):
            vqcodec.VQZ.from_bytes(vqz.to_bytes()[:-1])
    if number % 100 == 50:
        vqcodec.decode(vqcodec.VQZ.open(VECTORS / RARE))


def test_hundreds_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQZ_MODEL_PATH", MODELS)
    paths = [VECTORS / name for name in SMALL]
    memory = descriptors = 0
    for number, path in enumerate(islice(cycle(paths), FILES)):
        one_file(number, path)
        if number == WARM:
            memory, descriptors = resident(), len(os.listdir(DESCRIPTORS))
    assert resident() - memory < MAY_GROW
    assert len(os.listdir(DESCRIPTORS)) == descriptors
