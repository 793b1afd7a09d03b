from __future__ import annotations

import pytest
import torch

from vqcodec.errors import FormatError
from vqcodec.models.quantiser import EmaCodebook
from vqcodec.models.quantiser_variants import FsqCodebook, GradientCodebook
from vqcodec.models.residual_quantiser import ResidualQuantiser, code_statistics, draw_stages


def trained(kind: str, stages: int = 3) -> tuple[ResidualQuantiser, torch.Tensor]:
    torch.manual_seed(0)
    make = {
        "ema": lambda: EmaCodebook(16, 4),
        "gradient": lambda: GradientCodebook(16, 4),
        "fsq": lambda: FsqCodebook(4),
    }[kind]
    quantiser = ResidualQuantiser([make() for _ in range(stages)])
    latents = torch.randn(2, 4, 6, 5, 4)
    for _ in range(5):
        quantiser(latents)
    return quantiser.eval(), latents


@pytest.mark.parametrize("kind", ["ema", "gradient", "fsq"])
def test_forward_encode_and_decode_agree_exactly(kind: str) -> None:
    quantiser, latents = trained(kind)
    output = quantiser(latents)
    codes = quantiser.encode(latents)
    assert codes.dtype == torch.uint8
    assert codes.shape == (2, 3, 6, 5, 4)
    assert torch.equal(codes, output.codes_BSDHW)
    assert torch.equal(quantiser.decode(codes), output.quantised_BCDHW)
    prefix = quantiser.encode(latents, 2)
    assert torch.equal(prefix, codes[:, :2])


def test_every_stage_helps() -> None:
    quantiser, latents = trained("ema")
    errors = [
        float((quantiser.decode(quantiser.encode(latents, stages)) - latents).square().mean())
        for stages in (1, 2, 3)
    ]
    assert errors[2] < 0.6 * errors[1] < 0.4 * errors[0]


def test_commitment_is_what_the_stages_in_use_leave_over() -> None:
    quantiser, latents = trained("ema")
    for stages in (1, 2, 3):
        decoded = quantiser.decode(quantiser.encode(latents, stages))
        expected = (decoded - latents).square().mean()
        torch.testing.assert_close(quantiser(latents, stages).commitment, expected)


def test_gradient_passes_straight_through() -> None:
    quantiser, latents = trained("ema")
    latents.requires_grad_()
    weights = torch.randn_like(latents)
    (quantiser(latents).quantised_BCDHW * weights).sum().backward()
    assert torch.equal(latents.grad, weights)


def test_stages_left_out_learn_nothing() -> None:
    quantiser, latents = trained("ema")
    before = quantiser.codebooks[2].counts.clone()
    quantiser.train()(latents, 2)
    assert torch.equal(quantiser.codebooks[2].counts, before)


@pytest.mark.parametrize("stages", [0, 4])
def test_wrong_number_of_stages(stages: int) -> None:
    quantiser, latents = trained("ema")
    with pytest.raises(ValueError, match="stages"):
        quantiser(latents, stages)
    with pytest.raises(FormatError, match="stages"):
        quantiser.decode(torch.zeros(1, stages, 2, 2, 2, dtype=torch.uint8))


def test_code_beyond_the_codebook() -> None:
    quantiser, _ = trained("ema")
    with pytest.raises(FormatError, match="16 entries"):
        quantiser.decode(torch.full((1, 1, 2, 2, 2), 16, dtype=torch.uint8))


def test_statistics() -> None:
    codes = torch.tensor([[0, 1, 2, 3], [7, 7, 7, 7]], dtype=torch.uint8).reshape(1, 2, 4, 1, 1)
    perplexity, usage = code_statistics(codes, 8)
    torch.testing.assert_close(perplexity, torch.tensor([4.0, 1.0]))
    torch.testing.assert_close(usage, torch.tensor([0.5, 0.125]))


def test_drawn_prefixes() -> None:
    torch.manual_seed(0)
    drawn = [tuple(draw_stages((2, 8, 32), 0.5)) for _ in range(400)]
    assert 150 < sum(stages == (2, 8, 32) for stages in drawn) < 260
    assert sum(stages == (1, 1, 1) for stages in drawn) > 30
    assert all(
        1 <= count <= most
        for stages in drawn
        for count, most in zip(stages, (2, 8, 32), strict=True)
    )
    assert draw_stages((2, 8, 32), 0.0) == [2, 8, 32]
