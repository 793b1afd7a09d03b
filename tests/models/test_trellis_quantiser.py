"""Labels chosen ahead cost as little as any, and less than those chosen one by one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.golden.tiny_trellis import tiny_trellis_tensors
from vqcodec.entropy.trellis import EIGHT_STATES, FOUR_STATES, Trellis, integers_of
from vqcodec.models.trellis_quantiser import _Prices, _Sites, cheapest_labels
from vqcodec.models.wavelet_family import wavelet_model

LENGTH, CHOICES = 5, range(-2, 3)

both = pytest.mark.parametrize("trellis", [FOUR_STATES, EIGHT_STATES], ids=["four", "eight"])


@pytest.fixture(scope="module")
def prices() -> _Prices:
    model = wavelet_model(tiny_trellis_tensors())
    return _Prices(model.entropy.groups[1], model.codebooks[1], 0.2)


def sites_of(count: int, seed: int, length: int = LENGTH) -> _Sites:
    rng = np.random.default_rng(seed)
    shape = (length, count)
    is_coded = rng.random(shape) < 0.8
    return _Sites(
        is_coded,
        is_coded & (rng.random(shape) < 0.9),
        rng.normal(0, 1.5, shape).astype(np.float32),
        rng.uniform(0.5, 1, shape).astype(np.float32),
        rng.integers(300, 330, shape).astype(np.int16),
        rng.choice([-1, 1], shape).astype(np.int8),
        np.zeros(shape, np.int32),
    )


def cost_of(prices: _Prices, trellis: Trellis, sites: _Sites, chain: np.ndarray) -> float:
    """What labels ``(LENGTH,)`` of a single site cost."""
    state, total = np.zeros(1, np.int8), 0.0
    for number in range(len(sites.c)):
        if not sites.matters[number, 0]:
            assert chain[number] == 0
            if sites.is_coded[number, 0]:
                state = trellis.after(state, np.zeros(1, np.int64))
            continue
        where = np.array([0])
        at = sites.at(number, where)
        quantiser = int(trellis.quantisers_of(state)[0])
        total += float(prices.of(chain[number : number + 1].astype(np.int32), quantiser, at)[0])
        state = trellis.after(state, chain[number : number + 1].astype(np.int64))
    return total


@both
@pytest.mark.parametrize("seed", range(12))
def test_no_chain_of_labels_is_cheaper(prices: _Prices, trellis: Trellis, seed: int) -> None:
    sites = sites_of(1, seed)
    found = cost_of(prices, trellis, sites, cheapest_labels(sites, prices, trellis)[:, 0])
    options = [CHOICES if matters else (0,) for matters in sites.matters[:, 0]]
    least = min(cost_of(prices, trellis, sites, np.array(chain)) for chain in product(*options))
    assert found <= least * (1 + 1e-5) + 1e-6


@both
def test_sites_do_not_depend_on_each_other(prices: _Prices, trellis: Trellis) -> None:
    sites = sites_of(40, 99)
    together = cheapest_labels(sites, prices, trellis)
    for site in range(40):
        alone = cheapest_labels(sites.at(slice(None), slice(site, site + 1)), prices, trellis)
        np.testing.assert_array_equal(alone[:, 0], together[:, site])
    assert not together[~sites.is_coded].any()


@both
def test_looking_ahead_is_cheaper_than_not(prices: _Prices, trellis: Trellis) -> None:
    sites = sites_of(300, 5)
    ahead = cheapest_labels(sites, prices, trellis)
    total = {"ahead": 0.0, "greedy": 0.0}
    for site in range(300):
        one = sites.at(slice(None), slice(site, site + 1))
        total["ahead"] += cost_of(prices, trellis, one, ahead[:, site])
        chain, state = np.zeros(LENGTH, np.int64), np.zeros(1, np.int8)
        for number in np.flatnonzero(one.is_coded[:, 0]):
            if not one.matters[number, 0]:
                state = trellis.after(state, chain[number : number + 1])
                continue
            at = one.at(int(number), np.array([0]))
            quantiser = int(trellis.quantisers_of(state)[0])
            costs = [float(prices.of(np.array([k], np.int32), quantiser, at)[0]) for k in CHOICES]
            chain[number] = CHOICES[int(np.argmin(costs))]
            state = trellis.after(state, chain[number : number + 1])
        total["greedy"] += cost_of(prices, trellis, one, chain)
    assert total["ahead"] < 0.97 * total["greedy"]


@both
def test_labels_stand_for_integers_near_the_coefficients(prices: _Prices, trellis: Trellis) -> None:
    sites = sites_of(500, 7)
    chosen = cheapest_labels(sites, prices, trellis)
    states = np.zeros(500, np.int8)
    for number in range(LENGTH):
        here = np.flatnonzero(sites.is_coded[number])
        k = chosen[number, here].astype(np.int64)
        q = integers_of(k, trellis.quantisers_of(states[here]))
        assert np.abs(q - sites.c[number, here])[sites.matters[number, here]].max() < 3.5
        states[here] = trellis.after(states[here], k)


def test_eight_states_cost_less_than_four(prices: _Prices) -> None:
    sites = sites_of(40, 11, length=56)
    totals = []
    for trellis in (FOUR_STATES, EIGHT_STATES):
        chosen = cheapest_labels(sites, prices, trellis)
        each = (sites.at(slice(None), slice(site, site + 1)) for site in range(40))
        costs = [cost_of(prices, trellis, one, chosen[:, k]) for k, one in enumerate(each)]
        totals.append(sum(costs))
    assert totals[1] < totals[0]
