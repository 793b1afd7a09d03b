from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vqcodec.trainer.logs import CsvLog, Window, read_log, usage_and_perplexity

CPU = torch.device("cpu")


def test_a_window_averages_and_starts_again() -> None:
    window = Window(4)
    codes = torch.tensor([[0, 0], [1, 3]], dtype=torch.uint8).reshape(1, 2, 2, 1, 1)
    window.add({"loss": 1.0}, {"fine": codes[:, :1]})
    window.add({"loss": 3.0, "late": 5.0}, {"fine": codes})
    row = window.close(CPU)
    assert (row["loss"], row["late"]) == (2.0, 5.0)
    assert row["usage_fine"] == pytest.approx((1 / 4 + 2 / 4) / 2)
    assert row["perplexity_fine"] == pytest.approx(1.5)
    assert window.steps == 0
    assert window.close(CPU) == {}


def test_a_window_survives_a_checkpoint() -> None:
    window, later = Window(4), Window(4)
    window.add({"loss": 1.0}, {"fine": torch.zeros(1, 1, 2, 1, 1, dtype=torch.uint8)})
    later.load_state_dict(window.state_dict())
    assert (later.steps, later.close(CPU)["loss"]) == (1, 1.0)


def test_perplexity_of_even_use_is_the_size() -> None:
    usage, perplexity = usage_and_perplexity(torch.ones(3, 16).double())
    assert (usage, perplexity) == (1.0, pytest.approx(16.0))
    assert usage_and_perplexity(torch.zeros(3, 16).double()) == (0.0, 0.0)


def test_a_log_grows_columns_and_forgets_what_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = CsvLog(path)
    log.add({"step": 1, "loss": 0.5})
    log.add({"step": 2, "loss": 0.25, "extra": 1.0})
    assert read_log(path)[0] == {"step": "1", "loss": "0.5", "extra": ""}
    with path.open("a") as file:
        file.write("3,0.1")
    CsvLog(path, last_step=1).add({"step": 2, "loss": 0.125, "extra": 2.0})
    assert [row["loss"] for row in read_log(path)] == ["0.5", "0.125"]
