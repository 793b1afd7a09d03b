"""The paper's tables: its figures as printed, ours beside them, and nothing where there is none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import paper_tables
from benchmarks.coded_files import Coded
from benchmarks.paper_tables import Batches, both_on_grids, both_tables, measured
from benchmarks.published import BAUR, published

from .evidence_stubs import blurred, brain, thresholds

SCAN = brain()


@pytest.fixture(autouse=True)
def small_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_tables, "PAPER_GRID", (36, 40, 36))
    monkeypatch.setattr(paper_tables, "LOW_GRID", (18, 20, 18))


def figures(model: str, width: float, cache: Path) -> tuple[paper_tables.PaperFigures, Batches]:
    decoded = blurred(SCAN.values, width) * SCAN.foreground
    grids = both_on_grids(SCAN, decoded)
    batches = Batches()
    batches.add(grids)
    coded = Coded(model, 500, f"{model} {width}", lambda: decoded)
    return measured(SCAN, coded, decoded, grids, thresholds(), cache), batches


def test_the_paper_is_quoted_as_it_stands() -> None:
    rows = published()
    assert len(rows) == 26
    assert sum(row.in_table_1 for row in rows) == 9
    best = next(row for row in rows if row.network == BAUR and row.in_table_1 and row.mode == "H")
    assert (best.ms_ssim, best.log_mmd) == (0.998, 6.737)
    assert best.dice == ("0.85 ± 0.05", "0.90 ± 0.03", "0.75 ± 0.09")
    assert {row.mode for row in rows} == {"H", "P", "PB"}


def test_blur_is_worse_in_every_column(tmp_path: Path) -> None:
    found = [figures("m", width, tmp_path) for width in (0.4, 0.8)]
    (slight, first), (strong, second) = found
    assert strong.psnr < slight.psnr
    for place in (0, 1):
        assert strong.ms_ssim[place] < slight.ms_ssim[place]
        assert strong.ms_ssim_variant[place] < slight.ms_ssim_variant[place]
        assert second.found().single[place] > first.found().single[place]
    assert slight.dice is not None
    assert strong.dice is not None
    assert all(worse < better for worse, better in zip(strong.dice, slight.dice, strict=True))
    assert figures("m", 0.4, tmp_path)[0] == slight


def test_batches_of_eight_and_a_smaller_last_one() -> None:
    batches = Batches()
    zero = np.zeros((2, 2, 2), np.float32)
    for number in range(10):
        one = np.full((2, 2, 2), number + 1, np.float32)
        batches.add(((one, one), (zero, zero)))
    found = batches.found()
    assert found.single[0] == pytest.approx(8 * np.mean(np.arange(1, 11) ** 2))
    assert found.batched[0] == pytest.approx(8 * (4.5**2 + 9.5**2) / 2)
    assert batches.count == 10


def test_our_figures_stand_where_there_is_a_model_and_nowhere_else(tmp_path: Path) -> None:
    ours, batches = figures("tudosiu2020-baur", 0.5, tmp_path)
    default, other = figures("vqcodec-t1-2", 0.2, tmp_path)
    discrepancies = {ours.model: batches.found(), default.model: other.found()}
    first, second = both_tables([ours, default], discrepancies, "vqcodec-t1-2", "threshold")
    rows = {row[0]: row for row in second.rows}
    assert len(first.rows) == 9 + 3
    assert len(second.rows) == 26 + 6
    trained = rows["VQ-VAE Baur, High, High, H"]
    assert trained[1:3] == ("tudosiu2020-baur", "1")
    assert trained[4].endswith(" | 0.998")
    log_mmd = math.log(batches.found().single[0])
    assert trained[5] == f"{log_mmd:.3f}"
    assert rows["VQ-VAE Adap, High, High, H"][1:5] == ("not measured", "0", "-", "- | 0.991")
    assert rows["VQ-VAE Baur, High, High, P"][1] == "not trained"
    assert rows["α-WGAN, Low, High, H"][1] == "not trained (recipe kwon2019)"
    assert rows["vqcodec, default, High, High, H"][1] == "vqcodec-t1-2"
    assert rows["vqcodec, default, High, High, PB"][1] == "not trained"
    assert rows["VQ-VAE Baur, High, Low, H"][7] == "- | 0.78 ± 0.03"
