"""Lossless coders give back every integer, and one that does not is said."""

from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from benchmarks import lossless, scans
from benchmarks.lossless import LosslessCoder, coders, measured, stored_integers, table

CODERS = {coder.name: coder for coder in coders()}
STORED = np.random.default_rng(0).integers(0, 3000, (17, 19, 12)).astype(np.uint16)
STORED[:, :, 3:7] = 0


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_integer_comes_back(name: str, order: str) -> None:
    reason = CODERS[name].missing()
    if reason is not None:
        pytest.skip(reason)
    found = measured("a", np.array(STORED, order=order), CODERS[name])
    assert found.note == ""
    assert found.nbytes is not None
    assert found.nbytes < STORED.nbytes


def test_what_is_not_lossless_missing_or_broken_is_said() -> None:
    good = CODERS["gzip 9"]
    wrong = replace(good, name="wrong", decode=lambda data, shape: np.zeros(shape, np.uint16))
    absent = replace(good, name="absent", missing=lambda: "not installed")

    def fail(stored: object) -> bytes:
        raise RuntimeError("it broke")

    broken = LosslessCoder("broken", fail, good.decode)
    results = [measured("a", STORED, coder) for coder in (good, wrong, absent, broken)]
    assert [one.note for one in results] == ["", "is not lossless", "not installed", "it broke"]
    rows = table(results).rows
    assert rows[0][2] == str(results[0].nbytes)
    assert rows[1][1:4] == ("0", "-", "-")
    ratio = STORED.nbytes / (results[0].nbytes or 1)
    assert rows[0][3] == f"{ratio:.2f}"


def test_stored_integers_are_lifted_to_zero(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lossless, "data_folder", lambda: tmp_path)
    values = np.array([[[-3, 0, 500]]], np.int16)
    entry = scans.Entry("a.nii", "test", "oasis_1", "O", "T1w", "")
    for array, words in ((values, ""), (values.astype(np.float32), "stored as float32")):
        image = nib.Nifti1Image(array, np.eye(4))
        image.header.set_slope_inter(2.0, 1.0) if array is values else None
        nib.save(image, f"{tmp_path}/a.nii")
        if words:
            with pytest.raises(scans.DataFolderError, match=words):
                stored_integers(entry)
        else:
            stored = stored_integers(entry)
            assert stored.dtype == np.uint16
            assert stored.min() == 0
