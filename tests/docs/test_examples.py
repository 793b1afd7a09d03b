"""The examples run, with little to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vqcodec
from tests.codec.phantoms import head

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (32, 36, 34)


def test_token_prior_draws_a_volume(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra 'demo' is not installed")
    brains = tmp_path / "brains"
    brains.mkdir()
    for seed in range(2):
        values = head(SHAPE, masked=False, seed=seed).astype(np.float32)
        vqz = vqcodec.encode(values, model="tudosiu2020-baur", force=True, device="cpu")
        vqz.save(brains / f"{seed}.vqz")
    words = ["examples/token_prior.py", str(brains), "--out", str(tmp_path / "out")]
    few = ["--steps", "2", "--width", "8", "--samples", "1"]
    done = subprocess.run(
        [sys.executable, *words, *few],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 brains with codes of one shape" in done.stdout
    sample = np.load(tmp_path / "out" / "sample-0.npy")
    assert sample.ndim == 3
    assert np.isfinite(sample).all()
    assert sample.std() > 0
    assert (tmp_path / "out" / "samples.png").stat().st_size > 1000
