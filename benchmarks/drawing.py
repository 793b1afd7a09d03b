"""Plots of the results page as SVG, drawn by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from .tables import Plot

WIDTH, HEIGHT = 5.2, 3.6
PLAIN_DECADES = 1.5


def as_svg(plot: Plot) -> str:
    """One plot as an element of a page."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    with mpl.rc_context({"svg.hashsalt": plot.title, "svg.fonttype": "none"}):
        figure, axes = plt.subplots(figsize=(WIDTH, HEIGHT), layout="constrained")
        for index, series in enumerate(plot.series):
            form = "--" if series.name == "rescan" else "o-"
            color = f"C{index}"
            axes.plot(series.x, series.y, form, markersize=4, color=color, label=series.name)
        if plot.log_x:
            axes.set_xscale("log")
            _plain_ticks(axes.xaxis, [place for series in plot.series for place in series.x])
        if plot.log_y:
            axes.set_yscale("log")
        axes.set(xlabel=plot.x_label, ylabel=plot.y_label, title=plot.title)
        axes.grid(visible=True, which="both", alpha=0.25)
        axes.legend(fontsize=8)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
        plt.close(figure)
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _plain_ticks(axis: Any, places: Sequence[float]) -> None:
    """Numbers rather than powers of ten on a logarithmic axis of a decade or so."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    if not places or max(places) > min(places) * 10**PLAIN_DECADES:
        return
    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 6, 8)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())
