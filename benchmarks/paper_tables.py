"""The paper's Tables 1 and 2 with our figures: metrics of every model on the paper's grids.

A scan is coded on its own grid; for the metrics, original and decoded are padded with zeros to
192x256x192 (*High*), and averaged from there to 64x64x64 (*Low*), the paper's two resolutions.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from vqcodec import metrics

from .braingen import mmd, ms_ssim_variant
from .coded_files import Coded
from .curves import cache_folder, write_atomically
from .morphometry import Triple, overlaps
from .peers import Array
from .published import ADAPTIVE, ALPHA_WGAN, BAUR, Published, published
from .scans import PAPER_GRID, Scan, regridded
from .segmentation import SegmentationError, Segmenter, segmented
from .tables import Table, mean, number

DEFINITION = "ms_ssim, 3dbraingen variant, sse at high and low: 1"
LOW_GRID = (64, 64, 64)
PAPER_BATCH = 8
DEFAULT = "vqcodec, default"
TRAINED = {(BAUR, "High", "H"): "tudosiu2020-baur", (ADAPTIVE, "High", "H"): "tudosiu2020-adaptive"}
RECIPES = {ALPHA_WGAN: "kwon2019", BAUR: "tudosiu2020-low", ADAPTIVE: "tudosiu2020-low"}
NOTES = (
    "ours | paper. The paper's figures are for its own data (ADNI), ours for OASIS scans: rows "
    "can be compared with each other, the two columns only in kind.",
    "MS-SSIM: the standard one, and in the variant of 3dbraingen that the paper used. log MMD: "
    "linear kernel, natural logarithm of the mean over batches, of one scan and of "
    f"{PAPER_BATCH} (the paper's batch; the last one is smaller). Over a stripped volume "
    "MS-SSIM saturates: hence in-brain PSNR.",
    "Low: means over 3x4x3 voxels of the two volumes at High; the paper does not say how it gets "
    "there.",
    "Dice: tissues of the decoded volume against those of the original; ours by the segmenter "
    "named in the title, the paper's by SPM12. Bytes: whole files. Ratio: 192x256x192 float32 to "
    "the file. Mode H: our models saw openly licensed scans of healthy and depressed persons.",
)


@dataclass(frozen=True)
class PaperFigures:
    """One model on one scan; pairs are at *High* and at *Low*."""

    scan: str
    model: str
    nbytes: int
    psnr: float
    ms_ssim: tuple[float, float]
    ms_ssim_variant: tuple[float, float]
    dice: Triple | None
    note: str = ""


@dataclass(frozen=True)
class Discrepancy:
    """MMD of one model, batches of one and of `PAPER_BATCH`, at *High* and at *Low*."""

    single: tuple[float, float]
    batched: tuple[float, float]


def on_grids(values: Array) -> tuple[Array, Array]:
    """A volume at the paper's two resolutions.

    Raises
    ------
    DataFolderError
        The brain does not fit.
    """
    high = regridded(values, PAPER_GRID)
    factors = [side // small for side, small in zip(PAPER_GRID, LOW_GRID, strict=True)]
    shape = [part for pair in zip(LOW_GRID, factors, strict=True) for part in pair]
    return high, np.asarray(high.reshape(shape).mean(axis=(1, 3, 5)), np.float32)


def both_on_grids(scan: Scan, decoded: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Original and decoded, cut to the scan's foreground box alike, at both resolutions."""
    masked = np.where(scan.foreground, decoded, np.float32(0))
    pinned = np.where(scan.foreground, np.maximum(masked, np.float32(1e-6)), np.float32(0))
    return on_grids(scan.values), on_grids(pinned.astype(np.float32))


def measured(
    scan: Scan,
    coded: Coded,
    decoded: Array,
    grids: tuple[tuple[Array, Array], tuple[Array, Array]],
    segmenter: Segmenter | None,
    cache: Path | None = None,
) -> PaperFigures:
    """Figures of one model on one scan, from the cache where they are there."""
    name = "none" if segmenter is None else f"{segmenter.name}, {segmenter.software()}"
    digest = hashlib.sha256(json.dumps([DEFINITION, coded.key, name]).encode()).hexdigest()[:20]
    path = (cache or cache_folder()) / scan.name / "paper" / f"{digest}.json"
    if path.is_file():
        record = json.loads(path.read_text(encoding="utf-8"))
        pairs = {key: tuple(record[key]) for key in ("ms_ssim", "ms_ssim_variant")}
        dice = tuple(record["dice"]) if record["dice"] else None
        return PaperFigures(**(record | pairs | {"dice": dice}))
    dice, note = None, ""
    if segmenter is not None:
        try:
            before = segmented(segmenter, scan, scan.values, cache)
            dice = overlaps(before, segmented(segmenter, scan, decoded, cache))
        except SegmentationError as error:
            note = str(error)
    (high, low), (high_decoded, low_decoded) = grids
    found = PaperFigures(
        scan=scan.name,
        model=coded.codec,
        nbytes=coded.nbytes,
        psnr=metrics.psnr(scan.values, decoded, 1.0, scan.foreground),
        ms_ssim=(
            metrics.ms_ssim_3d(high, high_decoded, 1.0),
            metrics.ms_ssim_3d(low, low_decoded, 1.0),
        ),
        ms_ssim_variant=(ms_ssim_variant(high, high_decoded), ms_ssim_variant(low, low_decoded)),
        dice=dice,
        note=note,
    )
    if not note:
        write_atomically(path, json.dumps(asdict(found)).encode())
    return found


