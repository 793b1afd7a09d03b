from __future__ import annotations

import pytest
import torch
from vector_quantize_pytorch import FSQ, VectorQuantize

from vqcodec.models.quantiser import EmaCodebook
from vqcodec.models.quantiser_variants import FsqCodebook, GradientCodebook
from vqcodec.models.residual_quantiser import ResidualQuantiser

SIZE, DIMENSION = 16, 3


def plain_codebook(size: int = SIZE, dimension: int = DIMENSION, **options: float) -> EmaCodebook:
    return EmaCodebook(
        size, dimension, start=False, **{"revive_below": 0.0, "warm_up": False, **options}
    )


def test_one_update_by_hand() -> None:
    codebook = plain_codebook(2, 1, decay=0.9, epsilon=0.5)
    codebook.entries.copy_(torch.tensor([[0.0], [10.0]]))
    codebook.counts.copy_(torch.tensor([2.0, 4.0]))
    codebook.sums.copy_(torch.tensor([[0.0], [40.0]]))
    codebook.learn(torch.tensor([[1.0], [3.0], [8.0]]), torch.tensor([0, 0, 1]))
    counts = torch.tensor([2.0 * 0.9 + 2 * 0.1, 4.0 * 0.9 + 1 * 0.1])
    sums = torch.tensor([0.0 + 4.0 * 0.1, 40.0 * 0.9 + 8.0 * 0.1])
    smoothed = (counts + 0.5) / (counts.sum() + 2 * 0.5) * counts.sum()
    torch.testing.assert_close(codebook.counts, counts)
    torch.testing.assert_close(codebook.sums[:, 0], sums)
    torch.testing.assert_close(codebook.entries[:, 0], sums / smoothed)


def test_against_vector_quantize_pytorch() -> None:
    torch.manual_seed(0)
    ours = ResidualQuantiser([plain_codebook(decay=0.9)])
    theirs = VectorQuantize(
        dim=DIMENSION,
        codebook_size=SIZE,
        decay=0.9,
        eps=1e-5,
        commitment_weight=7.0,
        threshold_ema_dead_code=0,
        rotation_trick=False,
    )
    theirs.codebook = ours.codebooks[0].entries.clone()
    theirs._codebook.embed_avg.copy_(ours.codebooks[0].sums[None])
    theirs._codebook.cluster_size.copy_(ours.codebooks[0].counts[None])
    for _ in range(5):
        latents = 1.5 * torch.randn(2, DIMENSION, 4, 3, 5)
        mine, other = (latents.clone().requires_grad_() for _ in range(2))
        output = ours(mine)
        rows, codes, commitment = theirs(other.flatten(2).transpose(1, 2))
        quantised = rows.transpose(1, 2).reshape(latents.shape)
        torch.testing.assert_close(output.quantised_BCDHW, quantised)
        assert torch.equal(output.codes_BSDHW[:, 0].long().flatten(1), codes)
        torch.testing.assert_close(7.0 * output.commitment, commitment.squeeze())
        weights = torch.randn_like(quantised)
        ((output.quantised_BCDHW * weights).sum() + 7.0 * output.commitment).backward()
        ((quantised * weights).sum() + commitment.sum()).backward()
        torch.testing.assert_close(mine.grad, other.grad)
        torch.testing.assert_close(ours.codebooks[0].entries, theirs.codebook)


def test_start_on_the_first_latents_happens_once() -> None:
    torch.manual_seed(0)
    quantiser = ResidualQuantiser([EmaCodebook(SIZE, DIMENSION)])
    latents = 5.0 + torch.randn(1, DIMENSION, 8, 8, 8)
    before = quantiser.eval()(latents).commitment
    quantiser.train()(latents)
    started = quantiser.codebooks[0].entries.clone()
    assert float(quantiser.eval()(latents).commitment) < 0.05 * float(before)
    assert quantiser.codebooks[0].counts.sum() == pytest.approx(512.0)
    quantiser.train()(latents)
    assert float((quantiser.codebooks[0].entries - started).abs().max()) < 0.5


def test_dead_entries_are_revived_with_fresh_averages() -> None:
    torch.manual_seed(0)
    codebook = plain_codebook(4, 1, revive_below=0.01)
    codebook.entries.copy_(torch.tensor([[0.0], [1.0], [50.0], [60.0]]))
    codebook.sums.copy_(codebook.entries)
    codebook.counts[2:] = 1e-6
    latents = torch.tensor([[0.0]] * 50 + [[1.0]] * 50 + [[7.0], [9.0]])
    codebook.learn(latents, codebook.choose(latents))
    assert sorted(codebook.entries[2:, 0].tolist()) == [7.0, 9.0]
    torch.testing.assert_close(codebook.sums, codebook.entries * codebook.counts[:, None])
    assert (codebook.counts >= 0.01 * codebook.counts.mean()).all()
    for _ in range(3):
        codebook.learn(latents, codebook.choose(latents))
    assert sorted(codebook.choose(latents[-2:]).tolist()) == [2, 3]


