"""Rate-distortion points of a peer on a scan: measured once, cached, interpolated.

The cache (``benchmarks/.cache``, git-ignored, or ``$VQCODEC_BENCH_CACHE``) holds one
folder per scan. A stream is found again by the scan's digest, the peer, its setting, the
slicing axis and the versions of its software; its figures also by the definition of the
metrics. Nothing in it is ever trusted beyond that, so deleting it costs time only.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from vqcodec import metrics

from .peers import Array, Peer
from .scans import PAPER_GRID, Scan

FIGURES_DEFINITION = "foreground psnr, psnr, ms_ssim_3d own and paper grid, max error: 1"


class OutsideCurveError(Exception):
    """A rate lies outside the measured points; curves are never extrapolated."""


@dataclass(frozen=True)
class Figures:
    """Fidelity of one decoded volume against its scan (range 1.0).

    Attributes
    ----------
    psnr_foreground, psnr : float
        Decibels over the foreground and over the whole grid.
    ms_ssim : float
        3D MS-SSIM on the scan's own grid.
    ms_ssim_paper : float or None
        The same after zero-padding both to 192x256x192, for stripped scans that fit.
    max_error : float
        Largest absolute difference.
    """

    psnr_foreground: float
    psnr: float
    ms_ssim: float
    ms_ssim_paper: float | None
    max_error: float


@dataclass(frozen=True)
class Point:
    """One coded file: its setting, its size and what came back."""

    setting: float
    axis: int
    nbytes: int
    percent: float
    encode_seconds: float
    decode_seconds: float
    figures: Figures


def point_of(held: Mapping[str, Any]) -> Point:
    """A point as a results file holds it."""
    return Point(**{**held, "figures": Figures(**held["figures"])})


@dataclass(frozen=True)
class Curve:
    """All points of one peer on one scan."""

    peer: str
    points: tuple[Point, ...]

    def at(self, percent: float) -> Figures:
        """Figures at a rate, along the slicing axis with the best foreground PSNR there.

        Raises
        ------
        OutsideCurveError
            When no axis has measured points on both sides of ``percent``.
        """
        found = []
        for axis in sorted({point.axis for point in self.points}):
            try:
                found.append(self._along(axis, percent))
            except OutsideCurveError:
                continue
        if not found:
            raise OutsideCurveError(f"{self.peer} has no points around {percent:.4g} %")
        return max(found, key=lambda figures: figures.psnr_foreground)

    def _along(self, axis: int, percent: float) -> Figures:
        points = [point for point in self.points if point.axis == axis]
        rates = [point.percent for point in points]

        def read(figures: Sequence[float]) -> float:
            return interpolated(rates, figures, percent)

        paper = [point.figures.ms_ssim_paper for point in points]
        known = [value for value in paper if value is not None]
        return Figures(
            psnr_foreground=read([point.figures.psnr_foreground for point in points]),
            psnr=read([point.figures.psnr for point in points]),
            ms_ssim=read([point.figures.ms_ssim for point in points]),
            ms_ssim_paper=read(known) if len(known) == len(paper) else None,
            max_error=read([point.figures.max_error for point in points]),
        )

    def seconds_near(self, percent: float) -> tuple[float, float]:
        """Encode and decode seconds of the point nearest in rate."""
        nearest = min(self.points, key=lambda point: abs(np.log(point.percent / percent)))
        return nearest.encode_seconds, nearest.decode_seconds


def interpolated(rates: Sequence[float], figures: Sequence[float], rate: float) -> float:
    """A figure at ``rate`` by monotone cubic interpolation over the logarithm of the rate.

    Parameters
    ----------
    rates, figures : sequences of float
        Measured points in any order; at least two different rates.
    rate : float
        In the unit of ``rates``.

    Raises
    ------
    OutsideCurveError
        When ``rate`` is outside the measured rates.
    """
    places = np.log(np.asarray(rates, dtype=np.float64))
    order = np.argsort(places, kind="stable")
    places, heights = places[order], np.asarray(figures, dtype=np.float64)[order]
    distinct = np.concatenate([[True], np.diff(places) > 0]) if places.size else np.zeros(0, bool)
    places, heights = places[distinct], heights[distinct]
    wanted = np.log(rate)
    if places.size < 2 or not places[0] <= wanted <= places[-1]:
        raise OutsideCurveError(f"{rate:.4g} % is outside the measured points")
    return float(PchipInterpolator(places, heights)(wanted))


def measured(scan: Scan, decoded: Array) -> Figures:
    """All figures of a decoded volume, ``decoded`` of the scan's shape."""
    return Figures(
        psnr_foreground=metrics.psnr(scan.values, decoded, 1.0, scan.foreground),
        psnr=metrics.psnr(scan.values, decoded, 1.0),
        ms_ssim=metrics.ms_ssim_3d(scan.values, decoded, 1.0),
        ms_ssim_paper=ms_ssim_on_paper_grid(scan, decoded),
        max_error=metrics.max_error(scan.values, decoded),
    )


