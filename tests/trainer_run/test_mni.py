"""Everything about MNI space but ANTs itself: a stand-in that knows the answer registers."""

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
from vqcodec.trainer.pack import Pack
from vqcodec.trainer.pack_preparation import PreparationOptions, prepare_pack
from vqcodec.trainer.scan_sources import sources_of
from vqcodec.trainer.stripping import (
    MniSteps,
    in_mni_space,
    is_stripped,
    resampled,
    soft_mask,
    stripped,
)

SIDE = 32
TO_SCAN = np.array([[0.9, -0.1, 0, 3], [0.1, 0.9, 0, -2], [0, 0, 0.95, 4], [0, 0, 0, 1.0]])
KNOWING = Registrar("stand-in", lambda fixed, moving: TO_SCAN)


def brain_at(points: np.ndarray) -> np.ndarray:
    """A ball around the world's origin, brightness 1 in the middle to 0.4, 0 outside."""
    radius = np.sqrt((points**2).sum(axis=0))
    return np.where(radius < 10, 0.7 + 0.3 * np.cos(radius * np.pi / 10), 0)


def sampled(affine: np.ndarray, value_at: Any, shape: tuple[int, ...] = (SIDE,) * 3) -> Any:
    voxels = np.indices(shape).reshape(3, -1)
    points = affine[:3, :3] @ voxels + affine[:3, 3:]
    return value_at(points).reshape(shape).astype(np.float32)


def centred(side_mm: float = 1.0) -> np.ndarray:
    affine = np.diag([side_mm, side_mm, side_mm, 1.0])
    affine[:3, 3] = -side_mm * (SIDE - 1) / 2
    return affine


@pytest.fixture
def template() -> PlacedVolume:
    return PlacedVolume(sampled(centred(), brain_at), centred())


def head(with_skull: bool) -> PlacedVolume:
    """The template's ball where TO_SCAN puts it, with or without a bright shell around it."""
    back = np.linalg.inv(TO_SCAN)

    def value_at(points: np.ndarray) -> np.ndarray:
        there = back[:3, :3] @ points + back[:3, 3:]
        radius = np.sqrt((there**2).sum(axis=0))
        shell = 2.0 if with_skull else 0.0
        air = 0.02 if with_skull else 0.0
        return np.where((radius > 12.5) & (radius < 16), shell, brain_at(there)) + air

    return PlacedVolume(sampled(centred(1.1), value_at), centred(1.1))


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


def test_resampling_keeps_zero_and_place() -> None:
    x = np.zeros((20, 20, 20), np.float32)
    x[4:12, 5:13, 6:14] = 1
    assert np.allclose(resampled(x, np.eye(4), x.shape), x, atol=1e-5)
    shift = np.eye(4)
    shift[:3, 3] = (2, 2, 2)
    moved = resampled(x, shift, (20, 20, 20))
    assert np.allclose(moved[:18, :18, :18], x[2:, 2:, 2:], atol=1e-5)
    shift[:3, 3] = (0.4, 0, 0)
    assert set(np.unique(moved != 0, return_counts=True)[1]) == {8**3, 20**3 - 8**3}
    assert not resampled(x, shift, x.shape)[x == 0].any()
    noisy = np.random.default_rng(0).uniform(0.1, 1, (20, 20, 20)).astype(np.float32)
    reduced = resampled(noisy, np.diag([4.0, 4, 4, 1]), (5, 5, 5))
    assert reduced.std() < noisy.std() / 3
    shift[:3, 3] = (40, 0, 0)
    assert np.allclose(resampled(noisy, shift, x.shape), noisy[-1:], atol=1e-4)


def test_the_mask_is_blurred_outwards_only() -> None:
    brain = np.zeros((40, 40, 40), bool)
    brain[:, :20] = True
    weights = soft_mask(brain, (1.0, 2.0, 1.0), 4.0)
    fall = weights[20, 20:, 20]
    assert np.all(weights[brain] == 1)
    assert 0.3 < fall[0] < 0.5
    assert np.all(np.diff(fall) <= 0)
    assert np.count_nonzero(fall) == 3  # 1.6 deviations of 4 mm, 2 mm each, from the border
    assert fall[fall > 0].min() >= 0.05
    assert np.array_equal(soft_mask(brain, (1.0, 1.0, 1.0), 0.0), brain)


