"""Scans: the manifest, the robust scale, the foreground."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from benchmarks import scans

HEADER = "path,split,subject,source,licence,modality,shape,voxel_mm,dtype,bytes,sha256,note\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a stripped scan, a whole head and a label image."""
    random = np.random.default_rng(0)
    brain = np.zeros((12, 14, 10), np.int16)
    brain[2:10, 3:12, 2:8] = random.integers(100, 1000, (8, 9, 6))
    brain[5, 5, 5] = 30000
    head = random.integers(1, 900, (12, 14, 10)).astype(np.int16)
    for name, values in (("a", brain), ("b", head), ("c", brain)):
        nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / f"{name}.nii.gz")
    lines = [
        "a.nii.gz,test,oasis_1,O,L,T1w,12x14x10,1x1x1,int16,1,0,skull-stripped",
        'b.nii.gz,val,head_2,O,L,T1w,12x14x10,1x1x1,int16,1,0,"whole head, native noise"',
        "c.nii.gz,test,oasis_1,O,L,label,12x14x10,1x1x1,int16,1,0,labels",
    ]
    (tmp_path / "manifest.csv").write_text(HEADER + "\n".join(lines) + "\n")
    return tmp_path


def test_entries_are_t1_scans_of_the_split(folder: Path) -> None:
    assert [entry.path for entry in scans.entries(folder=folder)] == ["a.nii.gz"]
    assert [entry.subject for entry in scans.entries(("val", "test"), folder=folder)] == [
        "oasis_1",
        "head_2",
    ]
    (named,) = scans.entries(subjects=["head_2"], folder=folder)
    assert named.whole_head
    assert named.group == "head"


def test_an_unknown_subject_is_an_error(folder: Path) -> None:
    with pytest.raises(scans.DataFolderError, match="no T1w scan named nobody"):
        scans.entries(subjects=["oasis_1", "nobody"], folder=folder)


def test_a_stripped_scan_keeps_its_zero_and_clips_outliers(folder: Path) -> None:
    scan = scans.load(scans.entries(folder=folder)[0], folder=folder)
    stored = np.asarray(nib.load(folder / "a.nii.gz").dataobj)
    assert scan.values.dtype == np.float32
    assert scan.values.flags.c_contiguous
    assert scan.values.max() == 1.0
    assert np.array_equal(scan.values == 0, stored == 0)
    assert np.array_equal(scan.foreground, stored != 0)
    top = np.percentile(stored[stored > 0], 99.9)
    assert scan.values[3, 4, 3] == pytest.approx(stored[3, 4, 3] / top, rel=1e-6)
    assert scan.percent(scan.values.size) == pytest.approx(25.0)


def test_the_foreground_of_a_whole_head_is_above_the_noise(folder: Path) -> None:
    scan = scans.load(scans.entries(("val",), folder=folder)[0], folder=folder)
    assert np.array_equal(scan.foreground, scan.values > 0.08)


def test_the_papers_grid_keeps_every_voxel(folder: Path) -> None:
    own = scans.load(scans.entries(folder=folder)[0], folder=folder)
    padded = scans.load(scans.entries(folder=folder)[0], (20, 20, 20), folder)
    assert padded.values.shape == (20, 20, 20)
    assert np.array_equal(padded.values[padded.foreground], own.values[own.foreground])
    assert padded.values_digest != own.values_digest
    with pytest.raises(scans.DataFolderError, match="do not fit"):
        scans.load(scans.entries(folder=folder)[0], (20, 8, 20), folder)


def test_a_scan_without_signal_is_an_error() -> None:
    with pytest.raises(scans.DataFolderError, match="no positive voxel"):
        scans.robustly_scaled(np.zeros((3, 3, 3), np.float32))


def test_the_folder_is_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("VQCODEC_DATA", str(folder))
    assert scans.data_folder() == folder
    monkeypatch.setenv("VQCODEC_DATA", str(folder / "nowhere"))
    with pytest.raises(scans.DataFolderError, match="set VQCODEC_DATA"):
        scans.data_folder()


def test_a_real_scan(data_root: Path) -> None:
    (entry,) = scans.entries(subjects=["oasis_1001"], folder=data_root)
    scan = scans.load(entry, folder=data_root)
    assert scan.values.shape == (151, 202, 163)
    assert 0.2 < scan.foreground.mean() < 0.4
    assert not scan.whole_head
