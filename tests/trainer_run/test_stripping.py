"""Resampling, the blurred mask, and what of a head is left in a pack."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from vqcodec.trainer.mni import PlacedVolume, Registrar, mni_template
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

from .balls import KNOWING, TO_SCAN, head, sampled, template_ball


@pytest.fixture
def template() -> PlacedVolume:
    return template_ball()


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


def test_no_brain_is_made_up_where_a_scan_ends(template: PlacedVolume) -> None:
    whole = head(with_skull=True)
    lower = PlacedVolume(whole.x_DHW[:, :, :25], whole.affine)
    brought, _ = in_mni_space(lower, template, KNOWING, MniSteps(strip=True), "own")
    to_scan = np.linalg.inv(lower.affine) @ TO_SCAN @ template.affine
    beyond = sampled(to_scan, lambda points: points[2] > 24)
    assert np.count_nonzero(beyond * (template.x_DHW > 0)) > 100
    assert not brought.x_DHW[beyond > 0].any()


def test_a_stripped_scan_keeps_its_own_mask(template: PlacedVolume) -> None:
    scan = head(with_skull=False)
    brought, record = in_mni_space(scan, template, KNOWING, MniSteps(False, True), "own")
    assert record["mask"] == "the scan's own"
    assert np.array_equal(brought.x_DHW, scan.x_DHW)


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