def test_stripping_rescales_and_leaves_exact_zeros() -> None:
    x = np.random.default_rng(0).uniform(0.1, 0.4, (24, 24, 24)).astype(np.float32)
    x[:, :, :4] = 3
    weights = np.zeros_like(x)
    weights[4:20, 4:20, 8:20] = 1
    y = stripped(x, weights)
    assert not y[weights == 0].any()
    assert np.all(y[weights == 1] > 0)
    assert np.percentile(y[weights == 1], 99.9) == pytest.approx(1, abs=0.01)


def test_what_counts_as_stripped() -> None:
    brain = np.zeros((40, 40, 40), bool)
    brain[14:26, 14:26, 14:26] = True
    x = np.zeros(brain.shape, np.float32)
    x[12:28, 12:28, 12:28] = 1
    assert is_stripped(x, brain, (1, 1, 1))
    assert not is_stripped(x, brain, (9, 9, 9))
    x[:, :, :10] = 1
    assert not is_stripped(x, brain, (2, 2, 2))
    assert not is_stripped(x + 0.01, brain, (1, 1, 1))


@pytest.mark.parametrize("move", [True, False])
def test_the_brain_is_found_and_the_skull_is_gone(template: PlacedVolume, move: bool) -> None:
    scan = head(with_skull=True)
    steps = MniSteps(move=move, strip=True, blur_mm=1.0)
    brought, record = in_mni_space(scan, template, KNOWING, steps, "own")
    expected = template if move else head(with_skull=False)
    assert brought.x_DHW.shape == expected.x_DHW.shape
    assert brought.voxel_mm == pytest.approx((1, 1, 1) if move else (1.1, 1.1, 1.1))
    inside = expected.x_DHW > 0
    assert np.corrcoef(brought.x_DHW[inside], expected.x_DHW[inside])[0, 1] > 0.9
    assert np.all(brought.x_DHW[inside] != 0)
    assert np.count_nonzero(brought.x_DHW) < 1.8 * np.count_nonzero(inside)
    assert brought.x_DHW.max() < 1.2
    assert record["mask"] == "the template's, blurred by 1 mm"
    assert np.allclose(record["template_mm_to_scan_mm"], TO_SCAN)


def test_a_stripped_scan_keeps_its_own_mask(template: PlacedVolume) -> None:
    scan = head(with_skull=False)
    brought, record = in_mni_space(scan, template, KNOWING, MniSteps(False, True), "own")
    assert record["mask"] == "the scan's own"
    assert np.array_equal(brought.x_DHW, scan.x_DHW)


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


def test_a_pack_tells_how_its_scans_were_brought_to_mni(tmp_path: Path) -> None:
    """The template itself, coarser and with a shell of fat, is the scan."""
    template = mni_template()
    coarse = template.x_DHW[::3, ::3, ::3]
    affine = template.affine @ np.diag([3.0, 3, 3, 1])
    fat = np.where(coarse > 0, coarse, np.float32(0.01))
    fat[:6] = 2
    (tmp_path / "scans").mkdir()
    nibabel.save(nibabel.Nifti1Image(fat, affine), tmp_path / "scans" / "a.nii.gz")
    np.save(tmp_path / "scans" / "b.npy", fat)
    options = PreparationOptions("uint16", "low", register="mni", strip=True)
    summary = prepare_pack(
        sources_of(tmp_path / "scans"),
        tmp_path / "pack.h5",
        options,
        registrar=Registrar("stand-in", lambda fixed, moving: np.eye(4)),
    )
    assert summary.skipped[0][0] == "b.npy"
    pack = Pack(tmp_path / "pack.h5")
    (scan,) = pack.scans
    assert (scan.shape, scan.voxel_mm, scan.masked) == ((64, 64, 64), (3.0, 3.0, 3.0), True)
    assert scan.registration["registrar"] == "stand-in"
    assert scan.registration["similarity"] > 0.9
    assert scan.registration["mask"] == "the template's, blurred by 2 mm"
    assert pack.provenance["options"]["register"] == "mni"
    assert pack.read(scan, (0, 0, 0), scan.shape).max() < 1.5


def test_packs_without_registration_say_nothing_of_it(pack_path: Path) -> None:
    assert all(scan.registration == {} for scan in Pack(pack_path).scans)


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


SHEAR = [[1, 0.1, 0, 0], [0, 1, 0.05, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


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