def test_an_entry_left_out_for_long_is_dead_before_its_average_is() -> None:
    torch.manual_seed(0)
    codebook = plain_codebook(2, 1, revive_below=0.01)
    codebook.entries.copy_(torch.tensor([[0.0], [50.0]]))
    codebook.counts.fill_(400.0)
    codebook.sums.copy_(400.0 * codebook.entries)
    latents = torch.linspace(-1.0, 1.0, 800)[:, None]
    codebook.learn(latents, codebook.choose(latents))
    assert codebook.missed.tolist() == [0.0, 400.0]
    assert codebook.entries[1].item() == pytest.approx(50.0)
    codebook.learn(latents, codebook.choose(latents))
    assert abs(codebook.entries[1].item()) <= 1.0
    assert codebook.missed.tolist() == [0.0, 0.0]


def test_warm_up_follows_latents_that_move() -> None:
    still, quick = plain_codebook(2, 1), plain_codebook(2, 1, warm_up=True)
    for codebook in (still, quick):
        codebook.entries.copy_(torch.tensor([[-1.0], [1.0]]))
        codebook.sums.copy_(codebook.entries)
        for shift in range(10):
            latents = torch.tensor([[-1.0 + 0.1 * shift], [1.0 + 0.1 * shift]])
            codebook.learn(latents, torch.tensor([0, 1]))
    assert quick.entries[0].item() > -0.4
    assert still.entries[0].item() < -0.9
    quick.steps.fill_(10_000.0)
    assert quick._weight().item() == pytest.approx(0.01)


def test_revival_keeps_a_small_grid_from_starving() -> None:
    torch.manual_seed(0)
    codebook = EmaCodebook(64, 4)
    latents = torch.randn(200, 4)
    for start in range(0, 400, 2):
        batch = latents[start % 200 : start % 200 + 2]
        codebook.prepare(batch)
        codebook.learn(batch, codebook.choose(batch))
    assert len(codebook.choose(latents).unique()) > 48


def test_latents_that_are_not_finite_do_no_harm() -> None:
    codebook = plain_codebook(revive_below=0.01)
    before = codebook.entries.clone()
    latents = torch.randn(20, DIMENSION)
    latents[3] = float("nan")
    codebook.learn(latents, codebook.choose(latents))
    torch.testing.assert_close(codebook.entries, before, rtol=1e-4, atol=1e-4)


def test_arithmetic_is_float32_under_autocast() -> None:
    torch.manual_seed(0)
    quantiser = ResidualQuantiser([plain_codebook(), plain_codebook()])
    latents = torch.randn(1, DIMENSION, 4, 4, 4)
    full = quantiser.eval()(latents)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = quantiser(latents)
        half = quantiser(latents.bfloat16())
    assert mixed.quantised_BCDHW.dtype == half.quantised_BCDHW.dtype == torch.float32
    assert torch.equal(mixed.quantised_BCDHW, full.quantised_BCDHW)
    assert torch.equal(mixed.commitment, full.commitment)


def test_gradient_codebook_moves_to_the_latents() -> None:
    torch.manual_seed(0)
    quantiser = ResidualQuantiser([GradientCodebook(8, 2)])
    latents = torch.randn(1, 2, 8, 8, 8, requires_grad=True)
    quantiser(latents)
    entries = quantiser.codebooks[0].entries
    with torch.no_grad():
        entries += 0.5
    optimizer = torch.optim.Adam([entries], 0.05)
    losses = []
    for _ in range(30):
        output = quantiser(latents)
        optimizer.zero_grad()
        output.codebook_loss.backward()
        optimizer.step()
        losses.append(output.codebook_loss.item())
    assert losses[-1] < 0.75 * losses[0]
    assert latents.grad is None
    output = quantiser(latents)
    entries.grad = None
    (gradient,) = torch.autograd.grad(output.quantised_BCDHW.sum(), latents)
    assert torch.equal(gradient, torch.ones_like(latents))


def test_fsq_against_vector_quantize_pytorch() -> None:
    torch.manual_seed(0)
    ours, theirs = FsqCodebook(3, (8, 8, 4), project=False), FSQ([8, 8, 4])
    latents = 3.0 * torch.randn(500, 3)
    mine, other = (latents.clone().requires_grad_() for _ in range(2))
    quantised, codes = ours.quantise(mine)
    expected, indices = theirs(other[None])
    torch.testing.assert_close(quantised, expected[0])
    assert torch.equal(codes, indices[0].long())
    assert torch.equal(codes, ours.choose(latents))
    torch.testing.assert_close(ours.look_up(codes), quantised)
    quantised.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(mine.grad, other.grad)


def test_fsq_covers_all_codes_and_checks_its_axes() -> None:
    codebook = FsqCodebook(3, project=False)
    codes = torch.arange(codebook.size)
    entries = codebook.look_up(codes)
    assert codebook.size == 256
    assert len(entries.unique(dim=0)) == 256
    with pytest.raises(ValueError, match="axes"):
        FsqCodebook(5, project=False)
