from __future__ import annotations

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from vqcodec.errors import FormatError
from vqcodec.trainer import pack_preparation
from vqcodec.trainer.failures import TrainingError
from vqcodec.trainer.frames import FRAMES, conform
from vqcodec.trainer.pack import Pack, quantise
from vqcodec.trainer.pack_preparation import PreparationOptions, prepare_pack
from vqcodec.trainer.scan_sources import sources_of


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("low", [0.0, -0.3])
def test_quantised_voxels_keep_zero_and_precision(dtype: str, low: float) -> None:
    x = np.random.default_rng(0).uniform(low, 1.2, (8, 8, 8)).astype(np.float32)
    x[0] = 0
    stored, step, zero = quantise(x, dtype)
    back = (stored.astype(np.float64) - zero) * step
    assert np.all(back[0] == 0)
    assert np.abs(back - x).max() <= 0.51 * step
    assert step < (0.007 if dtype == "uint8" else 3e-5)


def test_a_constant_zero_volume_has_a_step() -> None:
    stored, step, zero = quantise(np.zeros((4, 4, 4), np.float32), "uint16")
    assert (stored.max(), step, zero) == (0, 1.0, 0)


def test_a_manifest_becomes_a_pack(scans: Path, pack_path: Path) -> None:
    pack = Pack(pack_path)
    assert [scan.name for scan in pack.scans] == [f"sub-{n}.nii.gz" for n in range(4)]
    assert [scan.split for scan in pack.scans] == ["train", "train", "train", "val"]
    first = pack.scans[0]
    source = (scans / first.name).read_bytes()
    assert first.sha256 == hashlib.sha256(source).hexdigest()
    assert (first.source, first.licence, first.masked) == ("made up", "CC0-1.0", True)
    assert first.voxel_mm == (1.0, 1.0, 1.0)
    assert len(pack.select(["train"], {"group": "b"})) == 1
    assert pack.provenance["software"].startswith("vqcodec ")


def test_boxes_may_reach_outside(pack_path: Path) -> None:
    pack = Pack(pack_path)
    scan = pack.scans[0]
    whole = pack.read(scan, (0, 0, 0), scan.shape)
    assert whole.dtype == np.float32
    assert 0.9 < np.percentile(whole, 99.9) < 1.1
    wide = pack.read(scan, (-3, -3, -3), [side + 6 for side in scan.shape])
    assert np.array_equal(wide[3:-3, 3:-3, 3:-3], whole)
    assert not wide[:3].any()
    assert not pack.read(scan, (500, 0, 0), (4, 4, 4)).any()


def test_the_same_scans_make_the_same_pack(scans: Path, pack_path: Path, tmp_path: Path) -> None:
    prepare_pack(sources_of(scans), tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == pack_path.read_bytes()


def test_unusable_scans_are_named_and_skipped(scans: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    good = (scans / "sub-0.nii.gz").read_bytes()
    (folder / "a.nii.gz").write_bytes(good)
    (folder / "cut.nii.gz").write_bytes(good[: len(good) // 2])
    (folder / "noise.nii.gz").write_bytes(b"not a scan")
    (folder / "readme.txt").write_text("nothing")
    np.save(folder / "flat.npy", np.full((20, 20, 20), 7, np.int16))
    np.save(folder / "plane.npy", np.ones((20, 20), np.float32))
    named: list[str] = []
    summary = prepare_pack(
        sources_of(folder, licence="CC0-1.0"),
        tmp_path / "pack.h5",
        skipped=lambda name, reason: named.append(f"{name}: {reason}"),
    )
    assert summary.packed == 1
    assert sorted(line.split(":")[0] for line in named) == [
        "cut.nii.gz",
        "flat.npy",
        "noise.nii.gz",
        "plane.npy",
    ]
    assert len(Pack(tmp_path / "pack.h5").provenance["skipped"]) == 4


def test_nothing_usable_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "noise.nii.gz").write_bytes(b"not a scan")
    with pytest.raises(TrainingError, match="none of the 1 scans"):
        prepare_pack(sources_of(tmp_path / "scans"), tmp_path / "pack.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scans"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="no scan to train on"):
        sources_of(tmp_path / "empty")


def test_an_interrupted_preparation_keeps_the_old_pack(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "pack.h5"
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        prepare_pack(sources_of(scans), target)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pack_preparation, "pack_scan", full)
    with pytest.raises(OSError, match="No space left") as caught:
        prepare_pack(sources_of(scans), target, overwrite=True)
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["pack.h5"]


def test_a_changed_source_is_noticed(scans: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "some.csv"
    manifest.write_text(f"path,sha256\n{scans / 'sub-0.nii.gz'},{'0' * 64}\n")
    with pytest.raises(TrainingError, match="none of the 1"):
        prepare_pack(sources_of(manifest), tmp_path / "pack.h5")


def test_conforming_centres_the_anatomy(scans: Path, tmp_path: Path) -> None:
    options = PreparationOptions(dtype="uint8", frame="low")
    prepare_pack(sources_of(scans)[:1], tmp_path / "pack.h5", options)
    scan = Pack(tmp_path / "pack.h5").scans[0]
    assert (scan.shape, scan.voxel_mm) == ((64, 64, 64), (3.0, 3.0, 3.0))
    x = np.zeros((30, 30, 30), np.float32)
    x[2:12, 2:12, 2:12] = 1
    framed = conform(x, (1.0, 1.0, 1.0), FRAMES["paper"])
    assert framed.shape == (192, 256, 192)
    assert [int(np.mean(axis)) for axis in np.nonzero(framed)] == [95, 127, 95]


def test_other_files_are_no_packs(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("hello")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    for name in ("text.h5", "other.h5"):
        with pytest.raises(FormatError, match="not a training pack"):
            Pack(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        Pack(tmp_path / "none.h5")
