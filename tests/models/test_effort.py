"""Effort buys smaller files or better ones; weights are what the mask says."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

import vqcodec
from tests.codec.phantoms import head
from vqcodec.models.effort import Effort, effort_of, trade_at
from vqcodec.models.foreground_weights import foreground_weights
from vqcodec.models.wavelet import Pyramid, analyse, synthesise


@pytest.mark.parametrize("level", [0, 10, -1, 2.5, True and "5"])
def test_no_such_effort(level: object) -> None:
    with pytest.raises(ValueError, match="effort"):
        effort_of(level)  # type: ignore[arg-type]


def test_efforts_grow() -> None:
    levels = [effort_of(level) for level in range(1, 10)]
    for easy, hard in itertools.pairwise(levels):
        assert easy.fill_iterations <= hard.fill_iterations
        assert easy.refinements <= hard.refinements
        assert easy.is_optimised <= hard.is_optimised


def test_a_bit_is_worth_less_at_fine_steps() -> None:
    trades = [trade_at(2.0**-k) for k in range(2, 9)]
    assert trades == sorted(trades, reverse=True)
    assert trades[0] > 2 * trades[-1] > 0


def test_effort_pays() -> None:
    """Fewer bytes for the same fidelity."""
    array = head((36, 40, 38)).astype(np.float32)
    sizes = {
        effort: vqcodec.encode(array, psnr=38, effort=effort, device="cpu").nbytes
        for effort in (1, 5, 9)
    }
    assert sizes[5] < sizes[1]
    assert sizes[9] < 1.02 * sizes[5]


def test_weights_are_shares_of_energy() -> None:
    seen = torch.zeros(32, 32, 32, dtype=torch.bool)
    seen[:, :, :15] = True
    weights = foreground_weights(seen)
    assert [tuple(w.shape) for w in weights[:2]] == [(7, 16, 16, 16), (7, 8, 8, 8)]
    pyramid = analyse(torch.zeros(32, 32, 32))
    for split, band, place in ((0, 0, (8, 8, 7)), (0, 6, (8, 8, 8)), (1, 2, (4, 4, 4))):
        details = [torch.zeros_like(d) for d in pyramid.details]
        details[split][(band, *place)] = 1.0
        energy = synthesise(Pyramid(tuple(details), pyramid.low_pass), (32, 32, 32)).square()
        share = float(energy[seen].sum() / energy.sum())
        assert float(weights[split][(band, *place)]) == pytest.approx(share, abs=0.12)
    assert float(weights[0][0, 8, 8, 2]) == pytest.approx(1.0, abs=1e-5)
    assert float(weights[0][0, 8, 8, 14]) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("model", [None, "tudosiu2020-baur"])
def test_what_is_not_read_back_is_the_same(
    model: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = head((32, 40, 36)).astype(np.int16)
    settings = Effort(2, True, True, 0, is_read_back=False, leeway=0.0)
    files = []
    for is_read_back in (False, True):
        tried = replace(settings, is_read_back=is_read_back)
        monkeypatch.setattr("vqcodec.codec.effort_of", lambda _, tried=tried: tried)
        monkeypatch.setattr("vqcodec.models.frame_codec.effort_of", lambda _: settings)
        files.append(vqcodec.encode(array, model=model, ratio=2.0, device="cpu").to_bytes())
    assert files[0] == files[1]
