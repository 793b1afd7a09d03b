from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import torch

from vqcodec.trainer.dct import dct_3d


@pytest.mark.parametrize("shape", [(8, 6, 4), (5, 7, 9), (1, 2, 3), (64, 48, 33)])
def test_against_scipy(shape: tuple[int, int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 1, *shape))
    expected = scipy.fft.dctn(x, axes=(-3, -2, -1), norm="ortho")
    np.testing.assert_allclose(dct_3d(torch.from_numpy(x)).numpy(), expected, atol=1e-12)
    single = dct_3d(torch.from_numpy(x).float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, atol=2e-5)


def test_energy_is_kept_and_gradients_are_right() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 1, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(dct_3d(x).square().sum(), x.square().sum())
    assert torch.autograd.gradcheck(dct_3d, x)
