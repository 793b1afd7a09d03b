"""The comparison of quantisers: one step of a tiny network each, and what the table says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import benchmarks.__main__ as command
from benchmarks import quantisers, quantisers_command
from benchmarks.codebooks import CodebookUse
from benchmarks.quantisers import KINDS, Trained, averaged, recipe_of, trained_alike
from vqcodec.trainer.pack_preparation import prepare_pack
from vqcodec.trainer.scan_sources import sources_of

SMALL: dict[str, Any] = {
    "stages": [1, 1, 1],
    "embeddings": [4, 4, 4],
    "encoder_channels": [2, 2, 4, 4, 4, 4, 4],
    "decoder_channels": [4, 4, 4, 4, 4],
    "codebook_size": 256,
    "stem": "space-to-depth",
    "stem_channels": 4,
    "stem_blocks": 1,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pack of two small balls, one of them held out; and a network to match."""
    monkeypatch.setattr(quantisers, "NETWORK", SMALL)
    monkeypatch.setattr(quantisers, "DATA", {"patch": [64, 64, 64], "batch_size": 1})
    return packed(tmp_path, ("train", "val"))


def packed(folder: Path, splits: tuple[str, ...]) -> Path:
    random = np.random.default_rng(0)
    places = np.meshgrid(*(np.linspace(-1, 1, side) for side in (40, 44, 36)), indexing="ij")
    inside = sum(place**2 for place in places) < 0.8
    lines = ["path,split,source,licence,modality"]
    for number, split in enumerate(splits):
        values = np.where(inside, random.integers(300, 900, inside.shape), 0).astype(np.int16)
        nib.save(nib.Nifti1Image(values, np.eye(4)), folder / f"{number}.nii.gz")
        lines.append(f"{number}.nii.gz,{split},made up,CC0-1.0,T1w")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    prepare_pack(sources_of(folder), folder / "pack.h5")
    return folder / "pack.h5"


def use(level: str, used: float, perplexity: float) -> CodebookUse:
    return CodebookUse(level, 1, 100, used, used, perplexity, perplexity)


def run(quantiser: str, seed: int, decibel: float, used: float = 0.5) -> Trained:
    levels = ("fine", "middle", "coarse")
    uses = tuple(use(level, used, 200 * used) for level in levels)
    return Trained(quantiser, seed, 40, 60.0, 30.0, decibel, uses)


def test_recipes_differ_in_quantiser_and_seed_only() -> None:
    ema, fsq = recipe_of("ema", 3, 10).to_json(), recipe_of("fsq", 3, 10).to_json()
    assert ema["start"]["kind"] == "random"
    ema["network"]["quantiser"] = "fsq"
    ema["name"] = fsq["name"]
    assert ema == fsq
    assert recipe_of("gradient", 4, 10).seed == 4


def test_all_kinds_are_trained_alike_and_measured(pack: Path) -> None:
    said: list[str] = []
    found = list(trained_alike(pack, 1, 0.0, (5,), say=said.append))
    assert [one.quantiser for one in found] == list(KINDS)
    assert {(one.seed, one.steps) for one in found} == {(5, 1)}
    assert said == [f"training {kind}, seed 5" for kind in KINDS]
    for one in found:
        assert np.isfinite(one.psnr_foreground)
        assert [level.level for level in one.uses] == ["fine", "middle", "coarse"]
        assert all(0 < level.used <= 1 for level in one.uses)
        assert 0 < one.uses[0].codes < 16**3
        assert one.cpu_seconds > 0


def test_the_command_prints_the_table_and_writes_it(pack: Path, tmp_path: Path) -> None:
    output = tmp_path / "found.json"
    done = CliRunner().invoke(
        command.main,
        ["quantisers", "--pack", str(pack), "--minutes", "0.0001", "--json", str(output)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    assert "1 steps of 1 patches of 64x64x64" in done.output
    assert "the beginning of a training, not its end" in done.output
    assert "one seed: how much seeds differ is not known" in done.output
    written = json.loads(output.read_text())
    assert [one["quantiser"] for one in written["runs"]] == list(KINDS)
    assert {one["steps"] for one in written["runs"]} == {1}


def test_a_pack_without_held_out_scans_is_an_error(tmp_path: Path) -> None:
    pack = packed(tmp_path, ("train",))
    done = CliRunner().invoke(command.main, ["quantisers", "--pack", str(pack), "--steps", "1"])
    assert done.exit_code == 1
    assert "no scan is held out" in done.output
    arguments = ["quantisers", "--pack", str(pack), "--steps", "1", "--minutes", "1"]
    assert CliRunner().invoke(command.main, arguments).exit_code == 2


def test_the_loser_and_the_spread_of_seeds_are_named() -> None:
    runs = [
        *(run("ema", 0, 25.0, 0.9), run("gradient", 0, 24.0, 0.3), run("fsq", 0, 22.0, 0.8)),
        *(run("ema", 1, 25.5, 0.9), run("gradient", 1, 24.0, 0.3), run("fsq", 1, 23.0, 0.8)),
    ]
    decibels, used, _ = quantisers_command.losers(runs)
    assert decibels == (
        "in-brain PSNR, dB: ema 25.25, gradient 24.00, fsq 22.50; fsq loses by 2.75 "
        "(seeds of one quantiser differ by up to 1.00)"
    )
    assert "gradient loses by 60.0" in used
    printed = quantisers_command.table(runs, "cpu")
    assert "fsq, mean" in printed
    assert "2 seeds" in printed


def test_equal_networks_have_no_loser() -> None:
    runs = [run(kind, 0, 25.0) for kind in KINDS]
    assert all("no difference" in line for line in quantisers_command.losers(runs))
    assert "mean" not in quantisers_command.table(runs, "cpu").split("\n\n")[-1]


def test_means_over_seeds() -> None:
    mean = averaged([run("ema", 0, 25.0, 0.4), run("ema", 1, 27.0, 0.8)])
    assert mean.psnr_foreground == pytest.approx(26.0)
    assert mean.uses[0].used == pytest.approx(0.6)
    assert mean.uses[0].used_least == pytest.approx(0.4)
    assert mean.uses[2].perplexity == pytest.approx(120)
