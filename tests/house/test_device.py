from __future__ import annotations

import pytest
import torch

from vqcodec.device import resolve_device
from vqcodec.errors import VqzError


def test_devices_that_are_there() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device(torch.device("cpu")) == torch.device("cpu")
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "", "cpu:1"])
def test_names_that_mean_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="is none of 'auto', 'cpu', 'cuda'"):
        resolve_device(name)


def test_a_missing_gpu_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(VqzError, match="device 'cuda' was asked for, but") as caught:
        resolve_device("cuda")
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.version, "cuda", "12.0")
    assert resolve_device("cuda:0").type == "cuda"
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert resolve_device("cuda") == resolve_device(torch.device("cuda")) == torch.device("cuda", 0)
    with pytest.raises(VqzError, match="there are only 1 CUDA devices"):
        resolve_device("cuda:3")
