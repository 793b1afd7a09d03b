"""A file that the first release's default model wrote still decodes, to the same codes."""

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

FILE = Path(__file__).with_name("first-default-model.vqz")
CODES = "1cf4ab36c975850d51f87ae26018683542ce8c1e778e78f34be566c090091ce6"


def test_first_default_model() -> None:
    assert vqcodec.verify(FILE) == {"codes_sha256": CODES, "model": "vqcodec-t1-1", "frames": 1}
    vqz = VQZ.open(FILE)
    assert vqz.parsed.entropy == "context-range-1"
    source = nifti(head((40, 70, 44)).astype(np.int16))
    decoded = decode_volume(vqz, device="cpu")
    figures = measure(scaled_values(source), scaled_values(decoded))
    assert figures["psnr_foreground"] == pytest.approx(vqz.figures["psnr_foreground"], abs=1e-3)
    assert decoded.header_bytes == source.header_bytes


def test_its_coder_is_not_that_of_the_default_model() -> None:
    default = next(model for model in vqcodec.list_models() if model.default)
    vqz = vqcodec.encode(head().astype(np.int16), quality=3, effort=1, device="cpu")
    assert vqz.parsed.model.id == default.id == "vqcodec-t1-2"
    assert vqz.parsed.entropy == "context-tiles-1"
