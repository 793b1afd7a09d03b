"""Rate-distortion and rate differences as tables and plots of the results page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .bd_rate import HIGH_PERCENT, LOW_PERCENT, Difference, foreground_psnr, similarity
from .bd_rate_report import by_source
from .bd_rate_scan import ScanResult
from .curves import Curve, Figures, OutsideCurveError, interpolated
from .own_curve import OURS
from .rate_distortion import Result
from .report import REFERENCE_GROUP, averaged
from .tables import Plot, Series, Table, mean, number

PLOT_RATES = tuple(0.1 * 2 ** (index / 3) for index in range(10))
#: On some scans, the smallest file of SVT-AV1 is just above 0.1 %.
TABLE_RATES = (0.11, 0.2, 0.35, 0.6, 0.8)
DIFFERENCE_NOTES = (
    "Percent of bytes that vqcodec needs more (+) or less (-) than the peer for the same quality, "
    "Bjontegaard with Akima interpolation, over the quality that both reach between "
    f"{LOW_PERCENT:g} and {HIGH_PERCENT:g} % of float32, along the slicing axis that serves the "
    "peer best; mean over scans. -: one of the scans has no quality that both reach, or the peer "
    "was not measured.",
)


def all_tables(results: Sequence[ScanResult], peers: Sequence[str]) -> tuple[Table, ...]:
    """Rate differences, then figures at equal bytes."""
    return (*difference_tables(results, peers), *equal_bytes_tables(results, peers))


def difference_tables(results: Sequence[ScanResult], peers: Sequence[str]) -> list[Table]:
    """Mean rate differences by data set: on foreground PSNR, and on MS-SSIM."""
    found = []
    axes: list[tuple[str, Callable[[ScanResult], Mapping[str, Difference]]]] = [
        ("in-brain PSNR", lambda result: result.differences),
        ("MS-SSIM", lambda result: result.similarity_differences),
    ]
    for name, read in axes:
        rows = []
        for group, chosen in by_source(results).items():
            percents = [mean([_percent(read(result), peer) for result in chosen]) for peer in peers]
            cells = [number(percent, "+.1f") for percent in percents]
            rows.append((group, str(len(chosen)), *cells))
        title = f"BD-rate on {name}, %"
        found.append(Table(title, ("scans of", "scans", *peers), tuple(rows), DIFFERENCE_NOTES))
    return found


def equal_bytes_tables(results: Sequence[ScanResult], peers: Sequence[str]) -> list[Table]:
    """Foreground PSNR and MS-SSIM at some rates, means over the reference scans."""
    group = _shown_group([result.group for result in results if result.points])
    reference = [result for result in results if result.group == group and result.points]
    notes = (
        f"Means over {len(reference)} scans of {group}, read off the measured curves, along the "
        "slicing axis that serves a peer best. -: a curve does not reach that rate on every scan.",
    )
    found = []
    for name, read, form in (
        ("In-brain PSNR, dB", foreground_psnr, ".2f"),
        ("MS-SSIM", ms_ssim, ".4f"),
    ):
        lines = {OURS: [_own(result, read) for result in reference]}
        for peer in peers:
            curves = [one for result in reference for one in result.curves if one.peer == peer]
            has_all = len(curves) == len(reference)
            lines[peer] = [_peer(one, read) for one in curves] if has_all else []
        rows = [
            (f"{rate:g} %", *(number(_mean_at(rate, each), form) for each in lines.values()))
            for rate in TABLE_RATES
        ]
        found.append(Table(f"{name}, at equal bytes", ("file", *lines), tuple(rows), notes))
    return found


def ms_ssim(figures: Figures) -> float:
    """MS-SSIM on the scan's own grid."""
    return figures.ms_ssim


