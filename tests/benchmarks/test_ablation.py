"""Ablation: differences at equal quality, variants that cannot be, weights without a part."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import vqcodec
from benchmarks import ablation, ablation_command, scans
from benchmarks.ablation import QUALITIES, Ablation, measured_ablation
from benchmarks.own_curve import NoEffortError, OwnCodec, findable
from vqcodec.errors import VolumeError

from .stubs import made_scan, rounded

pytest.importorskip("bjontegaard", reason="the extra 'bench' is not installed")

SCAN = made_scan()


def stub_variant(name: str, factor: float = 1.0, refused: Sequence[float] = ()) -> OwnCodec:
    """``factor * 100 * quality`` bytes, the error of rounding to two levels a quality."""
    kept: dict[bytes, float] = {}

    def encode(values: object, aim: Mapping[str, float | None]) -> bytes:
        quality = aim["quality"] or 0.0
        if quality in refused:
            raise VolumeError("comes back badly")
        data = bytes([int(quality)]) * round(factor * 100 * quality)
        kept[data] = quality
        return data

    def decode(data: bytes) -> np.ndarray:
        return rounded(SCAN.values, int(2 ** (kept[data] / 2 + 1)))

    return OwnCodec(name, encode, decode)


def test_twice_the_bytes_are_plus_a_hundred() -> None:
    found = measured_ablation(SCAN, [stub_variant("default"), stub_variant("twice", 2.0)])
    assert found.bd_rate("twice") == pytest.approx(100)
    for quality in QUALITIES:
        assert found.bytes_percent("twice", quality) == pytest.approx(100)
        assert found.decibels("twice", quality) == 0
    assert json.loads(json.dumps(found.record()))["bd_rate"] == {"twice": pytest.approx(100)}


def test_a_refused_quality_is_said_and_left_open() -> None:
    codecs = [stub_variant("default"), stub_variant("half", 0.5, refused=[3.0])]
    found = measured_ablation(SCAN, codecs)
    assert found.notes == ("half, quality 3: comes back badly",)
    assert found.decibels("half", 3.0) is None
    assert found.bd_rate("half") == pytest.approx(-50, abs=3)
    printed = ablation_command.table("oasis", [found], ["default", "half"]).splitlines()
    assert printed[0].split()[:4] == ["oasis,", "mean", "of", "1"]
    assert printed[2].split()[-2:] == ["-", "-"]
    assert printed[1].split()[-3:] == ["-50.0", "%", "+0.00"]
    assert printed[-1].split()[0] == "BD-rate"


def test_means_need_every_scan() -> None:
    assert ablation_command.with_unit(ablation_command.mean([1.0, 3.0])) == "+2.0 %"
    assert ablation_command.with_unit(ablation_command.mean([1.0, None])) == "-"
    assert ablation_command.with_unit(ablation_command.mean([])) == "-"
    assert Ablation("a", "a").bd_rate("nothing") is None


def test_weights_without_restoration(tmp_path: Path) -> None:
    path = ablation.weights_without((ablation.RESTORATION,), None, tmp_path)
    assert path is not None
    whole, bare = vqcodec.load_model(None), vqcodec.load_model(str(path))
    gone = set(whole.tensors) - set(bare.tensors)
    assert gone
    assert all(name.startswith("restoration/") for name in gone)
    assert bare.sha256 != whole.sha256
    assert ablation.weights_without((ablation.RESTORATION,), str(path), tmp_path) is None


def test_a_variant_that_cannot_be_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise NoEffortError("no such setting")

    monkeypatch.setattr(ablation, "own_codec", lambda name, **options: stub_variant(name))
    monkeypatch.setattr(ablation, "default_effort", refuse)
    monkeypatch.setattr(ablation, "weights_without", lambda parts, model, folder: None)
    said: list[str] = []
    with ablation.variants(None, "cpu", said.append) as codecs:
        assert [codec.name for codec in codecs] == ["default"]
    assert said[0] == "no restoration: not measured, the model has none"
    assert said[1] == "effort 1: not measured, no such setting"
    said.clear()
    monkeypatch.setattr(ablation, "default_effort", lambda: 5)
    with ablation.variants(None, "cpu", said.append) as codecs:
        assert [codec.name for codec in codecs] == ["default", "effort 1", "effort 9"]
    assert "effort 5: that of the default" in said


def test_a_model_by_its_path_joins_the_search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VQZ_MODEL_PATH", raising=False)
    with findable("/a/first.safetensors"):
        assert os.environ["VQZ_MODEL_PATH"] == "/a/first.safetensors"
        with findable(Path("/b/second.safetensors")), findable("an-id"), findable(None):
            assert os.environ["VQZ_MODEL_PATH"] == "/b/second.safetensors:/a/first.safetensors"
        assert os.environ["VQZ_MODEL_PATH"] == "/a/first.safetensors"
    assert "VQZ_MODEL_PATH" not in os.environ


def test_the_command_prints_a_table_per_source_and_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def stand_ins(model: object, device: object, say: object) -> Iterator[list[OwnCodec]]:
        yield [stub_variant("default"), stub_variant("effort 1", 1.1)]

    entries = [
        scans.Entry("a", "test", name, "O", "T1w", "") for name in ("oasis_1", "oasis_2", "other_1")
    ]
    monkeypatch.setattr(ablation_command, "variants", stand_ins)
    monkeypatch.setattr(scans, "entries", lambda *args, **named: list(entries))
    monkeypatch.setattr(scans, "load", lambda entry, grid: made_scan(entry.subject))
    output = tmp_path / "ablation.json"
    done = CliRunner().invoke(
        ablation_command.ablation_command,
        ["--scans", "oasis_1", "--json", str(output)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    assert "oasis, mean of 2" in done.output
    assert "other, mean of 1" in done.output
    assert done.output.count("+10.0 %") == 2 * (len(QUALITIES) + 1)
    assert len(json.loads(output.read_text())["results"]) == 3
