"""A ball for a brain, a shell around it for a skull, and a map between two worlds."""

from __future__ import annotations

from typing import Any

import numpy as np

from vqcodec.trainer.mni import PlacedVolume, Registrar

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


def template_ball() -> PlacedVolume:
    """The ball by itself, at the origin."""
    return PlacedVolume(sampled(centred(), brain_at), centred())
