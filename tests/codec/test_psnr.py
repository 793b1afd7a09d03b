"""A PSNR that is asked for is what the file's figures state, or refused with what is possible."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.golden.places import PAPER_MODEL
from vqcodec import VQZ, encode
from vqcodec.errors import LimitExceededError
from vqcodec.models.attempt import Attempt
from vqcodec.models.psnr_search import TOLERANCE, search_psnr

from .phantoms import head, nifti, part_of_a_scan

FRAMES = np.stack([head((24, 30, 28), top=top) for top in (900, 300)], axis=-1)


def psnr_of(vqz: VQZ) -> float:
    found: float = vqz.figures["psnr_foreground"]
    return found


def with_holes(array: NDArray[np.float32]) -> NDArray[np.float32]:
    array[:4, 5:9, 12:14] = np.nan
    array[12, 15, 14] = np.inf
    return array


@pytest.mark.parametrize(
    ("source", "target", "effort"),
    [
        (head((50, 48, 44)).astype(np.int16), 30.0, 1),
        (head((50, 48, 44)).astype(np.int16), 45.0, 1),
        (nifti(head((40, 33, 37), masked=False).astype(">f4"), slope=0.01, inter=3.0), 40.0, 5),
        (nifti(FRAMES.astype("<u2")), 38.0, 1),
        (with_holes(head((30, 34, 32)).astype(np.float32)), 80.0, 5),
    ],
    ids=["low", "high", "scaled", "frames", "nonfinite"],
)
def test_a_psnr_is_met(source: Any, target: float, effort: int) -> None:
    assert abs(psnr_of(encode(source, psnr=target, effort=effort)) - target) <= TOLERANCE


def test_a_real_scan_meets_its_psnr(data_root: Path) -> None:
    assert abs(psnr_of(encode(part_of_a_scan(data_root), psnr=34)) - 34) <= TOLERANCE


def test_more_than_there_is() -> None:
    array = head((20, 22, 24)).astype(np.float32)
    with pytest.raises(LimitExceededError) as refusal:
        encode(array, psnr=200)
    before, most = str(refusal.value).split(": the most is ")
    assert before == "cannot be compressed to 200 dB in the foreground"
    assert 80 < float(most.removesuffix(" dB")) < 199


@pytest.mark.parametrize("shape", [(16, 18, 14), (21, 16, 30), (34, 12, 19)])
def test_whole_numbers_come_back_exactly_where_nothing_else_will_do(
    shape: tuple[int, int, int],
) -> None:
    vqz = encode(head(shape).astype(np.uint8), psnr=150, effort=1)
    assert vqz.figures["psnr_foreground"] is None
    assert vqz.figures["max_error"] == 0


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_volume_has_none(value: int) -> None:
    with pytest.raises(LimitExceededError, match="constant"):
        encode(np.full((12, 9, 10), value, np.int16), psnr=40, force=True)


def test_tokens_as_few_as_reach_it() -> None:
    array = head((60, 50, 62)).astype(np.int16)
    options: dict[str, Any] = {"model": str(PAPER_MODEL), "force": True}
    found = [encode(array, quality=quality, **options) for quality in (1, 5, 9)]
    for vqz in found:
        fewest = min(
            (other for other in found if psnr_of(other) >= psnr_of(vqz) - TOLERANCE),
            key=lambda other: other.nbytes,
        )
        reached = encode(array, psnr=psnr_of(vqz), **options)
        assert psnr_of(reached) >= psnr_of(vqz) - TOLERANCE
        # Headers that differ by a few digits differ by a few bytes.
        assert reached.nbytes <= fewest.nbytes + 8
    most = max(psnr_of(vqz) for vqz in found)
    with pytest.raises(LimitExceededError, match=rf"with this model: the most is {most:.2f} dB"):
        encode(array, psnr=most + 5, **options)


def straight(index: int) -> float:
    return 20 + 0.09 * index


def bent(index: int) -> float:
    return 24 + 5 * math.log2(1 + 2 ** ((index - 30) / 60))


def noisy(index: int) -> float:
    return bent(index) + 0.05 * math.sin(index)


def exact(index: int) -> float:
    return bent(index) if index < 400 else math.inf


@pytest.mark.parametrize("curve", [straight, bent, noisy, exact])
@pytest.mark.parametrize("target", [26.0, 38.0, 50.0])
def test_the_search_needs_few_attempts(curve: Any, target: float) -> None:
    tried = []

    def attempt(index: int) -> Attempt:
        tried.append(index)
        return Attempt(None, 0, psnr=curve(index))  # type: ignore[arg-type]

    found = search_psnr(attempt, lambda index: 10 + 6 * index / 64, target)
    assert found.psnr is not None
    assert abs(found.psnr - target) <= TOLERANCE
    assert len(tried) <= 6


def test_the_coarsest_step_beyond_a_gap() -> None:
    def attempt(index: int) -> Attempt:
        return Attempt(None, index, psnr=exact(index))  # type: ignore[arg-type]

    found = search_psnr(attempt, straight, 70)
    assert found.psnr == math.inf
    assert 400 <= found.nbytes < 408


def test_a_coarsest_step_that_is_good_enough() -> None:
    def attempt(index: int) -> Attempt:
        return Attempt(None, index, psnr=bent(index))  # type: ignore[arg-type]

    assert search_psnr(attempt, straight, 15).nbytes == -256


def test_nothing_to_measure() -> None:
    def attempt(index: int) -> Attempt:
        return Attempt(None, index, psnr=math.nan)  # type: ignore[arg-type]

    with pytest.raises(LimitExceededError, match="no foreground"):
        search_psnr(attempt, straight, 15)
