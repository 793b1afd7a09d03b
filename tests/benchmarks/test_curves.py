"""Curves: interpolation over log rate, the range they cover, and the cache."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import curves
from benchmarks.curves import Curve, Figures, OutsideCurveError, Point, interpolated

from .stubs import made_scan, stub_peer


def made_point(axis: int, percent: float, decibel: float) -> Point:
    figures = Figures(decibel, decibel + 6, 0.9, None, 0.1)
    return Point(1.0, axis, 100, percent, 2.0 * percent, 1.0, figures)


def test_two_points_are_joined_by_a_line_over_log_rate() -> None:
    assert interpolated([0.1, 0.4], [30.0, 36.0], 0.2) == pytest.approx(33.0)


def test_a_line_over_log_rate_stays_one() -> None:
    rates = [0.8, 0.1, 0.2, 0.4]
    figures = [20 + 5 * math.log(rate) for rate in rates]
    assert interpolated(rates, figures, 0.33) == pytest.approx(20 + 5 * math.log(0.33))


def test_measured_points_are_met_and_repeats_are_harmless() -> None:
    rates, figures = [0.1, 0.2, 0.2, 0.5], [30.0, 33.0, 33.0, 39.0]
    for rate, figure in zip(rates, figures, strict=True):
        assert interpolated(rates, figures, rate) == pytest.approx(figure)


@pytest.mark.parametrize("rate", [0.0999, 0.401])
def test_nothing_is_extrapolated(rate: float) -> None:
    with pytest.raises(OutsideCurveError, match="outside"):
        interpolated([0.1, 0.4], [30.0, 36.0], rate)


@pytest.mark.parametrize("rates", [[], [0.2], [0.2, 0.2]])
def test_one_point_is_no_curve(rates: list[float]) -> None:
    with pytest.raises(OutsideCurveError):
        interpolated(rates, [30.0] * len(rates), 0.2)


def test_the_best_axis_at_the_rate_counts() -> None:
    points = [made_point(0, 0.1, 30), made_point(0, 0.4, 36), made_point(1, 0.1, 29)]
    curve = Curve("peer", (*points, made_point(1, 0.4, 40), made_point(2, 0.3, 99)))
    assert curve.at(0.11).psnr_foreground == pytest.approx(30 + 6 * math.log(1.1) / math.log(4))
    assert curve.at(0.39).psnr_foreground > 39
    assert curve.at(0.39).ms_ssim_paper is None
    with pytest.raises(OutsideCurveError, match="peer has no points around"):
        curve.at(0.5)


def test_seconds_are_those_of_the_nearest_rate() -> None:
    curve = Curve("peer", (made_point(0, 0.1, 30), made_point(0, 0.4, 36)))
    assert curve.seconds_near(0.35) == (0.8, 1.0)


def test_settings_enclose_the_range_and_no_more(tmp_path: Path) -> None:
    scan, peer = made_scan(), stub_peer(settings=(2, 3, 4, 6, 8, 12, 16, 24, 32))
    low, high = scan.percent(20 * 4) * 1.01, scan.percent(20 * 12) * 1.01
    assert curves.enclosing_settings(peer, scan, 0, low, high, tmp_path) == [4, 6, 8, 12, 16]


def test_a_ladder_that_ends_early_gives_what_it_has(tmp_path: Path) -> None:
    found = curves.enclosing_settings(stub_peer(), made_scan(), 0, 1e-6, 99.0, tmp_path)
    assert found == [2, 4, 8, 16, 32]


def test_a_curve_improves_with_rate(tmp_path: Path) -> None:
    scan = made_scan()
    curve = curves.curve(stub_peer(axes=(0, 2)), scan, 1e-6, 99.0, tmp_path)
    assert len(curve.points) == 10
    near, far = scan.percent(50), scan.percent(600)
    assert curve.at(near).psnr_foreground < curve.at(far).psnr_foreground
    assert curve.at(near).ms_ssim_paper is not None


def test_the_second_run_encodes_nothing(tmp_path: Path) -> None:
    seen: list[tuple[float, int]] = []
    scan, peer = made_scan(), stub_peer(seen=seen)
    first = curves.curve(peer, scan, 1e-6, 99.0, tmp_path)
    assert len(seen) == 5
    assert curves.curve(peer, scan, 1e-6, 99.0, tmp_path) == first
    assert len(seen) == 5


def test_another_version_scan_or_axis_is_measured_again(tmp_path: Path) -> None:
    scan, peer = made_scan(), stub_peer()
    path = curves.stream_path(peer, scan, 4, 0, tmp_path)
    other = replace(scan, values=scan.values * 2)
    assert path == curves.stream_path(peer, replace(scan), 4, 0, tmp_path)
    assert path != curves.stream_path(stub_peer(software="stub 2"), scan, 4, 0, tmp_path)
    assert path != curves.stream_path(peer, scan, 4, 1, tmp_path)
    assert path != curves.stream_path(peer, scan, 8, 0, tmp_path)
    assert path != curves.stream_path(peer, other, 4, 0, tmp_path)


def test_another_foreground_is_measured_again_on_the_same_stream(tmp_path: Path) -> None:
    seen: list[tuple[float, int]] = []
    scan, peer = made_scan(), stub_peer(seen=seen)
    narrow = replace(scan, foreground=scan.values > 0.8)
    first = curves.point(peer, scan, 4, 0, tmp_path)
    second = curves.point(peer, narrow, 4, 0, tmp_path)
    assert seen == [(4, 0)]
    assert first.figures.psnr_foreground != second.figures.psnr_foreground


def test_whole_heads_have_no_figure_on_the_papers_grid() -> None:
    scan = made_scan()
    assert curves.measured(scan, scan.values).ms_ssim_paper == pytest.approx(1.0)
    assert curves.measured(replace(scan, whole_head=True), scan.values).ms_ssim_paper is None


def test_a_missing_peer_is_said() -> None:
    said: list[str] = []
    there, gone = stub_peer("here"), stub_peer("gone", missing="it is not installed")
    assert curves.usable([there, gone], said.append) == [there]
    assert said == ["gone: not measured, it is not installed"]


def test_cache_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VQCODEC_BENCH_CACHE", str(tmp_path))
    assert curves.cache_folder() == tmp_path
    monkeypatch.delenv("VQCODEC_BENCH_CACHE")
    assert curves.cache_folder().parts[-2:] == ("benchmarks", ".cache")
