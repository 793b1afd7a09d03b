"""Files that earlier default models wrote still decode, to the same codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vqcodec
from vqcodec import VQZ
from vqcodec.codec import decode_volume
from vqcodec.figures import measure
from vqcodec.formats.volumes import scaled_values

from .phantoms import head, nifti

HERE = Path(__file__).parent
FILES = {
    "first-default-model.vqz": (
        "vqcodec-t1-1",
        "context-range-1",
        "1cf4ab36c975850d51f87ae26018683542ce8c1e778e78f34be566c090091ce6",
    ),
    "second-default-model.vqz": (
        "vqcodec-t1-2",
        "context-tiles-1",
        "bd71eecaca6f4965cc445f58e8cf46afbc997d3bd706a4fe0a43e4a796d0fe1f",
    ),
    "third-default-model.vqz": (
        "vqcodec-t1-3",
        "context-tiles-1",
        "76ea23533e734af2b4ebcd921d886ed22e92ac8ae73516d0d37fd61eeec1a31d",
    ),
    "fourth-default-model.vqz": (
        "vqcodec-t1-4",
        "context-tiles-1",
        "76ea23533e734af2b4ebcd921d886ed22e92ac8ae73516d0d37fd61eeec1a31d",
    ),
    "fifth-default-model.vqz": (
        "vqcodec-t1-5",
        "context-tiles-2",
        "9e94fd8ee3bbfc2da946c4c8fdb6fcacdd146204f14a3472eaa098285456b224",
    ),
    "sixth-default-model.vqz": (
        "vqcodec-t1-6",
        "context-tiles-2",
        "44e99568ad1f89e972d140878944fb77679a8a473333f310cbd41aeaedf24965",
    ),
    "seventh-default-model.vqz": (
        "vqcodec-t1-7",
        "context-tiles-3",
        "b08a671c9cd24534404ea2a926d08c4935dad2bbbc02c09a1c97ae46bc8453e2",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_earlier_default_models(name: str) -> None:
    model, entropy, codes = FILES[name]
    wanted = {"codes_sha256": codes, "model": model, "frames": 1}
    assert vqcodec.verify(HERE / name) == wanted
    vqz = VQZ.open(HERE / name)
    assert vqz.parsed.entropy == entropy
    source = nifti(head((40, 70, 44)).astype(np.int16))
    decoded = decode_volume(vqz, device="cpu")
    figures = measure(scaled_values(source), scaled_values(decoded))
    assert figures["psnr_foreground"] == pytest.approx(vqz.figures["psnr_foreground"], abs=1e-3)
    assert decoded.header_bytes == source.header_bytes


def test_the_default_model() -> None:
    default = next(model for model in vqcodec.list_models() if model.default)
    vqz = vqcodec.encode(head().astype(np.int16), quality=3, effort=1, device="cpu")
    assert vqz.parsed.model.id == default.id
    assert default.id not in {model for model, _, _ in FILES.values()}
    assert vqz.parsed.entropy == "context-tiles-3"
