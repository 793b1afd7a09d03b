"""The table of the rate-distortion benchmark, its means, and what is required of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .curves import Figures
from .own_curve import OURS
from .rate_distortion import DEFAULT_LIMIT, Result
from .tables import mean, number

REFERENCE_GROUP = "oasis"
REFERENCE_SCANS = 10
REFERENCE_PEER = "SVT-AV1 p4"
REFERENCE_RATES = (0.2, 0.35, 0.6)
MARGIN_PEER = "SPERR 3D"
MARGIN_DECIBEL = 3.0
MARGIN_RATES = (0.2, 0.35)
SIMILARITY_RATE = 0.35
SIMILARITY = 0.9993


@dataclass(frozen=True)
class Requirement:
    """One demand, what was found, and whether it is met; None where it was not measured."""

    text: str
    found: str
    met: bool | None


def averaged(results: Sequence[Result], group: str, codec: str, asked: float | None) -> Result:
    """Mean over the scans of a group; what one scan lacks has no mean."""
    chosen = [
        result
        for result in results
        if result.group == group and result.codec == codec and result.asked == asked
    ]
    missing = next((result.note for result in chosen if result.note), "")
    return Result(
        scan=f"{group} mean of {len(chosen)}",
        group=group,
        codec=codec,
        asked=asked,
        percent=mean([result.percent for result in chosen]),
        figures=_mean_figures([result.figures for result in chosen]),
        encode_seconds=mean([result.encode_seconds for result in chosen]),
        decode_seconds=mean([result.decode_seconds for result in chosen]),
        note=missing or ("" if chosen else "not measured"),
    )


def _mean_figures(figures: Sequence[Figures | None]) -> Figures | None:
    known = [one for one in figures if one is not None]
    if not known or len(known) < len(figures):
        return None
    return Figures(
        psnr_foreground=sum(one.psnr_foreground for one in known) / len(known),
        psnr=sum(one.psnr for one in known) / len(known),
        ms_ssim=sum(one.ms_ssim for one in known) / len(known),
        ms_ssim_paper=mean([one.ms_ssim_paper for one in known]),
        max_error=sum(one.max_error for one in known) / len(known),
    )


def requirements(results: Sequence[Result]) -> list[Requirement]:
    """The demands on rate and distortion, judged on the scans at hand."""
    found = [_every_file_fits(results)]
    for asked in REFERENCE_RATES:
        found.append(_margin(results, asked, REFERENCE_PEER, 0.0))
    for asked in MARGIN_RATES:
        found.append(_margin(results, asked, MARGIN_PEER, MARGIN_DECIBEL))
    found.append(_similarity(results))
    return found


def _every_file_fits(results: Sequence[Result]) -> Requirement:
    text = f"every file at most {DEFAULT_LIMIT} % by default"
    chosen = [result for result in results if result.codec == OURS and result.asked is None]
    rates = [result.percent for result in chosen if result.percent is not None]
    if not rates:
        return Requirement(text, "not measured", None)
    failed = [one.scan for one in chosen if one.percent is None or one.percent > DEFAULT_LIMIT]
    words = f"largest of {len(chosen)} files {max(rates):.4f} %"
    if failed:
        words += "; over or refused: " + ", ".join(failed)
    return Requirement(text, words, not failed)


def _margin(results: Sequence[Result], asked: float, peer: str, margin: float) -> Requirement:
    text = f"mean in-brain PSNR at {asked:g} % at least that of {peer}"
    if margin:
        text += f" plus {margin:g} dB"
    ours = averaged(results, REFERENCE_GROUP, OURS, asked)
    theirs = averaged(results, REFERENCE_GROUP, peer, asked)
    if ours.figures is None or theirs.figures is None:
        return Requirement(text, ours.note or theirs.note or "not measured", None)
    reached, bar = ours.figures.psnr_foreground, theirs.figures.psnr_foreground
    words = f"{reached:.2f} dB against {bar:.2f} dB: {reached - bar:+.2f} dB"
    return Requirement(text, words, reached - bar >= margin)


def _similarity(results: Sequence[Result]) -> Requirement:
    text = f"mean MS-SSIM at {SIMILARITY_RATE:g} % at least {SIMILARITY}"
    ours = averaged(results, REFERENCE_GROUP, OURS, SIMILARITY_RATE)
    if ours.figures is None:
        return Requirement(text, ours.note or "not measured", None)
    words = f"{ours.figures.ms_ssim:.5f}"
    if ours.figures.ms_ssim_paper is not None:
        words += f"; both zero-padded to 192x256x192: {ours.figures.ms_ssim_paper:.5f}"
    return Requirement(text, words, ours.figures.ms_ssim >= SIMILARITY)


def table(results: Sequence[Result]) -> str:
    """One block per rate: a line per scan, then the means over the reference group."""
    blocks = []
    for asked in dict.fromkeys(result.asked for result in results):
        chosen = [result for result in results if result.asked == asked]
        title = "default setting" if asked is None else f"{asked:g} % of float32"
        blocks.append(f"{title}\n{_scan_lines(chosen, asked)}\n\n{_mean_lines(chosen, asked)}")
    return "\n\n\n".join(blocks)


def judged(demands: Sequence[Requirement], scans: int) -> str:
    """MET, MISSED or not measured, a line each."""
    words = {True: "MET   ", False: "MISSED", None: "not measured"}
    lines = [f"{words[demand.met]}  {demand.text}: {demand.found}" for demand in demands]
    if scans < REFERENCE_SCANS:
        lines.append(f"judged on {scans} of {REFERENCE_SCANS} scans of {REFERENCE_GROUP}")
    return "\n".join(lines)


def _scan_lines(results: Sequence[Result], asked: float | None) -> str:
    codecs = list(dict.fromkeys(result.codec for result in results))
    head = f"{'in-brain PSNR, dB':<26}{'%':>8}" + "".join(f"{name:>13}" for name in codecs)
    lines = [head + (f"{'MS-SSIM':>10}{'enc s':>7}{'dec s':>7}" if OURS in codecs else "")]
    for scan in dict.fromkeys(result.scan for result in results):
        lines.append(_scan_line([result for result in results if result.scan == scan], codecs))
    if any(result.group == REFERENCE_GROUP for result in results):
        means = [averaged(results, REFERENCE_GROUP, codec, asked) for codec in codecs]
        lines.append(_scan_line(means, codecs))
    return "\n".join(lines)


def _scan_line(results: Sequence[Result], codecs: Sequence[str]) -> str:
    by_codec = {result.codec: result for result in results}
    line = f"{results[0].scan:<26}{number(results[0].percent, '.4f'):>8}"
    for codec in codecs:
        figures = by_codec[codec].figures if codec in by_codec else None
        line += f"{_figure(figures, 'psnr_foreground', '.2f'):>13}"
    if OURS in by_codec:
        ours = by_codec[OURS]
        line += f"{_figure(ours.figures, 'ms_ssim', '.5f'):>10}"
        line += f"{number(ours.encode_seconds, '.1f'):>7}"
        line += f"{number(ours.decode_seconds, '.1f'):>7}"
    return line


def _mean_lines(results: Sequence[Result], asked: float | None) -> str:
    if not any(result.group == REFERENCE_GROUP for result in results):
        return f"no scan of {REFERENCE_GROUP}, no means"
    head = f"{REFERENCE_GROUP + ' means':<26}{'%':>8}{'in-brain dB':>13}{'whole dB':>10}"
    lines = [head + f"{'MS-SSIM':>10}{'192x256x192':>13}{'max err':>9}{'enc s':>7}{'dec s':>7}"]
    for codec in dict.fromkeys(result.codec for result in results):
        lines.append(_mean_line(averaged(results, REFERENCE_GROUP, codec, asked)))
    return "\n".join(lines)


def _mean_line(result: Result) -> str:
    figures = result.figures
    return (
        f"{result.codec:<26}{number(result.percent, '.4f'):>8}"
        f"{_figure(figures, 'psnr_foreground', '.2f'):>13}"
        f"{_figure(figures, 'psnr', '.2f'):>10}"
        f"{_figure(figures, 'ms_ssim', '.5f'):>10}"
        f"{_figure(figures, 'ms_ssim_paper', '.5f'):>13}"
        f"{_figure(figures, 'max_error', '.3f'):>9}"
        f"{number(result.encode_seconds, '.1f'):>7}{number(result.decode_seconds, '.1f'):>7}"
        + (f"  {result.note}" if result.note else "")
    )


def _figure(figures: Figures | None, name: str, form: str) -> str:
    return "-" if figures is None else number(getattr(figures, name), form)
