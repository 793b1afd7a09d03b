"""Plots of the results page as SVG, drawn by matplotlib."""

from __future__ import annotations

import io

from .tables import Plot

WIDTH, HEIGHT = 6.4, 4.0


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
