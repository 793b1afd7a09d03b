"""From scans with a ragged background to networks that find it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import vqcodec
from tests.codec.test_holes import ragged
from vqcodec.entropy.context_model import hole_model
from vqcodec.entropy.holes import decode_holes, encode_holes
from vqcodec.entropy.level_contexts import Coefficients, frame_geometry
from vqcodec.trainer.hole_prior import build_holes

WEIGHTS = Path(vqcodec.__file__).parent / "registry" / "weights" / "vqcodec-t1-3.safetensors"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    image = nib.Nifti1Image(ragged((44, 40, 42)), np.eye(4))  # type: ignore[no-untyped-call]
    nib.save(image, folder / "scan.nii")  # type: ignore[attr-defined]
    rows = ("path,split,source,licence,modality,voxel_mm", "scan.nii,train,rare,CC0,T1w,1x1x1")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    build_holes(folder, folder, WEIGHTS, scans=2, steps=30)
    return folder / "holes.npz"


def test_what_was_trained_codes_holes(trained: Path) -> None:
    with np.load(trained) as saved:
        model = hole_model({f"holes/{name}": saved[name] for name in saved.files})
    assert model is not None
    rng = np.random.default_rng(0)
    region = np.zeros((30, 20, 10), bool)
    region[3:-3, 3:-3, 2:-2] = True
    holes = region & (rng.random(region.shape) < 0.1)
    geometry = frame_geometry(region)
    details = tuple(
        np.where(s, rng.integers(-2, 3, s.shape), 0).astype(np.int32) for s in geometry.support
    )
    low_pass = rng.integers(0, 50, geometry.fractions[-1].shape).astype(np.int32)
    coefficients = Coefficients(details, low_pass)
    data = encode_holes(model, coefficients, region, holes, 150)
    np.testing.assert_array_equal(decode_holes(model, coefficients, region, data, 150), holes)
