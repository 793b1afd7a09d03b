from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from vqcodec.entropy.blas import one_blas_thread


def blas_threads() -> list[int]:
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def _needs_blas() -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    if not blas_threads():
        pytest.skip("numpy is built without a BLAS that can be limited")


def test_one_thread_within_and_what_was_before_after() -> None:
    with threadpool_limits(limits=3, user_api="blas"):
        before = blas_threads()
        with one_blas_thread():
            assert set(blas_threads()) == {1}
        assert blas_threads() == before


def test_whoever_lets_go_last_restores() -> None:
    with threadpool_limits(limits=3, user_api="blas"):
        before = blas_threads()
        first, second = ExitStack(), ExitStack()
        first.enter_context(one_blas_thread())
        second.enter_context(one_blas_thread())
        first.close()
        assert set(blas_threads()) == {1}
        second.close()
        assert blas_threads() == before


def test_restored_after_an_error() -> None:
    with threadpool_limits(limits=3, user_api="blas"):
        before = blas_threads()
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            1 / 0  # noqa: B018
        assert blas_threads() == before
