"""Slices of volumes as rows of pictures: PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .missing import needed
from .slices import Cut, slice_of

LARGEST_TILE = 192
SMALLEST_TILE = 96
GAP = 2

Pixels = NDArray[np.uint8]


def grey(values: NDArray[Any], low: float, high: float) -> Pixels:
    """Intensities as grey levels, black at ``low``; what is not finite is black."""
    shown = np.nan_to_num((values.astype(np.float64) - low) * (255 / (high - low)))
    pixels: Pixels = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
    return pixels


def signed(values: NDArray[Any], limit: float) -> Pixels:
    """Differences as places in a palette, 128 for none."""
    shown = np.nan_to_num(values.astype(np.float64) * (127 / limit))
    places: Pixels = np.clip(np.rint(shown) + 128, 1, 255).astype(np.uint8)
    return places


def blue_to_red() -> list[int]:
    """256 colours as red, green, blue: blue below, black in the middle, yellow and red above."""
    steps = np.clip((np.arange(256) - 128) / 127, -1, 1)
    up, down = np.clip(steps, 0, 1), np.clip(-steps, 0, 1)
    red = np.minimum(1, 1.6 * up)
    green = np.clip(2 * up - 1, 0, 1) * 0.9 + np.clip(2 * down - 1, 0, 1) * 0.8
    blue = np.minimum(1, 1.6 * down)
    colours = np.stack([red, green, blue], axis=1)
    return [int(value) for value in np.rint(255 * colours).astype(int).ravel()]


def row_of_slices(
    pixels: NDArray[np.uint8],
    chosen: Sequence[Cut],
    box: Sequence[slice],
    sides: Sequence[float],
    palette: list[int] | None = None,
) -> bytes:
    """Slices side by side, a PNG.

    Parameters
    ----------
    pixels : ndarray of uint8
        ``(X, Y, Z)`` in RAS order.
    chosen : sequence of Cut
    box : sequence of slice
        What of each axis is shown.
    sides : sequence of float
        Length of a voxel along the three axes.
    palette : list of int, optional
        Red, green, blue of 256 colours, for pictures that are not grey.
    """
    image_module = needed("PIL.Image")
    empty = 0 if palette is None else 128
    tiles = [
        _tile(image_module, slice_of(pixels, cut, box), _plane_sides(cut, sides), palette is None)
        for cut in chosen
    ]
    height = max(tile.shape[0] for tile in tiles)
    width = sum(tile.shape[1] for tile in tiles) + GAP * (len(tiles) - 1)
    row = np.full((height, width), empty, np.uint8)
    left = 0
    for tile in tiles:
        top = (height - tile.shape[0]) // 2
        row[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        left += tile.shape[1] + GAP
    image = image_module.fromarray(row)
    if palette is not None:
        image.putpalette(palette)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _plane_sides(cut: Cut, sides: Sequence[float]) -> tuple[float, float]:
    across, up = (side for axis, side in enumerate(sides) if axis != cut.axis)
    return up, across


def _tile(image_module: Any, plane: Pixels, sides: tuple[float, float], smooth: bool) -> Pixels:
    """A slice with square pixels, neither tiny nor large."""
    lengths = [count * side for count, side in zip(plane.shape, sides, strict=True)]
    scale = max(1 / min(sides), SMALLEST_TILE / max(lengths))
    scale = min(scale, LARGEST_TILE / max(lengths))
    height, width = (max(1, round(length * scale)) for length in lengths)
    if (height, width) == plane.shape:
        return plane
    sampling = image_module.Resampling
    shrinks = height * width < plane.size
    image = image_module.fromarray(np.ascontiguousarray(plane))
    method = sampling.BILINEAR if smooth or shrinks else sampling.NEAREST
    return np.asarray(image.resize((width, height), method))
