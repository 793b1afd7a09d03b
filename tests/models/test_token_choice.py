from __future__ import annotations

import numpy as np
import torch

from vqcodec.entropy.tables import FREQUENCY_TOTAL
from vqcodec.models.quantiser import EmaCodebook
from vqcodec.models.residual_quantiser import ResidualQuantiser
from vqcodec.models.token_choice import TokenPicker, token_picker

SIZE, SITES = 16, 60


def quantiser_and_latents() -> tuple[ResidualQuantiser, torch.Tensor]:
    torch.manual_seed(1)
    quantiser = ResidualQuantiser([EmaCodebook(SIZE, 4) for _ in range(2)])
    latents = torch.randn(1, 4, 5, 4, 3)
    for _ in range(5):
        quantiser(latents)
    return quantiser.eval(), latents


def picked(picker: TokenPicker, shares: np.ndarray) -> np.ndarray:
    sites = np.arange(SITES)
    return np.stack([picker.pick(stage, sites, shares) for stage in range(picker.stages)])


def error(quantiser: ResidualQuantiser, latents: torch.Tensor, codes: np.ndarray) -> float:
    grid = torch.from_numpy(codes.astype(np.uint8)).reshape(1, 2, *latents.shape[2:])
    return float((quantiser.decode(grid) - latents).square().mean())


def test_where_bits_cost_nothing_it_is_at_least_as_near_as_greedy() -> None:
    quantiser, latents = quantiser_and_latents()
    even = np.full((SITES, SIZE), FREQUENCY_TOTAL // SIZE)
    picker = token_picker(latents, quantiser, 2)
    codes = picked(picker, even)
    greedy = quantiser.encode(latents).numpy().reshape(2, -1)
    assert error(quantiser, latents, codes) < error(quantiser, latents, greedy)
    left = float(picker.rest_ND.square().mean())
    np.testing.assert_allclose(left, error(quantiser, latents, codes), rtol=1e-5)


def test_the_dearer_bits_are_the_fewer_are_spent() -> None:
    quantiser, latents = quantiser_and_latents()
    shares = np.full((SITES, SIZE), 1 << 10)
    shares[:, 3] = FREQUENCY_TOTAL - (SIZE - 1) * (1 << 10)
    bits, errors = [], []
    for price in (0.0, 0.01, 0.1, 10.0):
        free = token_picker(latents, quantiser, 2)
        codes = picked(TokenPicker(free.rest_ND, free.entries_SKD, price), shares)
        bits.append(float(np.log2(FREQUENCY_TOTAL / shares[0][codes]).sum()))
        errors.append(error(quantiser, latents, codes))
    assert bits == sorted(bits, reverse=True)
    assert errors == sorted(errors)
    assert set(np.unique(codes)) == {3}


def test_a_prefix_of_the_stages() -> None:
    quantiser, latents = quantiser_and_latents()
    picker = token_picker(latents, quantiser, 1)
    assert picker.stages == 1
    even = np.full((SITES, SIZE), FREQUENCY_TOTAL // SIZE)
    wanted = quantiser.encode(latents, 1).numpy().reshape(1, -1)
    np.testing.assert_array_equal(picked(picker, even), wanted)
