"""Ragged scans: background within the coded region comes back exactly, in fewer bytes."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import vqcodec
from vqcodec import VQZ
from vqcodec.codec import decode_volume
from vqcodec.formats.preamble import HOLES_FEATURE, PACKED_FEATURE
from vqcodec.formats.sections import SectionKind

from .phantoms import head, nifti

EARLIER = "vqcodec-t1-3"


def ragged(shape: tuple[int, ...] = (66, 46, 42), seed: int = 0) -> np.ndarray:
    """A noisy head whose dark voxels were set to zero by a threshold."""
    values = head(shape, seed=seed)
    return np.where(values < 250, 0, values).astype(np.int16)


def encode(array: np.ndarray, **options: object) -> VQZ:
    return vqcodec.encode(nifti(array), device="cpu", force=True, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("effort", [1, 9])
def test_zeros_stay_zeros_and_nothing_else_becomes_one(effort: int) -> None:
    source = ragged()
    vqz = encode(source, quality=4, effort=effort)
    assert vqz.container.has(SectionKind.HOLES)
    assert vqz.container.incompatible == HOLES_FEATURE | PACKED_FEATURE
    decoded = decode_volume(vqz, device="cpu").array
    np.testing.assert_array_equal(decoded == 0, source == 0)


def test_fewer_bytes_than_the_outline_took() -> None:
    source = ragged()
    now, before = (encode(source, psnr=36.0, model=model) for model in (None, EARLIER))
    assert not before.container.has(SectionKind.HOLES)
    assert now.nbytes < 0.92 * before.nbytes


def test_a_smooth_outline_has_no_holes() -> None:
    vqz = encode(head((66, 46, 42)).astype(np.int16), quality=4)
    assert not vqz.container.has(SectionKind.HOLES)
    assert vqz.container.incompatible == PACKED_FEATURE


def test_a_region_is_what_it_is_in_the_whole() -> None:
    source = ragged((90, 70, 40))
    vqz = encode(source, quality=4)
    whole = decode_volume(vqz, device="cpu").array
    for part in (np.s_[10:80, 20:60, 5:30], np.s_[60:70, 60:70, :], np.s_[33:34, 40:41, 20:21]):
        found = vqz.read_region(part, device="cpu")
        np.testing.assert_array_equal(found == 0, source[part] == 0)
        assert np.abs(found.astype(int) - whole[part]).max() <= 1


def test_scaled_and_turned_and_in_frames() -> None:
    """Zero is stored as something else where there is an intercept."""
    frames = np.stack((ragged(seed=1), head((66, 46, 42)).astype(np.int16)), axis=-1)
    volume = nifti(frames + np.int16(50), slope=0.5, inter=-25.0)
    vqz = vqcodec.encode(volume, quality=4, device="cpu", force=True)
    assert vqz.container.has(SectionKind.HOLES, 0)
    assert not vqz.container.has(SectionKind.HOLES, 1)
    decoded = decode_volume(vqz, device="cpu").array
    np.testing.assert_array_equal(decoded == 50, frames == 0)


def test_sizes_and_fidelity_are_met_with_holes() -> None:
    source = ragged()
    by_size = encode(source, target_bytes=9000)
    assert 0.9 * 9000 < by_size.nbytes <= 9000
    by_psnr = encode(source, psnr=33.0)
    assert by_psnr.figures["psnr_foreground"] == pytest.approx(33.0, abs=0.1)


def test_codes_beside_lossless_voxels() -> None:
    source = ragged()
    vqz = encode(source, lossless=True, quality=3)
    np.testing.assert_array_equal(decode_volume(vqz, device="cpu").array, source)
    assert vqz.codes["fine"].size


def test_verify_and_tokens(tmp_path: Path) -> None:
    """Torch-free checks read holes; models of family ``paper`` have none."""
    vqz = encode(ragged(), quality=3)
    vqz.save(tmp_path / "scan.vqz")
    assert vqcodec.verify(tmp_path / "scan.vqz")["codes_sha256"] == vqz.parsed.codes_sha256
    tokens = encode(ragged(), model="tudosiu2020-baur")
    assert not tokens.container.has(SectionKind.HOLES)


def test_a_real_ragged_scan(data_root: Path) -> None:
    path = data_root / "train" / "freesurferformats_brain_T1w.nii.gz"
    image = nib.load(path)  # type: ignore[attr-defined]
    source = np.asanyarray(image.dataobj)[60:200, 60:200, 80:170]  # type: ignore[attr-defined]
    now, before = (
        vqcodec.encode(source, quality=4, effort=2, model=model, device="cpu", force=True)
        for model in (None, EARLIER)
    )
    outlines = [
        sum(
            len(section.data)
            for section in vqz.container.sections
            if section.kind in (SectionKind.MASK, SectionKind.HOLES)
        )
        for vqz in (now, before)
    ]
    assert outlines[0] < 0.95 * outlines[1]
    np.testing.assert_array_equal(vqcodec.decode(now, device="cpu") == 0, source == 0)
