"""Where scans lie in MNI space, found by a stand-in that knows, and by a stand-in for ANTs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pytest

from vqcodec.cli.main import main
from vqcodec.errors import VolumeError
from vqcodec.formats.volumes import read_volume
from vqcodec.trainer.ants_registration import ants_registrar, matrix_by_ants
from vqcodec.trainer.failures import TrainingError
from vqcodec.trainer.frames import scaled_volume
from vqcodec.trainer.mni import (
    PlacedVolume,
    Registrar,
    mni_grid,
    mni_template,
    place,
    register,
)

from .balls import KNOWING, TO_SCAN, head, template_ball

SHEAR = [[1, 0.1, 0, 0], [0, 1, 0.05, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.fixture
def template() -> PlacedVolume:
    return template_ball()


def moved_by(distance: float) -> np.ndarray:
    matrix = TO_SCAN.copy()
    matrix[0, 3] += distance
    return matrix


@pytest.mark.parametrize("codes", ["RAS", "LPS", "AIL", "SRP"])
def test_voxels_stay_where_they_are(codes: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 1000, (20, 18, 16)).astype(np.int16)
    oblique = np.array([[1, 0.2, 0, -7], [-0.2, 1.3, 0.1, 5], [0, 0, 0.8, 9], [0, 0, 0, 1.0]])
    values[3, 4, 5] = 2000
    affine = oblique.copy()
    for axis, letter in enumerate(codes):
        ras = next(number for number, pair in enumerate(("RL", "AP", "SI")) if letter in pair)
        affine[:3, axis] = oblique[:3, ras] * (1 if letter in "RAS" else -1)
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    scan = place(scaled_volume(volume), volume)
    brightest = np.array([*np.unravel_index(np.argmax(scan.x_DHW), scan.x_DHW.shape), 1])
    assert np.allclose(scan.affine @ brightest, volume.affine @ [3, 4, 5, 1], atol=1e-4)
    assert np.all(np.diag(scan.affine)[:3] > 0)
    assert scan.voxel_mm == pytest.approx(np.linalg.norm(scan.affine[:3, :3], axis=0))


def test_scans_that_say_nothing_of_space_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).random((20, 20, 20), np.float32))
    volume = read_volume(tmp_path / "a.npy")
    with pytest.raises(VolumeError, match="does not say how it lies"):
        place(scaled_volume(volume), volume)


def test_the_true_map_is_accepted_and_untrue_ones_are_not(template: PlacedVolume) -> None:
    scan = head(with_skull=True)
    assert register(scan, template, KNOWING).similarity > 0.95
    for matrix, message in (
        (np.diag([0.3, 0.3, 0.3, 1.0]), "times the template's volume"),
        (np.full((4, 4), np.nan), "times the template's volume"),
        (moved_by(9.0), "too unlike"),
        (moved_by(900.0), "too unlike"),
    ):
        untrue = Registrar("untrue", lambda fixed, moving, found=matrix: found)
        with pytest.raises(VolumeError, match=message) as caught:
            register(scan, template, untrue)
        assert "\n" not in str(caught.value)


def test_frames_hold_the_whole_template() -> None:
    template = mni_template()
    inside = np.argwhere(template.x_DHW > 0)[[0, -1]]
    for frame, shape in (("paper", (192, 256, 192)), ("low", (64, 64, 64))):
        found, affine = mni_grid(frame, template)
        assert found == shape
        voxels = np.linalg.inv(affine) @ template.affine
        corners = inside @ voxels[:3, :3].T + voxels[:3, 3]
        assert np.all(corners >= 0)
        assert np.all(corners <= np.array(shape) - 1)
    assert mni_grid("own", template)[0] == (197, 233, 189)


class FakeAnts:
    """Knows the matrix in ITK's form: a linear part, a shift and a centre."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.images: list[dict[str, Any]] = []

    def from_numpy(self, values: np.ndarray, **where: Any) -> np.ndarray:
        self.images.append(where)
        return values

    def registration(self, fixed: Any, moving: Any, kind: str, **settings: Any) -> Any:
        if self.error:
            raise self.error
        assert kind == "Affine"
        assert np.array_equal(settings["mask"], fixed > 0)
        return {"fwdtransforms": [settings["outprefix"] + "0GenericAffine.mat"]}

    def read_transform(self, path: str) -> Any:
        centre = np.array([5.0, -3.0, 2.0])
        shift = TO_SCAN[:3, 3] - centre + TO_SCAN[:3, :3] @ centre
        parameters = np.concatenate((TO_SCAN[:3, :3].ravel(), shift))
        return SimpleNamespace(parameters=parameters, fixed_parameters=centre)


def test_what_ants_says_is_understood(template: PlacedVolume) -> None:
    ants = FakeAnts()
    scan = head(with_skull=False)
    assert np.allclose(matrix_by_ants(ants, template, scan), TO_SCAN)
    assert ants.images[1]["spacing"] == pytest.approx((1.1, 1.1, 1.1))
    sheared = PlacedVolume(scan.x_DHW, scan.affine @ np.array(SHEAR))
    matrix = matrix_by_ants(ants, template, sheared)
    direction = ants.images[3]["direction"]
    assert np.allclose(direction @ direction.T, np.eye(3))
    straight = np.eye(4)
    straight[:3, :3] = direction * ants.images[3]["spacing"]
    straight[:3, 3] = ants.images[3]["origin"]
    voxel = np.linalg.inv(sheared.affine) @ matrix
    assert np.allclose(straight @ voxel, TO_SCAN)


def test_what_ants_cannot_do_is_one_line(template: PlacedVolume) -> None:
    with pytest.raises(VolumeError, match="cannot be registered: failed with error code 1") as one:
        matrix_by_ants(
            FakeAnts(RuntimeError("failed with\nerror code 1")), template, head(with_skull=False)
        )
    assert "\n" not in str(one.value)


def test_without_antspyx_there_is_one_clear_line(
    scans: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ants", None)
    with pytest.raises(TrainingError, match=r"antspyx: python -m pip install 'vqcodec\[mni\]'"):
        ants_registrar()
    target = tmp_path / "pack.h5"
    for options in (["--register", "mni"], ["--strip"]):
        assert main(["train", "prepare", str(scans), "-o", str(target), *options]) == 65
        errors = capsys.readouterr().err
        assert "needs antspyx" in errors
        assert errors.count("\n") == 1
    assert main(["train", "prepare", str(scans), "-o", str(target), "--blur", "2"]) == 2
    assert not target.exists()
