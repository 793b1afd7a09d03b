"""On a CUDA device: the same codes, and nearly the same voxels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.entropy.test_network import INPUTS, inputs_for, networks_near_the_bounds
from vqcodec import encode
from vqcodec.codec import decode_volume
from vqcodec.models.device_networks import networks_on

from .phantoms import head

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize("masked", [False, True])
def test_devices_agree(masked: bool) -> None:
    array = head((50, 60, 70), masked=masked).astype(np.float32)
    written = {device: encode(array, quality=6, device=device) for device in ("cpu", "cuda")}
    for vqz in written.values():
        voxels = [decode_volume(vqz, device=device).array for device in ("cpu", "cuda")]
        difference = np.abs(voxels[0].astype(float) - voxels[1]).max()
        assert difference <= 1e-3 * vqz.figures["range"]
    sizes = [vqz.nbytes for vqz in written.values()]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


def test_auto_takes_the_device() -> None:
    array = head().astype(np.float32)
    assert encode(array, quality=4).to_bytes() == encode(array, quality=4, device="cuda").to_bytes()


@pytest.mark.parametrize("is_coarse", [False, True])
def test_context_networks_are_exact(monkeypatch: pytest.MonkeyPatch, is_coarse: bool) -> None:
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", is_coarse)
    for seed in range(20):
        networks, columns = networks_near_the_bounds(seed), np.arange(INPUTS)
        inputs = inputs_for(networks, seed, 5000)
        found = networks_on(networks, torch.device("cuda")).outputs(1, columns, inputs)
        assert np.array_equal(found, networks.outputs(1, columns, inputs))
