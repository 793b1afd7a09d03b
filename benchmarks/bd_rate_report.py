"""The table of rate differences, its means by source, and what is required of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .bd_rate import HIGH_PERCENT, LOW_PERCENT, Reached
from .bd_rate_scan import SIMILARITY, ScanResult
from .peers_masked import MASKED_NAME
from .report import REFERENCE_GROUP, REFERENCE_PEER, Requirement

MOST_ELSEWHERE = -15.0
MOST_WHOLE_HEADS = 0.0
MOST_SIMILAR_PERCENT = 0.12
NAME_WIDTH = 26
LEAST_OVERLAP_DECIBEL = 3.0

FOOTNOTES = f"""\
Bjontegaard rate difference of vqcodec to the peer, percent, on foreground PSNR, over the PSNR range
that both reach between {LOW_PERCENT:g} and {HIGH_PERCENT:g} % of float32; the slicing axis that \
serves a peer best.
Below zero: vqcodec needs fewer bytes. 0.998: rate in percent at which vqcodec reaches that MS-SSIM
on the scan's own grid, and zero-padded to 192x256x192 in percent of that. Means are of scans.
{MASKED_NAME}: the foreground mask at the bytes it takes in a file of vqcodec, the
background filled by vqcodec before SVT-AV1 sees it."""


@dataclass(frozen=True)
class Bar:
    """What one rate difference on the reference scans may be at most, in percent."""

    peer: str
    most: float
    goal: float | None = None


REFERENCE_BARS = (
    Bar(REFERENCE_PEER, -35.0, -45.0),
    Bar(MASKED_NAME, -20.0),
    Bar("x265 slow", -45.0),
    Bar("SPERR 3D", -60.0),
)


def table(results: Sequence[ScanResult], peers: Sequence[str]) -> str:
    """A line per scan and a mean per source; a column per peer."""
    head = f"{'BD-rate, %':<{NAME_WIDTH}}" + "".join(f"{name:>{_width(name)}}" for name in peers)
    lines = [head + f"{'0.998 at':>10}{'192x256x192':>13}"]
    for group, chosen in by_source(results).items():
        lines += [_line(found.scan, [found], peers) for found in chosen]
        lines.append(_line(f"{group}: mean of {len(chosen)}", chosen, peers))
    return "\n".join(lines)


def by_source(results: Sequence[ScanResult]) -> dict[str, list[ScanResult]]:
    """Results of each data set, in the order they were measured."""
    found: dict[str, list[ScanResult]] = {}
    for result in results:
        found.setdefault(result.group, []).append(result)
    return found


def mean_difference(results: Sequence[ScanResult], peer: str) -> float | None:
    """Mean rate difference to a peer; None where one of the scans has none."""
    found = [one.differences[peer].percent for one in results if peer in one.differences]
    return sum(found) / len(found) if found and len(found) == len(results) else None


def mean_reached(rates: Sequence[Reached | None]) -> Reached | None:
    """Mean of rates; a bound where one of them is, None where one was never reached."""
    found = [rate for rate in rates if rate is not None]
    if not found or len(found) < len(rates):
        return None
    mean = sum(rate.percent for rate in found) / len(found)
    return Reached(mean, any(rate.is_bound for rate in found))


def requirements(results: Sequence[ScanResult]) -> list[Requirement]:
    """The demands on rate differences, judged on the scans at hand."""
    sources = by_source(results)
    reference = sources.pop(REFERENCE_GROUP, [])
    demands = [_at_most(reference, REFERENCE_GROUP, bar) for bar in REFERENCE_BARS]
    for group, chosen in sources.items():
        is_whole = any(found.whole_head for found in chosen)
        name = f"{group} (whole heads)" if is_whole else group
        most = MOST_WHOLE_HEADS if is_whole else MOST_ELSEWHERE
        demands.append(_at_most(chosen, name, Bar(REFERENCE_PEER, most)))
    own, padded = "own grid", "zero-padded to 192x256x192"
    demands.append(_similar(own, [found.similar for found in reference]))
    demands.append(_similar(padded, [found.similar_paper for found in reference]))
    return demands


def notes(results: Sequence[ScanResult]) -> list[str]:
    """What is missing in the table, and rate differences over a narrow range of PSNR."""
    lines = []
    for result in results:
        lines += [f"{result.scan}: {note}" for note in result.notes]
        for peer, difference in result.differences.items():
            width = difference.high - difference.low
            if width < LEAST_OVERLAP_DECIBEL:
                lines.append(f"{result.scan}: {peer} shares only {width:.1f} dB with vqcodec")
    return lines


def _at_most(results: Sequence[ScanResult], name: str, bar: Bar) -> Requirement:
    text = f"mean BD-rate to {bar.peer} on {name} at most {bar.most:g} %"
    mean = mean_difference(results, bar.peer)
    if mean is None:
        return Requirement(text, "not measured", None)
    words = f"{mean:+.1f} %, {_verdict(mean - bar.most, '.1f', 'points')}"
    if bar.goal is not None:
        words += f"; goal {bar.goal:g} % {_verdict(mean - bar.goal, '.1f', 'points')}"
    return Requirement(text, words, mean <= bar.most)


def _similar(where: str, rates: Sequence[Reached | None]) -> Requirement:
    text = f"mean rate of MS-SSIM {SIMILARITY:g} on {REFERENCE_GROUP}"
    text += f" at most {MOST_SIMILAR_PERCENT:g} %, {where}"
    mean = mean_reached(rates)
    if mean is None and not rates:
        return Requirement(text, "not measured", None)
    if mean is None:
        return Requirement(text, f"not reached on {rates.count(None)} of {len(rates)} scans", False)
    largest = max(rate.percent for rate in rates if rate is not None)
    excess = mean.percent - MOST_SIMILAR_PERCENT
    if mean.is_bound and excess > 0:
        return Requirement(text, f"{_rate(mean)} %, not measured at lower rates", None)
    words = f"{_rate(mean)} %, {_verdict(excess, '.3f', 'points')}; largest {largest:.4f} %"
    return Requirement(text, words, excess <= 0)


def _verdict(excess: float, form: str, unit: str) -> str:
    return "met" if excess <= 0 else f"missed by {excess:{form}} {unit}"


def _line(name: str, results: Sequence[ScanResult], peers: Sequence[str]) -> str:
    line = f"{name:<{NAME_WIDTH}}"
    for peer in peers:
        mean = mean_difference(results, peer)
        line += f"{'-' if mean is None else format(mean, '+.1f'):>{_width(peer)}}"
    line += f"{_rate(mean_reached([found.similar for found in results])):>10}"
    return line + f"{_rate(mean_reached([found.similar_paper for found in results])):>13}"


def _rate(rate: Reached | None) -> str:
    if rate is None:
        return "-"
    return f"<={rate.percent:.4f}" if rate.is_bound else f"{rate.percent:.4f}"


def _width(peer: str) -> int:
    return max(12, len(peer) + 2)
