"""Label images are refused, and compressed all the same when that is insisted on."""

from __future__ import annotations

import numpy as np
import pytest

from vqcodec import encode
from vqcodec.errors import VolumeError

from .phantoms import SHAPE, head, nifti, radius, there_and_back

TISSUES = np.digitize(radius(SHAPE), [0.3, 0.6, 0.9]).astype(np.uint8)


def test_few_whole_numbers() -> None:
    with pytest.raises(VolumeError, match=r"label image.*--force"):
        encode(TISSUES)
    vqz, volume = there_and_back(TISSUES, force=True)
    assert volume.array.dtype == np.uint8
    assert np.mean(volume.array == TISSUES) > 0.99
    assert vqz.figures["max_error"] <= 1


def test_header_that_says_so() -> None:
    source = nifti(head().astype(np.int16), intent_code=1002)
    with pytest.raises(VolumeError, match="NIfTI intent 1002"):
        encode(source)
    _, volume = there_and_back(source, force=True)
    assert volume.header_bytes == source.header_bytes


def test_booleans() -> None:
    mask = head() > 300
    with pytest.raises(VolumeError, match="boolean"):
        encode(mask)
    _, volume = there_and_back(mask, force=True, quality=9)
    assert volume.array.dtype == bool
    assert np.mean(volume.array == mask) > 0.99
