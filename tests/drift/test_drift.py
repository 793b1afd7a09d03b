from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from .__main__ import main
from .files import TOLERANCE, decoded, names


@pytest.mark.parametrize("name", names())
def test_numbers_of_threads(name: str) -> None:
    alone = decoded(name, threads=1)
    assert np.ptp(alone) > 0.1
    assert np.abs(decoded(name, threads=3) - alone).max() <= TOLERANCE


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", names())
def test_cuda(name: str) -> None:
    assert np.abs(decoded(name, device="cuda") - decoded(name)).max() <= TOLERANCE


def test_a_difference_that_is_too_large_is_found(tmp_path: Path) -> None:
    run = CliRunner().invoke
    for place, shift in (("here", 0.0), ("there", 2e-3)):
        volumes = {f"{name}|{place}": np.full((2, 2, 2), shift) for name in names()}
        np.savez(tmp_path / f"{place}.npz", **volumes)
    here, there = str(tmp_path / "here.npz"), str(tmp_path / "there.npz")
    assert run(main, ["compare", here, here]).exit_code == 0
    result = run(main, ["compare", here, there])
    assert result.exit_code == 1
    assert "| there | 2.0e-03 |" in result.output
