"""Errors by region against figures by hand; refusals and failures are said, results kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import ood_command as command
from benchmarks import scans
from benchmarks.ood import (
    FileCodec,
    error_percentiles,
    lesion_regions,
    measured,
    region_errors,
    robust_top,
)
from vqcodec.errors import VolumeError

from .evidence_stubs import blurred, brain, thresholds

SCAN = brain(side=32)
FIGURES = {"psnr_foreground": 31.0, "ms_ssim": 0.99}


def entry(name: str, modality: str = "T1w") -> scans.Entry:
    return scans.Entry(f"{name}", "ood", name, "O", modality, "a note", "digest of " + name)


def blur_files(width: float, encoded: list[tuple[str, bool]]) -> FileCodec:
    def encode(path: Path, force: bool) -> tuple[bytes, dict[str, float]]:
        encoded.append((path.name, force))
        if path.name.startswith("CT") and not force:
            raise VolumeError("is no T1; --force codes it")
        if path.name.startswith("broken"):
            raise VolumeError("is broken")
        return path.name.encode(), FIGURES

    return FileCodec(encode, lambda data: blurred(SCAN.values, width), {"id": "m"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.nii", "CT.nii", "broken.nii"):
        nib.save(nib.Nifti1Image(SCAN.values, np.eye(4)), tmp_path / name)
    return tmp_path


def test_region_errors_by_hand() -> None:
    original = SCAN.values.copy()
    white, lesion = original > 0.8, (original > 0.5) & (original < 0.7)
    decoded = original.copy()
    decoded[white] += 0.02
    decoded[lesion] -= 0.01
    top = robust_top(original)
    found = region_errors(original, decoded, {"white": white, "lesion": lesion})
    assert found["white"].mean == pytest.approx(2.0 / top, rel=1e-3)
    assert found["white"].contrast is None
    assert found["lesion"].rms == pytest.approx(1.0 / top, rel=1e-3)
    before = original[lesion].mean() - original[white].mean()
    assert found["lesion"].contrast == pytest.approx((before - 0.03) / before, rel=1e-3)
    assert found["lesion"].voxels == lesion.sum()


def test_blur_is_worse_everywhere() -> None:
    regions = {"white": SCAN.values > 0.8, "grey": (SCAN.values > 0.4) & (SCAN.values < 0.8)}
    tails, errors = [], []
    for width in (0.0, 0.5, 1.0):
        decoded = blurred(SCAN.values, width)
        tails.append(error_percentiles(SCAN.values, decoded))
        errors.append(region_errors(SCAN.values, decoded, regions)["grey"].rms)
    assert max(tails[0]) == 0
    assert all(a < b for a, b in zip(tails[1], tails[2], strict=True))
    assert errors[0] == 0 < errors[1] < errors[2]


def test_refused_files_are_forced_and_kept(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, bool]] = []
    codec = blur_files(0.5, seen)
    cache = tmp_path / "cache"
    for _ in range(2):
        taken = measured(entry("a.nii"), folder / "a.nii", codec, {}, cache)
        refused = measured(entry("CT.nii", "CT"), folder / "CT.nii", codec, {}, cache)
    assert seen == [("a.nii", False), ("CT.nii", False), ("CT.nii", True)]
    assert (taken.refusal, refused.refusal) == ("", "is no T1; --force codes it")
    assert refused.figures == FIGURES
    broken = measured(entry("broken.nii"), folder / "broken.nii", codec, {}, cache)
    assert broken.failure == "is broken"
    gone = measured(entry("gone.nii"), folder / "gone.nii", codec, {}, cache)
    assert "gone.nii cannot be read" in gone.failure
    first, second = command.tables([taken, refused, broken])
    assert [row[3] for row in first.rows] == ["taken", "refused", "refused"]
    assert "CT.nii was refused: is no T1; --force codes it" in first.notes
    assert [row[0] for row in second.rows] == ["a.nii", "CT.nii"]


def test_lesions_are_found_where_they_were_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.ood.EDGE_VOXELS", 1)
    flair = np.where(SCAN.foreground, 0.5, 0).astype(np.float32)
    flair += np.random.default_rng(0).normal(0, 0.01, flair.shape).astype(np.float32)
    flair[14:18, 14:18, 14:18] = 0.9
    found = lesion_regions(SCAN.values, flair, thresholds(), tmp_path)
    lesions = found["lesions (estimated from FLAIR)"]
    assert lesions[14:18, 14:18, 14:18].all()
    assert lesions.sum() <= 66
    assert not (found["healthy white matter"] & lesions).any()
    assert (sum(mask.astype(int) for mask in found.values())[SCAN.foreground] == 1).all()


def test_the_command_says_what_is_missing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VQCODEC_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "data_folder", lambda: folder)
    entries = [entry("a.nii"), entry("broken.nii"), replace(entry("b.nii"), split="train")]
    monkeypatch.setattr(command, "read_manifest", lambda path: iter(entries))
    monkeypatch.setattr(command, "identity_of_model", lambda model: {"id": "m"})
    monkeypatch.setattr(command, "file_codec", lambda identity, device: blur_files(0.5, []))
    monkeypatch.setattr(command, "hmrf", lambda: thresholds(missing="get dipy"))
    output = tmp_path / "ood.json"
    done = CliRunner().invoke(command.ood_command, ["--json", str(output)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "lesions: get dipy" in done.output
    assert "broken.nii: is broken" in done.output
    written = json.loads(output.read_text())
    assert [one["scan"] for one in written["records"]] == ["a.nii", "broken.nii"]
