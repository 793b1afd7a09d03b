from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from vqcodec.trainer.schedule import CosineRestarts, WeightAverage


def test_course_of_the_authors() -> None:
    course = CosineRestarts()
    assert course(0) == 1.0
    assert course(3240) == pytest.approx(0.5)
    assert course(6479) < 1e-6
    assert course(6480) == pytest.approx(0.95)
    assert course(6480 + 4050) == pytest.approx(0.475)
    assert course(6480 + 8100) == pytest.approx(0.95**2)
    assert all(1e-7 <= course(step) <= 1.0 for step in range(0, 200_000, 997))


def test_against_torch_for_cycles_of_double_length() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 1.0)
    oracle = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 10, 2)
    course = CosineRestarts(10, 2.0, 1.0, 0.0)
    for step in range(100):
        assert course(step) == pytest.approx(oracle.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        oracle.step()


def test_within_a_cycle_it_only_falls() -> None:
    course = CosineRestarts(first_steps=50)
    values = [course(step) for step in range(50)]
    assert all(later < earlier for earlier, later in pairwise(values))
    with pytest.raises(ValueError, match="cycle"):
        CosineRestarts(first_steps=0)


def test_scheduler_resumes() -> None:
    def start() -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
        optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], 1e-4)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(
            optimizer, CosineRestarts(first_steps=8)
        )

    optimizer, scheduler = start()
    rates = []
    for _ in range(30):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
        if len(rates) == 13:
            saved = scheduler.state_dict(), optimizer.state_dict()
    assert rates[0] == 1e-4
    assert rates[8] == pytest.approx(0.95e-4)
    optimizer, scheduler = start()
    scheduler.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    again = []
    for _ in range(17):
        again.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert again == rates[13:]


def test_weight_average() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.0)
    average = WeightAverage(network, decay=0.5)
    with torch.no_grad():
        network.weight.fill_(1.0)
    average.update(network)
    assert average.averages["weight"].item() == pytest.approx(0.9)
    for _ in range(60):
        average.update(network)
    assert average.averages["weight"].item() == pytest.approx(1.0)
    with torch.no_grad():
        network.weight.fill_(3.0)
    with average.applied_to(network):
        assert network.weight.item() == pytest.approx(1.0)
    assert network.weight.item() == 3.0


def test_weight_average_state() -> None:
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    average = WeightAverage(network)
    average.update(torch.nn.Linear(3, 2))
    copy = WeightAverage(torch.nn.Linear(3, 2))
    copy.load_state_dict(average.state_dict())
    assert copy.steps == 1
    assert all(torch.equal(value, copy.averages[name]) for name, value in average.averages.items())
    with pytest.raises(ValueError, match="another network"):
        WeightAverage(torch.nn.Conv1d(1, 1, 1, bias=False)).load_state_dict(average.state_dict())
    with pytest.raises(ValueError, match="decay"):
        WeightAverage(network, decay=1.0)
    assert math.isclose(average.decay, 0.999)
