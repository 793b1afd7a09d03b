"""The tables of morphometry: means by rate and codec, losses against manual labels, tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import wilcoxon

from .bd_rate import (
    FEWEST_POINTS,
    NoDifferenceError,
    bd_missing,
    decibels_to_one,
    pair_difference,
)
from .morphometry import Floor, Morphometry, Triple
from .own_curve import OURS
from .segmentation import TISSUES
from .tables import Plot, Series, Table, mean, number

CONVENTIONS = (
    "Every volume is segmented inside the brain mask of the original, which the peers are thus "
    "given for nothing. vqcodec is asked for the rate; every peer has at least as many bytes, "
    "its bare stream without container, header or scale. Means over scans: of the change of volume "
    "(a bias, where it is not about zero) and of its size.",
)
FEWEST_FOR_A_TEST = 6


def tables(results: Sequence[Morphometry], floors: Sequence[Floor], segmenter: str) -> list[Table]:
    """All tables of a run."""
    found = [preservation(results, floors, segmenter)]
    if any(result.manual is not None for result in results):
        found.append(manual_losses(results, segmenter))
    found.append(comparison_with_peers(results))
    if len({one.asked for one in results}) >= FEWEST_POINTS and bd_missing() is None:
        found.append(dice_differences(results))
    return found


def preservation(results: Sequence[Morphometry], floors: Sequence[Floor], segmenter: str) -> Table:
    """Dice and volume changes, original against decoded; the rescan as a yardstick."""
    forms = ("Dice", "volume %", "|volume| %")
    headings = [f"{form} {name}" for form in forms for name in TISSUES]
    columns = ("rate, codec", "scans", "%", "brain dB", *headings)
    rows: list[tuple[str, ...]] = []
    for asked, codec, chosen in grouped(results):
        rows.append(
            (
                f"{asked:g} %, {codec}",
                str(len(chosen)),
                number(mean([one.percent for one in chosen]), ".4f"),
                number(mean([one.psnr for one in chosen]), ".2f"),
                *_triple([one.dice for one in chosen], ".4f"),
                *_triple([one.volume for one in chosen], "+.2f"),
                *_triple([_sizes(one.volume) for one in chosen], ".2f"),
            )
        )
    for floor in floors:
        changes = (*["-"] * 3, *_triple([_sizes(floor.volume)], ".2f"))
        name = f"rescan, {floor.first} and {floor.second}"
        rows.append((name, "1", "-", "-", *_triple([floor.dice], ".4f"), *changes))
    title = f"Tissues of decoded scans against those of the originals, {segmenter}"
    remarks = list(CONVENTIONS)
    if floors:
        remarks.append(
            "Rescan: another scan of the same person, each segmented on its own grid; for Dice, "
            "the labels of the second are registered rigidly to the first (nearest neighbour). A "
            "codec whose figures are better than this changes less than scanning again."
        )
    return Table(title, columns, tuple(rows), tuple(remarks))


def manual_losses(results: Sequence[Morphometry], segmenter: str) -> Table:
    """Agreement with manual labels before and after coding, and what is lost of it."""
    headings = [f"{name} {form}" for form in ("original", "loss", "p") for name in TISSUES]
    columns = ("rate, codec", "scans", *headings)
    rows = []
    for asked, codec, chosen in grouped(results):
        pairs = [
            (one.manual_original, one.manual)
            for one in chosen
            if one.manual is not None and one.manual_original is not None
        ]
        if not pairs:
            continue
        losses = [_difference(before, after) for before, after in pairs]
        rows.append(
            (
                f"{asked:g} %, {codec}",
                str(len(pairs)),
                *_triple([before for before, _ in pairs], ".4f"),
                *_triple(losses, "+.4f"),
                *(_probability([loss[place] for loss in losses]) for place in range(3)),
            )
        )
    notes = (
        "Dice with the manual labels of OASIS (Neuromorphometrics): of the segmented original, "
        "and what is lost of it after decoding (below zero: the decoded volume agrees better). "
        "p: Wilcoxon signed-rank, two-sided, original against decoded, not corrected for the "
        "number of tests.",
    )
    return Table(f"Dice with manual labels, {segmenter}", columns, tuple(rows), notes)


def comparison_with_peers(results: Sequence[Morphometry]) -> Table:
    """Paired differences of Dice between vqcodec and each peer at one rate."""
    headings = [f"{name} {form}" for name in TISSUES for form in ("ours - theirs", "p")]
    columns = ("rate, peer", "scans", *headings)
    rows = []
    ours = {(one.scan, one.asked): one.dice for one in results if one.codec == OURS and one.dice}
    for asked, codec, chosen in grouped(results):
        if codec == OURS:
            continue
        gains: list[Triple] = []
        for one in chosen:
            mine = ours.get((one.scan, asked))
            if one.dice is not None and mine is not None:
                gains.append(_difference(mine, one.dice))
        cells: list[str] = []
        for place in range(3):
            values = [gain[place] for gain in gains]
            cells += [number(mean(values), "+.4f"), _probability(values)]
        rows.append((f"{asked:g} %, {codec}", str(len(gains)), *cells))
    notes = (
        "Dice with the original's segmentation, vqcodec minus peer, mean over the scans that both "
        "have. p: Wilcoxon signed-rank, two-sided, not corrected for the number of tests; no "
        f"p from fewer than {FEWEST_FOR_A_TEST} scans, which cannot reach 0.05.",
    )
    return Table("vqcodec against its peers at equal bytes", columns, tuple(rows), notes)


def dice_differences(results: Sequence[Morphometry]) -> Table:
    """Bjontegaard rate differences of vqcodec to each peer on the mean Dice of the tissues."""
    rows = []
    for codec in dict.fromkeys(one.codec for one in results if one.codec != OURS):
        percents: list[float | None] = []
        for scan in dict.fromkeys(one.scan for one in results):
            curves = [
                [
                    (one.percent, decibels_to_one(sum(one.dice) / len(one.dice)))
                    for one in results
                    if (one.scan, one.codec) == (scan, name) and one.percent and one.dice
                ]
                for name in (codec, OURS)
            ]
            try:
                percents.append(pair_difference(curves[0], curves[1], 0.0, 100.0).percent)
            except NoDifferenceError:
                continue
        rows.append((codec, str(len(percents)), number(mean(percents), "+.1f")))
    notes = (
        "Percent of bytes that vqcodec needs more (+) or less (-) than the peer for the same mean "
        "Dice of the three tissues with the original's, Bjontegaard with Akima interpolation over "
        "-10 log10(1 - Dice), through the rates of the table above; mean over the scans where the "
        "two overlap.",
    )
    return Table("BD-rate on tissue Dice, %", ("peer", "scans", "BD-rate %"), tuple(rows), notes)


def plots(results: Sequence[Morphometry], floors: Sequence[Floor]) -> list[Plot]:
    """Dice over rate, a plot for each tissue."""
    found = []
    for place, name in enumerate(TISSUES):
        series = []
        for codec in dict.fromkeys(one.codec for one in results):
            points = []
            for _, other, chosen in grouped(results):
                rate = mean([one.percent for one in chosen])
                value = mean([one.dice[place] if one.dice else None for one in chosen])
                if other == codec and rate is not None and value is not None:
                    points.append((rate, value))
            points.sort()
            if points:
                rates, values = zip(*points, strict=True)
                series.append(Series(codec, rates, values))
        known = [one.percent for one in results if one.percent is not None]
        for floor in floors if known else ():
            ends = (min(known), max(known))
            series.append(Series("rescan", ends, (floor.dice[place],) * 2))
        label = f"Dice of {name} with the original's"
        found.append(Plot(f"{name} kept", "% of float32", label, tuple(series), log_x=True))
    return found


def notes(results: Sequence[Morphometry]) -> list[str]:
    """What could not be measured, a line each."""
    return [f"{one.scan}, {one.codec}, {one.asked:g} %: {one.note}" for one in results if one.note]


def grouped(results: Sequence[Morphometry]) -> list[tuple[float, str, list[Morphometry]]]:
    """Results by rate and codec, the smallest rate first; those without figures left out."""
    found = []
    for asked in sorted({one.asked for one in results}):
        for codec in dict.fromkeys(one.codec for one in results):
            chosen = [one for one in results if (one.asked, one.codec) == (asked, codec)]
            chosen = [one for one in chosen if one.dice is not None]
            if chosen:
                found.append((asked, codec, chosen))
    return found


def signed_rank(differences: Sequence[float]) -> float | None:
    """Two-sided p of Wilcoxon's signed-rank test; 1 where nothing differs, None for too few."""
    if len(differences) < FEWEST_FOR_A_TEST:
        return None
    if not np.any(differences):
        return 1.0
    return float(wilcoxon(differences).pvalue)


def _probability(differences: Sequence[float]) -> str:
    return number(signed_rank(differences), ".3g")


def _difference(first: Triple, second: Triple) -> Triple:
    return first[0] - second[0], first[1] - second[1], first[2] - second[2]


def _sizes(values: Triple | None) -> Triple | None:
    return None if values is None else (abs(values[0]), abs(values[1]), abs(values[2]))


def _triple(values: Sequence[Triple | None], form: str) -> tuple[str, str, str]:
    csf, grey, white = (
        number(mean([one[place] if one is not None else None for one in values]), form)
        for place in range(3)
    )
    return csf, grey, white
