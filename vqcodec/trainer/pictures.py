"""Pictures of reconstructions: three planes of a patch, what came back, and the difference."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..formats.atomic import write_atomically
from .pack import FloatVolume

DIFFERENCE_RANGE = 0.25


def pictures_are_possible() -> bool:
    """Whether matplotlib, which is optional, is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def draw_reconstruction(
    path: Path, original_DHW: FloatVolume, restored_DHW: FloatVolume, title: str
) -> None:
    """Write a PNG with the middle planes across each axis.

    Parameters
    ----------
    path : Path
        Replaced if it exists.
    original_DHW, restored_DHW : ndarray
        In units of the robust range.
    title : str

    Raises
    ------
    OSError
        It cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9.4), layout="constrained")
    figure.suptitle(title)
    columns = {
        "original": (original_DHW, "gray", (0.0, 1.0)),
        "reconstruction": (restored_DHW, "gray", (0.0, 1.0)),
        "difference": (
            restored_DHW - original_DHW,
            "RdBu_r",
            (-DIFFERENCE_RANGE, DIFFERENCE_RANGE),
        ),
    }
    axes = figure.subplots(3, 3)
    for column, (name, (volume, colours, (low, high))) in enumerate(columns.items()):
        for axis in range(3):
            plane = np.take(volume, volume.shape[axis] // 2, axis=axis)
            place = axes[axis, column]
            place.imshow(plane.T, cmap=colours, vmin=low, vmax=high, origin="lower")
            place.set_axis_off()
        axes[0, column].set_title(name)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=80)
    write_atomically(path, picture.getvalue(), overwrite=True)
