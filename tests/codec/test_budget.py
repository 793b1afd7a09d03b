"""Sizes, qualities and fidelities asked for are kept to, or refused with a reason."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqcodec import encode
from vqcodec.assembly import with_figures
from vqcodec.errors import LimitExceededError
from vqcodec.fitness import NAMES as FITNESS_NAMES
from vqcodec.formats.container import Container, pack
from vqcodec.formats.preamble import PACKED_FEATURE
from vqcodec.formats.sections import SectionKind
from vqcodec.layout import step_of
from vqcodec.models import step_search, wavelet_coding
from vqcodec.models.attempt import Attempt
from vqcodec.models.step_search import search_step
from vqcodec.models.wavelet_family import TRELLIS_FINER
from vqcodec.rate_control import (
    FIGURES_RESERVE,
    Budget,
    budget_of,
    step_index_of_quality,
)

from .phantoms import head, part_of_a_scan, there_and_back

VOLUME = head((64, 60, 56)).astype(np.int16)
FLOAT32_BYTES = 4 * VOLUME.size
QUALITIES = (1, 3, 6, 9, 15)


def test_default_is_at_most_0825_percent() -> None:
    vqz = encode(VOLUME)
    assert 0.88 * 0.00825 * FLOAT32_BYTES < vqz.nbytes <= 0.00825 * FLOAT32_BYTES


def test_default_of_a_small_volume_is_at_most_4_kib() -> None:
    assert 3000 < encode(head((24, 24, 24)).astype(np.float32)).nbytes <= 4096


@pytest.mark.parametrize("ratio", [0.8, 2.5])
def test_ratio(ratio: float) -> None:
    vqz = encode(VOLUME, ratio=ratio, effort=1)
    assert 0.95 * ratio < 100 * vqz.nbytes / FLOAT32_BYTES <= ratio


def test_target_bytes() -> None:
    assert 0.97 * 12_345 < encode(VOLUME, target_bytes=12_345).nbytes <= 12_345
    assert 0.9 * 2500 < encode(VOLUME, target_bytes=2500).nbytes <= 2500


def test_a_real_scan_fills_its_target(data_root: Path) -> None:
    scan = part_of_a_scan(data_root)
    assert 0.97 * 12_000 < encode(scan, target_bytes=12_000).nbytes <= 12_000


def test_figures_fit_in_what_is_kept_for_them() -> None:
    vqz = encode(VOLUME, quality=3)
    held = tuple(each for each in vqz.container.sections if each.kind != SectionKind.FIGURES)
    bare = replace(vqz.container, sections=held)
    assert vqz.nbytes - len(pack(bare)) < FIGURES_RESERVE - 25
    assert len(pack(with_figures(bare, vqz.figures))) == vqz.nbytes


three_digits, six_digits = st.integers(100, 999), st.integers(100_000, 999_999)


@given(
    st.lists(six_digits, min_size=5, max_size=5),
    st.lists(st.integers(-105, -95), min_size=2, max_size=2),
    st.lists(three_digits, min_size=len(FITNESS_NAMES), max_size=len(FITNESS_NAMES)),
    st.lists(st.integers(10**9, 2**31), min_size=2, max_size=2),
)
def test_the_longest_figures_fit(
    mantissas: list[int], exponents: list[int], fitness: list[int], counts: list[int]
) -> None:
    longest = {
        **{
            name: float(f"{mantissa}e{exponent}")
            for name, mantissa, exponent in zip(
                ("max_error", "range"), mantissas, exponents, strict=False
            )
        },
        "psnr": -mantissas[2] / 1000,
        "psnr_foreground": -mantissas[3] / 1000,
        "ms_ssim": float(f"{mantissas[4]}e-10"),
        **{name: -float(f"{n}e-7") for name, n in zip(FITNESS_NAMES, fitness, strict=True)},
        "foreground_voxels": counts[0],
        "nonfinite_voxels": counts[1],
    }
    bare = Container({}, (), incompatible=PACKED_FEATURE)
    assert len(pack(with_figures(bare, longest))) - len(pack(bare)) <= FIGURES_RESERVE


def test_more_room_than_needed_is_left_empty() -> None:
    vqz, volume = there_and_back(head((12, 12, 12)).astype(np.uint8), ratio=100)
    assert vqz.nbytes < 4 * 12**3
    assert vqz.figures["max_error"] <= 1
    assert volume.array.any()


def test_the_least_possible_is_named_and_possible() -> None:
    with pytest.raises(LimitExceededError) as refusal:
        encode(VOLUME, target_bytes=500, force=True)
    found = re.fullmatch(
        r"cannot be compressed to 500 bytes: the smallest file is (\d+) bytes", str(refusal.value)
    )
    assert found is not None
    least = int(found.group(1))
    assert encode(VOLUME, target_bytes=least, force=True).nbytes <= least


def test_quality_is_monotone_in_bytes_and_fidelity() -> None:
    found = [encode(VOLUME, quality=quality) for quality in QUALITIES]
    sizes = [vqz.nbytes for vqz in found]
    assert sizes == sorted(sizes)
    fidelity = [vqz.figures["psnr"] or math.inf for vqz in found]  # none for a perfect copy
    assert fidelity == sorted(fidelity)
    steps = [vqz.header["frames"][0]["step_index"] for vqz in found]
    plain = [step_index_of_quality(quality) for quality in QUALITIES]
    assert steps == [index + TRELLIS_FINER for index in plain]


def test_effort_is_spent() -> None:
    least, usual = (encode(VOLUME, quality=5, effort=effort) for effort in (1, 5))
    assert least.header["frames"][0]["step_index"] == usual.header["frames"][0]["step_index"]
    assert least.header["codes_sha256"] != usual.header["codes_sha256"]
    assert encode(VOLUME, quality=5).to_bytes() == usual.to_bytes()


@pytest.mark.parametrize("quality", [-2, 0, 20])
def test_qualities_beyond_the_usual(quality: float) -> None:
    vqz = encode(head((20, 22, 24)).astype(np.uint16), quality=quality, force=True)
    found = vqz.figures["psnr"]  # None for a perfect copy
    assert found is None or found > (70 if quality == 20 else 10)


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 5, "ratio": 1},
        {"ratio": 1, "target_bytes": 5000},
        {"psnr": 30, "quality": 4},
        {"psnr": 30, "target_bytes": 5000},
        {"quality": 21},
        {"quality": -3},
        {"quality": float("nan")},
        {"ratio": 0},
        {"ratio": 101},
        {"ratio": float("nan")},
        {"target_bytes": 0},
        {"psnr": 0},
        {"psnr": 201},
        {"psnr": float("nan")},
        {"effort": 0},
        {"effort": 10},
        {"effort": 2.5},
    ],
)
def test_what_cannot_be_asked_for(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"exclude|not a"):
        encode(VOLUME, **options)


@pytest.mark.parametrize("bend", [0.0, 2.0, 8.0])
@pytest.mark.parametrize("wanted", [3_000, 40_000, 400_000])
def test_the_search_needs_few_attempts(bend: float, wanted: int) -> None:
    """Sizes that bend upwards at some step, as those of noise do."""
    tried = []

    def size_at(index: int) -> int:
        return int(1500 + 200 * 2 ** (index / 90) * (1 + bend / (1 + 2 ** ((350 - index) / 10))))

    def attempt(index: int) -> Attempt:
        tried.append(index)
        return Attempt(None, size_at(index))  # type: ignore[arg-type]

    def expected_bits(step_index: int) -> float:
        return 1840 * step_of(step_index) ** (-64 / 90)

    found = search_step(attempt, expected_bits, wanted)
    room = wanted - FIGURES_RESERVE
    assert 0.95 * room < found.nbytes <= room
    assert len(tried) <= 7


def test_what_is_learned_of_a_likely_step_is_used() -> None:
    tried: list[int] = []
    believed = [5.0]

    def attempt(index: int) -> Attempt:
        tried.append(index)
        return Attempt(None, int(100 * 2 ** (index / 64)))  # type: ignore[arg-type]

    def settle(index: int) -> None:
        assert not tried
        believed[0] = 1.0

    def expected_bits(index: int) -> float:
        return 800 * believed[0] * 2 ** (index / 64)

    search_step(attempt, expected_bits, 40_000, tolerance=0.04, settle=settle)
    assert len(tried) == 1


@pytest.mark.parametrize("tolerance", [0.01, 0.04, 0.08])
def test_what_is_left_within_the_tolerance_is_not_worth_an_attempt(tolerance: float) -> None:
    """Files are 3 % smaller than expected."""
    tried: list[int] = []

    def attempt(index: int) -> Attempt:
        tried.append(index)
        return Attempt(None, int(0.97 * expected_bits(index) / 8))  # type: ignore[arg-type]

    def expected_bits(index: int) -> float:
        return 80_000 * 2 ** (index / 256)

    found = search_step(attempt, expected_bits, 40_000, tolerance=tolerance)
    room = 40_000 - FIGURES_RESERVE
    assert (1 - tolerance) * room <= found.nbytes <= room
    assert (len(tried) == 1) == (tolerance > 0.05)


@pytest.mark.parametrize("believed", [1.0, 0.9, 0.8, 0.5])
@pytest.mark.parametrize("finest", [150, 256, 600])
@pytest.mark.parametrize("allowed", [0.9, 0.99, 0.998, 0.9999])
def test_where_finer_steps_change_nothing(finest: int, believed: float, allowed: float) -> None:
    """The finest file is just too large, and what is expected of it is too little."""

    def bytes_at(index: int) -> float:
        return 20_000 * 2 ** (index / 90)

    def attempt(index: int) -> Attempt:
        used = min(index, finest)
        return Attempt(None, int(bytes_at(used)), index > finest, step_index=used)  # type: ignore[arg-type]

    wanted = int(allowed * bytes_at(finest)) + FIGURES_RESERVE
    found = search_step(attempt, lambda index: 8 * believed * bytes_at(index), wanted)
    assert 0.97 * wanted < found.nbytes <= wanted - FIGURES_RESERVE


def test_sizes_that_jump_are_halved_in() -> None:
    """As with noise, most of which becomes significant at about the same step."""
    tried: list[int] = []

    def attempt(index: int) -> Attempt:
        tried.append(index)
        tail = math.erfc((60 - index) / 50)
        return Attempt(None, int(800 + 30_000 * tail))  # type: ignore[arg-type]

    found = search_step(attempt, lambda index: 15_024 * 2 ** (index / 90), 2_500, overhead=800)
    assert 0.85 * 2_500 < found.nbytes <= 2_500 - FIGURES_RESERVE
    assert len(tried) <= 10


def test_a_constant_frame_does_not_mislead_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a frame has no step; the others take one coarser than 1, whose index is below zero."""
    asked: list[int] = []
    noted: list[int] = []
    frame_at, record = wavelet_coding._frame_at, step_search._Search.record

    def note_asked(*arguments: Any) -> Any:
        asked.append(arguments[2])
        return frame_at(*arguments)

    def note(self: Any, index: int, size: int) -> None:
        noted.append(index)
        record(self, index, size)

    monkeypatch.setattr(wavelet_coding, "_frame_at", note_asked)
    monkeypatch.setattr(step_search._Search, "record", note)
    frames = np.zeros((30, 30, 30, 2), np.float32)
    frames[..., 0] = np.random.default_rng(1).integers(0, 500, (30, 30, 30))
    encode(frames, ratio=0.5, force=True, device="cpu")
    assert min(asked) < 0
    assert noted == asked[: len(noted)]


def test_files_that_are_all_far_too_large() -> None:
    """Nothing is expected of any step."""
    tried: list[int] = []

    def attempt(index: int) -> Attempt:
        tried.append(index)
        return Attempt(None, int(20_000 * 2 ** (index / 90)))  # type: ignore[arg-type]

    found = search_step(attempt, lambda index: 1.0 + index / 4000, 12_000)
    assert 0.75 * 12_000 < found.nbytes <= 12_000 - FIGURES_RESERVE
    assert len(tried) <= 10


def test_budgets() -> None:
    none = (None, None, None, None)
    assert budget_of(*none, 0.825, 10**6) == Budget(nbytes=33_000, is_default=True)
    assert budget_of(*none, 0.825, 1000) == Budget(nbytes=4096, is_default=True)
    assert budget_of(None, 10.0, None, None, 0.825, 1000) == Budget(nbytes=400)
    assert budget_of(None, None, 77, None, 0.825, 1000) == Budget(nbytes=77)
    assert budget_of(3.5, None, None, None, 0.825, 1000) == Budget(quality=3.5)
    assert budget_of(None, None, None, 41, 0.825, 1000) == Budget(psnr=41)
