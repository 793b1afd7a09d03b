"""The files that are decoded everywhere: float32 volumes, so that rounding hides nothing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import vqcodec
from tests.codec.phantoms import head
from vqcodec.codec import decode_volume
from vqcodec.vqz import VQZ

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent / "vectors"
OWN = {"default-low": (2, True), "default-high": (8, True), "default-whole": (5, False)}
SHAPE = (72, 90, 76)
VECTOR_NAMES = ("good-float32-whole", "good-tiles-float32-whole", "good-paper-float32-whole")
#: VQZ.md, section 11.12: shares of the frame's scale.
TOLERANCE = 1e-3


def path_of(name: str) -> Path:
    """Where a file is."""
    return (HERE if name in OWN else VECTORS) / f"{name}.vqz"


def names() -> tuple[str, ...]:
    """All files."""
    return (*OWN, *VECTOR_NAMES)


def write_missing() -> None:
    """Write the files of the default model that are not there."""
    for name, (quality, masked) in OWN.items():
        if not path_of(name).exists():
            values = head(SHAPE, masked=masked).astype(np.float32)
            vqcodec.encode(values, quality=quality, device="cpu").save(path_of(name))


def decoded(name: str, device: str = "cpu", threads: int | None = None) -> NDArray[np.float64]:
    """Voxels of a file in units of its scale, decoded with that many threads."""
    before = torch.get_num_threads()
    os.environ.setdefault(
        "VQZ_MODEL_PATH", os.pathsep.join(map(str, VECTORS.glob("model-*.safetensors")))
    )
    torch.set_num_threads(threads or before)
    try:
        vqz = VQZ.open(path_of(name))
        voxels = decode_volume(vqz, device=device).array.astype(np.float64)
        return voxels / vqz.parsed.frames[0].scale
    finally:
        torch.set_num_threads(before)
