"""Charts of a report, drawn by matplotlib: SVG bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .missing import needed
from .slices import DIRECTIONS

BINS = 101
SAMPLE = 1 << 16
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vqcodec",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "path.simplify": True,
}
ORIGINAL, DECODED = "#222222", "#d1495b"
INSIDE, OUTSIDE = "#d1495b", "#30638e"


def error_histogram(error: NDArray[Any], inside: NDArray[np.bool_]) -> bytes:
    """How large errors are and how many, inside and outside of the foreground.

    Parameters
    ----------
    error : ndarray
        In percent of the intensity range; what is not finite is left out.
    inside : ndarray of bool
        Foreground, same shape.
    """
    finite = np.isfinite(error)
    parts = [
        (error[finite & inside], "foreground", INSIDE),
        (error[finite & ~inside], "background", OUTSIDE),
    ]
    reach = max((float(np.abs(values).max()) for values, _, _ in parts if values.size), default=0)
    edges = _edges(reach or 1.0, np.concatenate([values[:SAMPLE] for values, _, _ in parts]))
    with needed("matplotlib").rc_context(STYLE):
        figure = _figure(4.6, 2.8)
        axes = figure.subplots()
        axes.set_yscale("log")
        axes.set_ylim(50 / max(1, error.size), 200)
        for values, name, colour in parts:
            if values.size:
                share = np.histogram(values, edges)[0] * (100 / values.size)
                label = f"{name}, {values.size} voxels"
                axes.stairs(share, edges, label=label, color=colour, linewidth=1.2)
        axes.set_xlabel("decoded minus original, percent of the range")
        axes.set_ylabel("percent of the voxels")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8, loc="upper right")
        return _svg(figure)


def _edges(reach: float, sample: NDArray[Any]) -> NDArray[np.float64]:
    """Edges of bins, none of which is narrower than the steps of whole-numbered intensities."""
    steps = np.diff(np.unique(np.round(sample, 6)))
    width = 2 * reach / BINS
    if steps.size and steps.min() > width / 3:
        width = float(steps.min()) * max(1, round(width / float(steps.min())))
    count = int(np.ceil(reach / width - 0.5))
    return np.asarray((np.arange(2 * count + 2) - count - 0.5) * width, np.float64)


def profile_lines(
    reference: NDArray[Any], other: NDArray[Any] | None, place: Sequence[int]
) -> bytes:
    """Intensities along three lines that cross in one voxel.

    Parameters
    ----------
    reference, other : ndarray
        ``(X, Y, Z)`` in RAS order; ``other`` is left out where there is none.
    place : sequence of int
        The voxel.
    """
    with needed("matplotlib").rc_context(STYLE):
        figure = _figure(7.4, 2.8)
        panels = figure.subplots(1, 3, sharey=True)
        for axis, axes in enumerate(panels):
            line = tuple(slice(None) if each == axis else at for each, at in enumerate(place))
            axes.plot(reference[line], color=ORIGINAL, linewidth=1.0)
            if other is not None:
                axes.plot(other[line], color=DECODED, linewidth=1.0, alpha=0.85)
            axes.set_xlabel(f"{DIRECTIONS[axis]}, voxels")
            axes.set_xlim(0, max(1, reference.shape[axis] - 1))
        panels[0].set_ylabel("intensity")
        panels[0].set_ylim(*_reach([line for axes in panels for line in axes.lines]))
        names = ["decoded"] if other is None else ["original", "decoded"]
        panels[-1].legend(panels[-1].lines, names, frameon=False, fontsize=8, loc="upper right")
        return _svg(figure)


def _reach(lines: Sequence[Any]) -> tuple[float, float]:
    """Limits of an axis that holds all lines, also constant ones and those without a value."""
    values = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in lines])
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _figure(width: float, height: float) -> Any:
    """A figure of its own, without pyplot's global state."""
    return needed("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Any) -> bytes:
    stream = io.BytesIO()
    blank = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(stream, format="svg", metadata=blank, transparent=True)
    return stream.getvalue()
