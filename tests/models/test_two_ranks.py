from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

WORKER = Path(__file__).with_name("two_ranks.py")
ROOT = Path(__file__).parents[2]


def test_two_processes_keep_the_same_codebooks(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    results = [tmp_path / f"rank_{rank}.safetensors" for rank in range(2)]
    ranks = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(rank), str(tmp_path / "meeting"), str(result)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, result in enumerate(results)
    ]
    try:
        for rank in ranks:
            _, errors = rank.communicate(timeout=120)
            assert rank.returncode == 0, errors
    finally:
        for rank in ranks:
            rank.kill()
    first, second = (load_file(result) for result in results)
    assert set(first) == set(second)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    counts = first["quantisers.fine.codebooks.0.counts"]
    # Two ranks of 16^3 sites each: the averages count both (revived entries start lower).
    assert counts.sum() > 1.5 * 16**3
    assert all(value for name, value in first.items() if name.endswith("fine.codebooks.0.started"))
