from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from vqcodec.trainer import checkpoint
from vqcodec.trainer.checkpoint import (
    random_states,
    read_checkpoint,
    restore_random_states,
    seed_everything,
    write_checkpoint,
)
from vqcodec.trainer.failures import TrainingError

CPU = torch.device("cpu")


def draws() -> tuple[float, float, float, float]:
    return (
        random.random(),
        random.gauss(0, 1),
        float(np.random.standard_normal()),  # noqa: NPY002
        float(torch.rand(())),
    )


def test_random_generators_go_on_where_they_were(tmp_path: Path) -> None:
    seed_everything(5, 0)
    draws()
    write_checkpoint(tmp_path / "c.pt", {"random": random_states(CPU)})
    expected = [draws(), draws()]
    seed_everything(6, 0)
    states = read_checkpoint(tmp_path / "c.pt")["random"]
    assert restore_random_states(states, 0, CPU)
    assert [draws(), draws()] == expected
    assert not restore_random_states(states, 1, CPU)


def test_ranks_draw_differently() -> None:
    seed_everything(5, 0)
    first = draws()
    seed_everything(5, 1)
    assert all(a != b for a, b in zip(first, draws(), strict=True))


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path) -> None:
    torch.save({"version": 1, "code": print}, tmp_path / "c.pt")
    with pytest.raises(TrainingError, match="not a checkpoint, or damaged") as caught:
        read_checkpoint(tmp_path / "c.pt")
    assert "\n" not in str(caught.value)


def test_damaged_and_missing_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    with pytest.raises(TrainingError, match="there is no checkpoint"):
        read_checkpoint(path)
    write_checkpoint(path, {"x": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(TrainingError, match="not a checkpoint, or damaged"):
        read_checkpoint(path)
    torch.save({"version": 99}, path)
    with pytest.raises(TrainingError, match="another version"):
        read_checkpoint(path)


def test_a_full_disk_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.pt"
    write_checkpoint(path, {"step": 1})

    def full(path: str, parts: Iterable[bytes]) -> None:
        Path(path).write_bytes(b"".join(parts)[:10])
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr("vqcodec.formats.atomic._write_new", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_checkpoint(path, {"step": 2})
    assert str(caught.value.filename) == str(path)
    assert checkpoint.read_checkpoint(path)["step"] == 1
    assert [found.name for found in tmp_path.iterdir()] == ["c.pt"]