class Batches:
    """MMD of one model, scan by scan: two sums of differences are kept, not the volumes."""

    def __init__(self) -> None:
        self._singles: list[tuple[float, float]] = []
        self._batches: list[tuple[float, float]] = []
        self._sums: tuple[Array, Array] | None = None
        self._open = 0

    @property
    def count(self) -> int:
        """Scans so far."""
        return len(self._singles)

    def add(self, grids: tuple[tuple[Array, Array], tuple[Array, Array]]) -> None:
        """One more scan, original and decoded at both resolutions."""
        (high, low), (high_decoded, low_decoded) = grids
        differences = high - high_decoded, low - low_decoded
        self._singles.append((mmd(differences[:1]), mmd(differences[1:])))
        if self._sums is None:
            self._sums = differences
        else:
            self._sums = self._sums[0] + differences[0], self._sums[1] + differences[1]
        self._open += 1
        if self._open == PAPER_BATCH:
            self._close()

    def _close(self) -> None:
        if self._sums is not None:
            high, low = (mmd([total / np.float32(self._open)]) for total in self._sums)
            self._batches.append((high, low))
        self._sums, self._open = None, 0

    def found(self) -> Discrepancy:
        """Means over the batches so far, the last one included."""
        batches = list(self._batches)
        if self._sums is not None:
            high, low = (mmd([total / np.float32(self._open)]) for total in self._sums)
            batches.append((high, low))
        return Discrepancy(_means(self._singles), _means(batches))


def table(
    rows: Sequence[Published],
    title: str,
    figures: Sequence[PaperFigures],
    discrepancies: Mapping[str, Discrepancy],
    default: str,
) -> Table:
    """A table in the paper's layout, our figures before the paper's in every cell."""
    columns = (
        *("network, resolution of network and metrics, mode", "our model", "scans"),
        *("MS-SSIM", "3dbraingen's", "log MMD, 1", f"log MMD, {PAPER_BATCH}"),
        *("Dice WM", "Dice GM", "Dice CSF", "brain dB", "bytes", "ratio"),
    )
    lines = []
    for row in rows:
        name = f"{row.network}, {row.trained_at}, {row.measured_at}, {row.mode}"
        model = TRAINED.get((row.network, row.trained_at, row.mode))
        lines.append(_line(name, row, model, figures, discrepancies))
    for mode in dict.fromkeys(row.mode for row in rows):
        for place in dict.fromkeys(row.measured_at for row in rows):
            name = f"{DEFAULT}, High, {place}, {mode}"
            model = default if mode == "H" else None
            lines.append(_line(name, None, model, figures, discrepancies, place))
    return Table(title, columns, tuple(lines), NOTES)


def both_tables(
    figures: Sequence[PaperFigures],
    discrepancies: Mapping[str, Discrepancy],
    default: str,
    segmenter: str,
) -> list[Table]:
    """Tables 1 and 2."""
    rows = published()
    first = [row for row in rows if row.in_table_1]
    words = f"of Tudosiu et al. 2020, and ours ({segmenter})"
    return [
        table(first, f"Table 1 {words}", figures, discrepancies, default),
        table(rows, f"Table 2 {words}", figures, discrepancies, default),
    ]


def _line(
    name: str,
    row: Published | None,
    model: str | None,
    figures: Sequence[PaperFigures],
    discrepancies: Mapping[str, Discrepancy],
    measured_at: str = "High",
) -> tuple[str, ...]:
    place = 1 if (row.measured_at if row else measured_at) == "Low" else 0
    chosen = [one for one in figures if one.model == model]
    theirs = _paper_cells(row)
    if not chosen:
        reason = "not measured" if model else "not trained"
        recipe = RECIPES.get(row.network) if row and row.trained_at == "Low" else None
        reason += f" (recipe {recipe})" if recipe and not model else ""
        ours = ["-"] * 10
        return (name, reason, "0", *(_beside(a, b) for a, b in zip(ours, theirs, strict=True)))
    found = discrepancies[chosen[0].model]
    # Dice belongs to the full resolution: the tissues are not segmented again at 64x64x64.
    dice = [mean([one.dice[t] if one.dice else None for one in chosen]) for t in (2, 1, 0)]
    nbytes = mean([one.nbytes for one in chosen]) or math.nan
    ours = [
        number(mean([one.ms_ssim[place] for one in chosen]), ".4f"),
        number(mean([one.ms_ssim_variant[place] for one in chosen]), ".4f"),
        number(_log(found.single[place]), ".3f"),
        number(_log(found.batched[place]), ".3f"),
        *(number(value if place == 0 else None, ".3f") for value in dice),
        number(mean([one.psnr for one in chosen]) if place == 0 else None, ".2f"),
        number(nbytes, ".0f"),
        number(4 * math.prod(PAPER_GRID) / nbytes, ".0f"),
    ]
    cells = (_beside(a, b) for a, b in zip(ours, theirs, strict=True))
    return (name, chosen[0].model, str(len(chosen)), *cells)


def _paper_cells(row: Published | None) -> list[str]:
    if row is None:
        return [""] * 10
    similar, discrepancy = f"{row.ms_ssim:.3f}", f"{row.log_mmd:.3f}"
    ratio = "121" if row.trained_at == "High" else ""
    return ["", similar, "", discrepancy, *row.dice, "", "", ratio]


def _beside(ours: str, theirs: str) -> str:
    return f"{ours} | {theirs}" if theirs else ours


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return (
        sum(high for high, _ in pairs) / len(pairs),
        sum(low for _, low in pairs) / len(pairs),
    )