def ms_ssim_on_paper_grid(scan: Scan, decoded: Array) -> float | None:
    """MS-SSIM after zero-padding to 192x256x192; None for whole heads and larger scans."""
    fits = all(side <= most for side, most in zip(scan.values.shape, PAPER_GRID, strict=True))
    if scan.whole_head or not fits:
        return None
    margins = [(0, most - side) for side, most in zip(scan.values.shape, PAPER_GRID, strict=True)]
    return metrics.ms_ssim_3d(np.pad(scan.values, margins), np.pad(decoded, margins), 1.0)


def curve(peer: Peer, scan: Scan, low: float, high: float, cache: Path | None = None) -> Curve:
    """Points of ``peer`` that enclose the rates from ``low`` to ``high`` percent.

    Along every axis the ladder of settings is entered in the middle and climbed both ways
    until the range is enclosed or the ladder ends.
    """
    points: list[Point] = []
    for axis in peer.axes:
        for setting in enclosing_settings(peer, scan, axis, low, high, cache):
            points.append(point(peer, scan, setting, axis, cache))
    return Curve(peer.name, tuple(points))


def enclosing_settings(
    peer: Peer, scan: Scan, axis: int, low: float, high: float, cache: Path | None = None
) -> list[float]:
    """The part of the ladder around ``low`` to ``high`` percent, smallest file first."""

    def percent(index: int) -> float:
        data, _ = stream(peer, scan, peer.settings[index], axis, cache)
        return scan.percent(peer.charged(data))

    first = last = len(peer.settings) // 2
    while first > 0 and percent(first) > low:
        first -= 1
    while last < len(peer.settings) - 1 and percent(last) < high:
        last += 1
    while first < last and percent(first + 1) <= low:
        first += 1
    while last > first and percent(last - 1) >= high:
        last -= 1
    return list(peer.settings[first : last + 1])


def point(peer: Peer, scan: Scan, setting: float, axis: int, cache: Path | None = None) -> Point:
    """One measured point, from the cache where it is there."""
    data, encode_seconds = stream(peer, scan, setting, axis, cache)
    definition = hashlib.sha256(
        np.packbits(scan.foreground).tobytes() + FIGURES_DEFINITION.encode()
    ).hexdigest()
    stored = stream_path(peer, scan, setting, axis, cache).with_suffix(f".{definition[:12]}.json")
    if stored.is_file():
        record = json.loads(stored.read_text())
        record["figures"] = Figures(**record["figures"])
        return Point(**record)
    start = time.perf_counter()
    decoded = peer.decode(data, scan.values.shape, axis)
    decode_seconds = time.perf_counter() - start
    made = Point(
        setting=setting,
        axis=axis,
        nbytes=peer.charged(data),
        percent=scan.percent(peer.charged(data)),
        encode_seconds=encode_seconds,
        decode_seconds=decode_seconds,
        figures=measured(scan, decoded),
    )
    write_atomically(stored, json.dumps(asdict(made)).encode())
    return made


def stream(
    peer: Peer, scan: Scan, setting: float, axis: int, cache: Path | None = None
) -> tuple[bytes, float]:
    """The coded bytes and the seconds the encoder took, from the cache where it is there."""
    path = stream_path(peer, scan, setting, axis, cache)
    timing = path.with_suffix(".seconds")
    if path.is_file() and timing.is_file():
        return path.read_bytes(), float(timing.read_text())
    start = time.perf_counter()
    data = peer.encode(scan.values, setting, axis)
    seconds = time.perf_counter() - start
    write_atomically(timing, f"{seconds:.3f}".encode())
    write_atomically(path, data)
    return data, seconds


def stream_path(
    peer: Peer, scan: Scan, setting: float, axis: int, cache: Path | None = None
) -> Path:
    """Where the stream of this peer, setting, axis and software lies in the cache."""
    key = json.dumps([scan.values_digest, peer.name, setting, axis, peer.software()])
    name = peer.name.lower().replace(" ", "-")
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    folder = (cache or cache_folder()) / scan.name
    return folder / f"{name}_{setting:g}_{axis}_{digest}.bin"


def cache_folder() -> Path:
    """``$VQCODEC_BENCH_CACHE`` or ``benchmarks/.cache``."""
    named = os.environ.get("VQCODEC_BENCH_CACHE")
    return Path(named) if named else Path(__file__).resolve().parent / ".cache"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file of the cache, so that an interrupted run leaves none that is half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + f".{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def usable(peers: Sequence[Peer], say: Callable[[str], None]) -> list[Peer]:
    """Peers that can run here; ``say`` gets a line for each that cannot."""
    found = []
    for peer in peers:
        reason = peer.missing()
        if reason is None:
            found.append(peer)
        else:
            say(f"{peer.name}: not measured, {reason}")
    return found
