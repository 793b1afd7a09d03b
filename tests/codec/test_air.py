"""The air around a whole head can be left out; nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import vqcodec
from vqcodec.air import air, without_air

from .phantoms import head, nifti, radius

SHAPE = (44, 50, 46)


@pytest.fixture
def noisy() -> NDArray[np.int16]:
    """A head in Rician noise, with a dark hole inside of it."""
    rng = np.random.default_rng(1)
    values = head(SHAPE)
    values[20:24, 20:24, 20:24] = 0
    noise = rng.normal(0, 20, (2, *SHAPE))
    return np.sqrt((values + noise[0]) ** 2 + noise[1] ** 2).astype(np.int16)


def test_air_is_what_is_around(noisy: NDArray[np.int16]) -> None:
    outside = air(noisy)
    assert outside is not None
    from_centre = radius(SHAPE)
    assert not outside[from_centre < 0.95].any()
    assert outside[from_centre > 1.4].all()


def test_only_air_is_changed(noisy: NDArray[np.int16]) -> None:
    volume = nifti(np.stack([noisy, noisy + np.int16(1)], axis=-1))
    cleaned = without_air(volume)
    for frame in (0, 1):
        before, after = volume.array[..., frame], cleaned.array[..., frame]
        outside = air(before)
        assert outside is not None
        np.testing.assert_array_equal(after[outside], 0)
        np.testing.assert_array_equal(after[~outside], before[~outside])
    assert cleaned.header_bytes == volume.header_bytes


def test_nothing_to_do() -> None:
    stripped = head(SHAPE).astype(np.int16)
    assert air(stripped) is None
    assert air(np.full((9, 9, 9), 5, np.int16)) is None
    assert air(np.random.default_rng(0).integers(500, 600, (20, 20, 20))) is None
    flat = np.arange(40, dtype=np.float32)
    np.testing.assert_array_equal(vqcodec.decode(vqcodec.encode(flat, drop_air=True)).shape, (40,))


def test_smaller_files_and_a_background_of_zeros(noisy: NDArray[np.int16]) -> None:
    kept = vqcodec.encode(noisy, quality=8, effort=1, device="cpu")
    dropped = vqcodec.encode(noisy, quality=8, effort=1, drop_air=True, device="cpu")
    assert dropped.nbytes < kept.nbytes
    outside = air(noisy)
    assert not vqcodec.decode(dropped, device="cpu")[outside].any()
    assert dropped.figures["psnr_foreground"] > kept.figures["psnr_foreground"] - 1
