"""The tables of the token benchmark, its means, and what is required of a token model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .codebooks import CodebookUse, codebook_uses
from .curves import Figures
from .report import REFERENCE_GROUP, Requirement
from .tokens import WHOLE, TokenResult

REFERENCE_SPLIT = "test"
LEAST_FINE_USE = 0.95
MOST_PERCENT = 0.30
LEAST_DECIBEL = 24.0
GOAL_DECIBEL = 27.0
LEAST_SIMILARITY = 0.990
PAPER_SIMILARITY = 0.991
NAME_WIDTH = 26

FOOTNOTES = """\
raw: one byte a code, whole grids, on the box of the brain padded to multiples of 64 voxels.
file: the whole file, headers, mask and figures included. %: of the grid as float32.
192..: the same file in percent of 192x256x192 as float32, and MS-SSIM after zero-padding to that;
not for whole heads and what does not fit. In-brain PSNR: over the foreground, range 1.
log MMD: linear kernel, batch of 1, natural logarithm: the logarithm of the sum of squared errors
over the volume, intensities in [0, 1] (not divided by the number of voxels). Means are means of
scans, of logarithms too.
Codebooks: written codes only, those of sites with a foreground voxel, added up over the scans of
a set. Each codebook counts for itself; no more entries can be in use than codes were counted."""


@dataclass(frozen=True)
class Column:
    """One column of the scan table: what to read off a result, and how to print it."""

    title: str
    width: int
    form: str
    read: Callable[[TokenResult], float | None]


def _figure(name: str) -> Callable[[TokenResult], float | None]:
    def read(result: TokenResult) -> float | None:
        figures: Figures | None = result.figures
        return None if figures is None else getattr(figures, name)

    return read


COLUMNS = (
    Column("raw", 9, ".0f", lambda result: result.raw),
    Column("raw %", 8, ".4f", lambda result: result.percent(result.raw)),
    Column("file", 8, ".0f", lambda result: result.nbytes),
    Column("file %", 8, ".4f", lambda result: result.percent(result.nbytes)),
    Column("192.. %", 8, ".4f", lambda result: result.percent_paper),
    Column("bit/voxel", 10, ".4f", lambda result: result.bits_per_voxel),
    Column("brain dB", 9, ".2f", _figure("psnr_foreground")),
    Column("MS-SSIM", 9, ".5f", _figure("ms_ssim")),
    Column("192..", 9, ".5f", _figure("ms_ssim_paper")),
    Column("log MMD", 8, ".3f", lambda result: result.log_mmd),
    Column("max err", 8, ".3f", _figure("max_error")),
    Column("enc s", 7, ".1f", lambda result: result.encode_seconds),
    Column("dec s", 7, ".1f", lambda result: result.decode_seconds),
)


def mean(results: Sequence[TokenResult], column: Column) -> float | None:
    """Mean of a column over some results; None where one of them has no figure."""
    values = [value for value in map(column.read, results) if value is not None]
    return sum(values) / len(values) if values and len(values) == len(results) else None


def sets_of(results: Sequence[TokenResult]) -> dict[str, list[TokenResult]]:
    """Results by split, and by data set within a split that has several."""
    found: dict[str, list[TokenResult]] = {}
    for split in dict.fromkeys(result.split for result in results):
        inside = [result for result in results if result.split == split]
        found[split] = inside
        groups = list(dict.fromkeys(result.group for result in inside))
        for group in groups if len(groups) > 1 else ():
            found[f"{split} {group}"] = [result for result in inside if result.group == group]
    return found


def table(results: Sequence[TokenResult]) -> str:
    """For every model and quality a line per scan and the means of the sets."""
    blocks = []
    for model in dict.fromkeys(result.model for result in results):
        ours = [result for result in results if result.model == model]
        for quality in sorted({result.quality for result in ours}, reverse=True):
            chosen = [result for result in ours if result.quality == quality]
            title = f"{model}, quality {quality:g}{_stages(chosen)}"
            lines = [title, _head("scan"), *(_line(one.scan, [one]) for one in chosen)]
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def summary(results: Sequence[TokenResult]) -> str:
    """Means of every model over the scans of each set, a line for each quality."""
    blocks = []
    for model in dict.fromkeys(result.model for result in results):
        ours = [result for result in results if result.model == model]
        lines = [f"{model}, means", _head("set, quality")]
        for name, chosen in sets_of(ours).items():
            for quality in sorted({result.quality for result in chosen}, reverse=True):
                averaged = [result for result in chosen if result.quality == quality]
                lines.append(_line(f"{name}, {quality:g} (n = {len(averaged)})", averaged))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def codebook_table(results: Sequence[TokenResult]) -> str:
    """Usage and perplexity of every model with all stages, by set and level."""
    blocks = []
    for model in dict.fromkeys(result.model for result in results):
        lines = [f"{model}, codebooks with all stages"]
        lines.append(
            f"{'set, level':<{NAME_WIDTH}}{'codebooks':>10}{'codes each':>11}{'in use %':>10}"
            f"{'least %':>9}{'perplexity':>12}{'least':>8}{'bit/code':>10}"
        )
        whole = [one for one in results if (one.model, one.quality) == (model, WHOLE)]
        for name, chosen in sets_of(whole).items():
            coded = [result for result in chosen if result.histograms]
            for use in codebook_uses([result.histograms for result in coded]):
                lines.append(_codebook_line(name, use, coded))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def requirements(results: Sequence[TokenResult], grid: str = "own") -> list[Requirement]:
    """The demands on one model, on the OASIS scans of the test split with all stages.

    Parameters
    ----------
    results : sequence of TokenResult
        Of one model; others than those scans are left out.
    grid : str
        What was measured on: ``own`` or ``paper``.
    """
    chosen = judged_on(results)
    own = chosen if grid == "own" else []
    return [
        _fine_codes_used(chosen),
        _files_fit(own, "the scan's own grid", lambda one: one.percent(one.nbytes)),
        _files_fit(chosen, "192x256x192", lambda one: one.percent_paper),
        _decibels(chosen),
        _similarity(chosen),
    ]


def judged_on(results: Sequence[TokenResult]) -> list[TokenResult]:
    """The results that requirements are about."""
    place = (REFERENCE_SPLIT, REFERENCE_GROUP, WHOLE)
    return [result for result in results if (result.split, result.group, result.quality) == place]


def _fine_codes_used(chosen: Sequence[TokenResult]) -> Requirement:
    text = f"at least {100 * LEAST_FINE_USE:g} % of the fine-level codes in use"
    uses = codebook_uses([result.histograms for result in chosen if result.histograms])
    fine = next((use for use in uses if use.level == "fine"), None)
    if fine is None:
        return Requirement(text, "not measured", None)
    words = f"{100 * fine.used:.1f} % of the entries of {fine.codebooks} codebooks"
    words += f"; least codebook {100 * fine.used_least:.1f} %"
    return Requirement(text, words, fine.used >= LEAST_FINE_USE)


def _files_fit(
    chosen: Sequence[TokenResult], where: str, read: Callable[[TokenResult], float | None]
) -> Requirement:
    text = f"every file at most {MOST_PERCENT:.2f} % of float32, {where}"
    rates = [rate for rate in map(read, chosen) if rate is not None]
    if not rates:
        return Requirement(text, "not measured", None)
    unknown = [result.scan for result in chosen if read(result) is None]
    words = f"largest of {len(rates)} {max(rates):.4f} %, mean {sum(rates) / len(rates):.4f} %"
    if unknown:
        words += "; refused, or does not fit: " + ", ".join(unknown)
    return Requirement(text, words, max(rates) <= MOST_PERCENT and not unknown)


def _decibels(chosen: Sequence[TokenResult]) -> Requirement:
    text = f"mean in-brain PSNR at least {LEAST_DECIBEL:g} dB (goal {GOAL_DECIBEL:g})"
    reached = _mean_figure(chosen, "psnr_foreground")
    if reached is None:
        return Requirement(text, _why(chosen), None)
    goal = "reached" if reached >= GOAL_DECIBEL else "not reached"
    return Requirement(text, f"{reached:.2f} dB, goal {goal}", reached >= LEAST_DECIBEL)


def _similarity(chosen: Sequence[TokenResult]) -> Requirement:
    text = f"mean MS-SSIM at least {LEAST_SIMILARITY:.3f} (paper: {PAPER_SIMILARITY})"
    reached = _mean_figure(chosen, "ms_ssim")
    if reached is None:
        return Requirement(text, _why(chosen), None)
    words = f"{reached:.5f}"
    padded = _mean_figure(chosen, "ms_ssim_paper")
    if padded is not None:
        words += f"; both zero-padded to 192x256x192: {padded:.5f}"
    return Requirement(text, words, reached >= LEAST_SIMILARITY)


def _mean_figure(chosen: Sequence[TokenResult], name: str) -> float | None:
    return mean(chosen, Column(name, 0, "", _figure(name)))


def _why(chosen: Sequence[TokenResult]) -> str:
    return next((result.note for result in chosen if result.note), "not measured")


def _stages(results: Sequence[TokenResult]) -> str:
    known = {result.stages for result in results if result.stages is not None}
    counts = " or ".join(", ".join(map(str, stages)) for stages in sorted(known))
    return f": {counts} codes a fine, middle, coarse site" if counts else ""


def _head(first: str) -> str:
    return f"{first:<{NAME_WIDTH}}" + "".join(f"{one.title:>{one.width}}" for one in COLUMNS)


def _line(name: str, results: Sequence[TokenResult]) -> str:
    line = f"{name:<{NAME_WIDTH}}"
    for column in COLUMNS:
        value = mean(results, column)
        line += f"{'-' if value is None else format(value, column.form):>{column.width}}"
    return line


def _codebook_line(name: str, use: CodebookUse, results: Sequence[TokenResult]) -> str:
    written = sum(result.written[use.level] for result in results)
    coded = sum(result.coded[use.level] for result in results)
    return (
        f"{f'{name}, {use.level}':<{NAME_WIDTH}}{use.codebooks:>10}{use.codes:>11}"
        f"{100 * use.used:>10.1f}{100 * use.used_least:>9.1f}"
        f"{use.perplexity:>12.1f}{use.perplexity_least:>8.1f}"
        f"{8 * coded / max(1, written):>10.2f}"
    )