def curve_plots(results: Sequence[ScanResult]) -> list[Plot]:
    """Quality over rate, means over the reference scans, at rates that every scan encloses.

    Without reference scans, those of the first source are shown.
    """
    group = _shown_group([result.group for result in results if result.points])
    reference = [result for result in results if result.group == group and result.points]
    found = []
    for label, quality in (
        ("in-brain PSNR, dB", foreground_psnr),
        ("-10 log10(1 - MS-SSIM)", similarity),
    ):
        own = [_own(result, quality) for result in reference]
        series = [_mean_line(OURS, own)]
        names = dict.fromkeys(one.peer for result in reference for one in result.curves)
        for name in names:
            lines = [
                _peer(one, quality)
                for result in reference
                for one in result.curves
                if one.peer == name
            ]
            if len(lines) == len(reference):
                series.append(_mean_line(name, lines))
        shown = tuple(one for one in series if one.x)
        title = f"{label.partition(',')[0]} over rate, mean of {len(reference)} ({group})"
        if shown:
            found.append(Plot(title, "% of float32", label, shown, log_x=True))
    return found


def comparison_tables(results: Sequence[Result]) -> list[Table]:
    """Means over the reference scans at equal bytes, a table for each rate."""
    columns = (
        *("codec", "scans", "%", "in-brain dB", "whole dB", "MS-SSIM", "MS-SSIM 192x256x192"),
        *("largest error", "encode s", "decode s"),
    )
    found = []
    group = _shown_group([result.group for result in results])
    for asked in dict.fromkeys(result.asked for result in results):
        rows = []
        for codec in dict.fromkeys(result.codec for result in results):
            chosen = [one for one in results if (one.codec, one.asked) == (codec, asked)]
            one = averaged(results, group, codec, asked)
            count = sum(result.group == group for result in chosen)
            rows.append((codec, str(count), *_comparison_cells(one)))
        title = "default setting" if asked is None else f"{asked:g} % of float32"
        notes = (
            f"Means over the scans of {group}; the file of vqcodec sets the bytes at "
            "which the peers' measured curves are read, along the axis that serves them best.",
        )
        found.append(Table(f"At equal bytes, {title}", columns, tuple(rows), notes))
    return found


def _shown_group(groups: Sequence[str]) -> str:
    """Source whose means are shown: that of the reference scans, if there are any."""
    return groups[0] if groups and REFERENCE_GROUP not in groups else REFERENCE_GROUP


def _comparison_cells(one: Result) -> list[str]:
    figures = one.figures
    if figures is None:
        return [number(one.percent, ".4f"), *(["-"] * 7)]
    return [
        number(one.percent, ".4f"),
        number(figures.psnr_foreground, ".2f"),
        number(figures.psnr, ".2f"),
        number(figures.ms_ssim, ".5f"),
        number(figures.ms_ssim_paper, ".5f"),
        number(figures.max_error, ".3f"),
        number(one.encode_seconds, ".1f"),
        number(one.decode_seconds, ".1f"),
    ]


def _percent(differences: Mapping[str, Difference], peer: str) -> float | None:
    return differences[peer].percent if peer in differences else None


def _own(result: ScanResult, quality: Callable[[Figures], float]) -> Callable[[float], float]:
    rates = [point.percent for point in result.points]
    heights = [quality(point.figures) for point in result.points]
    return lambda rate: interpolated(rates, heights, rate)


def _peer(curve: Curve, quality: Callable[[Figures], float]) -> Callable[[float], float]:
    return lambda rate: quality(curve.at(rate))


def _mean_line(name: str, lines: Sequence[Callable[[float], float]]) -> Series:
    means = [(rate, _mean_at(rate, lines)) for rate in PLOT_RATES]
    points = [(rate, height) for rate, height in means if height is not None]
    return Series(name, tuple(rate for rate, _ in points), tuple(height for _, height in points))


def _mean_at(rate: float, lines: Sequence[Callable[[float], float]]) -> float | None:
    """Mean of all lines at a rate; None where there are none, or one does not reach it."""
    try:
        return mean([line(rate) for line in lines])
    except OutsideCurveError:
        return None
