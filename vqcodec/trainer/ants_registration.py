"""Affine registration by ANTs, through antspyx, an extra that nothing else needs."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..errors import VolumeError
from .failures import TrainingError
from .mni import INSTALL, Matrix, PlacedVolume, Registrar

SEED_VARIABLE, SEED = "ANTS_RANDOM_SEED", "1"


def ants_registrar() -> Registrar:
    """ANTs' affine registration: mutual information within the template's brain.

    Raises
    ------
    TrainingError
        antspyx is not installed.
    """
    try:
        ants = importlib.import_module("ants")
    except ImportError as error:
        raise TrainingError(f"registration needs antspyx: {INSTALL}") from error

    def find(fixed: PlacedVolume, moving: PlacedVolume) -> Matrix:
        return matrix_by_ants(ants, fixed, moving)

    return Registrar(f"antspyx {version('antspyx')}, Affine, Mattes", find)


def matrix_by_ants(ants: Any, fixed: PlacedVolume, moving: PlacedVolume) -> Matrix:
    """Register two volumes.

    Parameters
    ----------
    ants : module
        antspyx, or something that has its ``from_numpy``, ``registration`` and
        ``read_transform``.
    fixed, moving : PlacedVolume

    Returns
    -------
    ndarray
        ``(4, 4)``, world of the fixed volume to world of the moving one, mm.

    Raises
    ------
    VolumeError
        ANTs gives up.
    """
    fixed_image, moving_image = _ants_image(ants, fixed), _ants_image(ants, moving)
    # Without the mask, the skull of a whole head is fitted to the edge of the template's brain.
    mask = fixed_image > 0
    with TemporaryDirectory(prefix="vqz-") as folder, _seeded():
        try:
            found = ants.registration(
                fixed_image, moving_image, "Affine", outprefix=f"{folder}/scan", mask=mask
            )
            transform = ants.read_transform(found["fwdtransforms"][0])
        except (RuntimeError, ValueError, IndexError) as error:
            raise VolumeError(f"cannot be registered: {' '.join(str(error).split())}") from error
    # ITK: y = A (x - c) + c + t, from the fixed space to the moving one.
    linear = np.reshape(transform.parameters[:9], (3, 3))
    shift, centre = np.asarray(transform.parameters[9:]), np.asarray(transform.fixed_parameters)
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre + shift - linear @ centre
    to_scan: Matrix = moving.affine @ np.linalg.inv(_rigid(moving.affine)) @ matrix
    return to_scan


def _ants_image(ants: Any, volume: PlacedVolume) -> Any:
    affine = _rigid(volume.affine)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    return ants.from_numpy(
        np.ascontiguousarray(volume.x_DHW, dtype=np.float32),
        origin=tuple(map(float, affine[:3, 3])),
        spacing=tuple(map(float, spacing)),
        direction=affine[:3, :3] / spacing,
    )


def _rigid(affine: Matrix) -> Matrix:
    """The nearest affine whose axes are at right angles, as ITK wants them."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(affine[:3, :3] / spacing)
    straight: Matrix = affine.copy()
    straight[:3, :3] = (left @ right) * spacing
    return straight


@contextmanager
def _seeded() -> Iterator[None]:
    """Let ANTs draw the same samples every time; it takes its seed from the environment."""
    before = os.environ.get(SEED_VARIABLE)
    os.environ[SEED_VARIABLE] = before or SEED
    try:
        yield
    finally:
        if before is None:
            del os.environ[SEED_VARIABLE]
