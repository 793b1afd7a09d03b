"""``--lossless`` and ``--max-error`` with the real codec, and what ``info`` and ``test`` say."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from vqcodec.cli.main import main

Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    return main([str(each) for each in arguments])


def test_lossless_and_bounded(tmp_path: Path, capsys: Capture) -> None:
    values = np.random.default_rng(2).normal(400, 90, (9, 10, 11)).astype(np.int16)
    scan, same, near = (tmp_path / name for name in ("scan.nii.gz", "same.vqz", "near.vqz"))
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), scan)  # type: ignore[no-untyped-call]
    assert run("compress", scan, "--lossless", "-o", same) == 0
    assert run("compress", scan, "--max-error", "2%", "-o", near) == 0
    text = capsys.readouterr().out
    assert "bit/voxel, lossless, " in text
    assert ", every voxel within " in text
    assert run("info", same, near) == 0
    text = capsys.readouterr().out
    assert "  voxels      lossless (sha256 " in text
    assert "  voxels      every voxel within " in text
    assert run("test", same, near) == 0
    assert run("decompress", same, "-o", tmp_path / "back.nii.gz") == 0
    back = nibabel.load(tmp_path / "back.nii.gz")  # type: ignore[attr-defined]
    np.testing.assert_array_equal(back.dataobj, values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-error", "0"], "not a number above 0"),
        (["--max-error", "some%"], "not a number above 0"),
        (["--max-error", "1", "--lossless"], "exclude each other"),
        (["--lossless", "--ratio", "1"], "exclude --ratio"),
        (["--max-error", "1", "--drop-air"], "exclude --ratio"),
    ],
)
def test_bounds_that_are_none(
    options: list[str], message: str, tmp_path: Path, capsys: Capture
) -> None:
    assert run("compress", tmp_path / "scan.nii", *options) == 2
    assert message in " ".join(capsys.readouterr().err.split())
