from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vqcodec.models.paper import PaperNetwork
from vqcodec.models.paper.config import AUTHORS_CONFIG, COMPACT_CONFIG
from vqcodec.models.paper.linear_start import (
    BLOCK,
    OFFSET,
    block_cosines,
    can_start_linearly,
    start_linearly,
)
from vqcodec.models.paper.network import COARSE_TO_FINE
from vqcodec.trainer.codebook_start import start_codebooks

WIDE = replace(
    COMPACT_CONFIG,
    stages=(1, 2, 2),
    embeddings=(64, 64, 64),
    encoder_channels=(4, 8, 64, 8, 64, 8, 64),
    decoder_channels=(8, 8, 8, 8, 8),
    stem_channels=64,
    codebook_size=64,
    stage_dropout=0.0,
)


def started(config: object = WIDE) -> PaperNetwork:
    torch.manual_seed(3)
    network = PaperNetwork(config).eval()  # type: ignore[arg-type]
    start_linearly(network)
    return network


def without_codes(network: PaperNetwork, x: torch.Tensor) -> torch.Tensor:
    features = network.encoder(x)
    quantised: dict[str, torch.Tensor] = {}
    seen = coarser = None
    for name in COARSE_TO_FINE:
        condition = network.condition_of(name)
        seen = condition.look_up(coarser, seen)
        coarser = quantised[name] = condition(features[name], seen)
    restored: torch.Tensor = network.decoder(quantised)
    return restored


def test_rows_of_cosines_are_orthogonal_and_the_first_is_a_mean() -> None:
    rows = block_cosines().double()
    torch.testing.assert_close(rows @ rows.T * BLOCK, torch.eye(BLOCK, dtype=torch.float64))
    torch.testing.assert_close(rows[0], torch.full((BLOCK,), 1 / BLOCK, dtype=torch.float64))


@torch.no_grad()
def test_without_quantisers_the_start_restores_any_volume() -> None:
    x = torch.rand(1, 1, 64, 128, 64, generator=torch.Generator().manual_seed(1)) * 1.2
    torch.testing.assert_close(without_codes(started(), x), x, atol=2e-5, rtol=0)


@torch.no_grad()
def test_finer_levels_code_what_coarser_ones_leave_over() -> None:
    network = started()
    x = torch.full((1, 1, 64, 64, 64), 0.6)
    features = network.encoder(x)
    condition = network.condition_of("coarse")
    coarse = condition(features["coarse"], None)
    torch.testing.assert_close(coarse[:, :BLOCK], torch.full_like(coarse[:, :BLOCK], OFFSET + 0.6))
    seen = network.condition_of("middle").look_up(coarse, None)
    middle = network.condition_of("middle")(features["middle"], seen)
    torch.testing.assert_close(middle[:, :BLOCK], torch.full_like(middle[:, :BLOCK], OFFSET))


@torch.no_grad()
def test_codebooks_on_real_latents_are_a_codec_before_any_training() -> None:
    torch.manual_seed(0)
    network = started()
    knots = torch.randn(6, 1, 18, 18, 18)
    smooth = torch.nn.functional.interpolate(knots, size=64, mode="trilinear") * 0.2 + 0.5
    start_codebooks(network, list(smooth[:5].split(1)), batch_size=2)
    held_out = smooth[5:]
    network.eval()
    errors = []
    for stages in ((1, 1, 1), (1, 2, 2)):
        restored = network.decode(network.encode(held_out, stages), (64, 64, 64))
        errors.append(float((restored - held_out).square().mean()))
    assert errors[1] < errors[0]
    assert errors[1] < 0.35 * float(held_out.var())
    for name in COARSE_TO_FINE:
        for book in network.quantiser_of(name).codebooks:
            assert bool(book.started)
            assert float(torch.as_tensor(book.counts).sum()) > 0


def test_a_network_of_another_kind_cannot_start_so() -> None:
    assert can_start_linearly(WIDE) is None
    assert can_start_linearly(COMPACT_CONFIG) is None
    assert "space-to-depth" in str(can_start_linearly(AUTHORS_CONFIG))
    with pytest.raises(ValueError, match="channels"):
        started(replace(WIDE, embeddings=(64, 32, 64)))
