from __future__ import annotations

import torch

from vqcodec.models.k_means import k_means, nearest, weighted_draw


def test_nearest_agrees_with_distances_and_takes_the_lowest_index() -> None:
    torch.manual_seed(0)
    points, entries = torch.randn(500, 5), torch.randn(40, 5)
    assert torch.equal(nearest(points, entries), torch.cdist(points, entries).argmin(1))
    doubled = torch.cat((entries[:7], entries, entries))
    assert int(nearest(points, doubled).max()) < 47
    assert nearest(torch.tensor([[0.5]]), torch.tensor([[1.0], [0.0], [0.5], [0.5]])).item() == 2
    assert nearest(torch.tensor([[0.5]]), torch.tensor([[1.0], [0.0]])).item() == 0


def test_clusters_are_found() -> None:
    torch.manual_seed(0)
    middles = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    points = (middles[:, None] + 0.1 * torch.randn(4, 50, 2)).reshape(-1, 2)
    found = k_means(points, 4)
    assert found.counts_K.tolist() == [50.0] * 4
    assert float(torch.cdist(middles, found.centres_KD).min(1).values.max()) < 0.1


def test_fewer_points_than_centres() -> None:
    points = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    found = k_means(points, 8)
    assert sorted(found.counts_K.tolist(), reverse=True) == [2.0, 1.0, *[0.0] * 6]
    assert torch.equal(found.centres_KD[found.counts_K == 2.0], points[:1])
    alone = k_means(torch.zeros(1, 3), 4)
    assert alone.counts_K.tolist() == [1.0, 0.0, 0.0, 0.0]


def test_draws_follow_the_weights() -> None:
    torch.manual_seed(0)
    weights = torch.tensor([0.0, 1.0, 3.0])
    hits = torch.zeros(3)
    for _ in range(400):
        rows, usable = weighted_draw(weights, 1)
        assert usable.all()
        hits[rows[0]] += 1
    assert hits[0] == 0
    assert 2.2 < hits[2] / hits[1] < 4.2
    rows, usable = weighted_draw(weights, 5)
    assert sorted(rows[usable].tolist()) == [1, 2]
