"""On a CUDA device: the same codes, and nearly the same voxels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vqcodec import encode
from vqcodec.codec import decode_volume

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
