"""What a report shows of one scan: figures, pictures and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..background import background_value, foreground, robust_range
from ..figures import measure
from .charts import error_histogram, profile_lines
from .pictures import blue_to_red, grey, row_of_slices, signed
from .slices import PLANES, box_around, cuts, first_frame, flat, voxel_sides

SLICES = 5
DIFFERENCE_STEPS = (0.5, 1, 2, 5, 10, 20, 50, 100)
SHOWN_SHARE = 98


@dataclass(frozen=True)
class Side:
    """One of the volumes to show.

    Attributes
    ----------
    values : ndarray
        Intensities, any number of axes.
    affine : ndarray or None
        ``(4, 4)``, voxels to mm.
    zero : float
        The intensity that stands for zero.
    """

    values: NDArray[Any]
    affine: NDArray[np.float64] | None
    zero: float = 0.0


@dataclass(frozen=True)
class Picture:
    """An image with the words under it."""

    caption: str
    mime: str
    data: bytes


@dataclass(frozen=True)
class Entry:
    """One scan of a report.

    Attributes
    ----------
    name : str
    measured : mapping of str to number or None
        Figures of :func:`vqcodec.figures.measure`; empty where there is no original.
    stated : mapping of str to number or None
        Figures that the file itself holds.
    facts : mapping of str to str
        What else is to be said, such as size and model.
    pictures, charts : sequence of Picture
    nbytes : int
        Size of the file; 0 where it is not known.
    error : str
        Why there is nothing to show, if so.
    """

    name: str
    measured: Mapping[str, Any] = field(default_factory=dict)
    stated: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()
    charts: Sequence[Picture] = ()
    nbytes: int = 0
    error: str = ""

    @property
    def figures(self) -> Mapping[str, Any]:
        """What was measured, else what the file states."""
        return self.measured or self.stated


def failed_entry(name: str, error: str) -> Entry:
    """A scan that could not be shown."""
    return Entry(name, error=error)


def stated_entry(
    name: str,
    decoded: Side,
    stated: Mapping[str, Any],
    facts: Mapping[str, str],
    nbytes: int = 0,
    *,
    brief: bool = False,
) -> Entry:
    """A file on its own: what it states, and what it decodes to.

    Parameters
    ----------
    brief : bool
        One slice a plane and no charts, as for a page of many scans.
    """
    frame, inside, (low, scale) = _shown(decoded)
    rows = [("decoded", grey(frame, low, low + scale), None)]
    charts = []
    if not brief:
        profile = profile_lines(frame, None, _middle(inside))
        charts.append(Picture("Intensities along three lines", "image/svg+xml", profile))
    pictures = _pictures(rows, inside, voxel_sides(decoded.affine), brief)
    return Entry(name, {}, stated, facts, pictures, charts, nbytes)


def comparison_entry(
    name: str,
    original: Side,
    decoded: Side,
    stated: Mapping[str, Any],
    facts: Mapping[str, str],
    nbytes: int = 0,
    *,
    brief: bool = False,
) -> Entry:
    """A decoded volume beside its original.

    Parameters
    ----------
    stated : mapping
        Figures that the file holds; empty where what is compared came from elsewhere.
    facts : mapping
        What else is to be said.
    brief : bool
        One slice a plane and no charts, as for a page of many scans.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    measured = measure(original.values, decoded.values, original.zero)
    frame, inside, (low, scale) = _shown(original)
    other = first_frame(decoded.values, original.affine)
    with np.errstate(invalid="ignore"):
        error = np.subtract(other, frame, dtype=np.float64) * (100 / scale)
    limit = _limit(error, inside)
    rows = [
        ("original", grey(frame, low, low + scale), None),
        ("decoded", grey(other, low, low + scale), None),
        (f"decoded minus original, ±{limit:g} % of the range", signed(error, limit), blue_to_red()),
    ]
    charts = []
    if not brief:
        histogram, place = error_histogram(error, inside), _middle(inside)
        profile = profile_lines(frame, other, place)
        charts = [
            Picture("Errors, foreground and background", "image/svg+xml", histogram),
            Picture("Intensities along three lines", "image/svg+xml", profile),
        ]
    pictures = _pictures(rows, inside, voxel_sides(original.affine), brief)
    return Entry(name, measured, stated, facts, pictures, charts, nbytes)


def _shown(side: Side) -> tuple[NDArray[Any], NDArray[np.bool_], tuple[float, float]]:
    """First frame of a volume, its foreground, and the offset and scale of its grey levels."""
    frame = first_frame(side.values, side.affine)
    finite = frame[np.isfinite(frame)]
    inside = foreground(frame, side.zero)
    return frame, inside, robust_range(finite, background_value(finite, side.zero))


def _middle(inside: NDArray[np.bool_]) -> list[int]:
    """Middle of the foreground, a voxel."""
    return [planes[0].place for planes in cuts(inside, 1)]


def _limit(error: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    """End of the scale of differences: a round number that few voxels go beyond."""
    sizes = np.abs(error[inside & np.isfinite(error)])
    found = float(np.percentile(sizes, SHOWN_SHARE)) if sizes.size else 0.0
    return next((step for step in DIFFERENCE_STEPS if found <= step), DIFFERENCE_STEPS[-1])


def _pictures(
    rows: Sequence[tuple[str, NDArray[np.uint8], list[int] | None]],
    inside: NDArray[np.bool_],
    sides: Sequence[float],
    brief: bool,
) -> list[Picture]:
    """Slices across every plane, or one across each in a row."""
    box = box_around(inside)
    chosen = cuts(inside, 1 if brief else SLICES)
    if brief:
        groups = {"": flat(chosen)}
    else:
        groups = {f"{name}, ": part for name, part in zip(PLANES, chosen, strict=True)}
    return [
        Picture(f"{group}{name}", "image/png", row_of_slices(pixels, part, box, sides, palette))
        for group, part in groups.items()
        for name, pixels, palette in rows
    ]
