"""Tables and plots as data: printed on a terminal, kept in JSON, drawn on the results page."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

MISSING = "-"


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : str
    columns : tuple of str
        Headings; the first column names the rows and is set to the left.
    rows : tuple of tuple of str
        As many cells each as there are columns.
    notes : tuple of str
        Conventions, and what could not be measured.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """A line of a plot: its name and its points, left to right."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Plot:
    """Lines over common axes; logarithmic ones where the figures span decades."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False


def number(value: float | None, form: str) -> str:
    """A figure as text, ``-`` where there is none."""
    if value is None or math.isnan(value):
        return MISSING
    return format(value, form)


def mean(values: Sequence[float | None]) -> float | None:
    """Mean of all values; None where there are none or one is missing."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def as_text(table: Table) -> str:
    """The table for a terminal, columns aligned."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(table.columns))]
    printed = [table.title]
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        printed.append("  ".join(cells).rstrip())
    return "\n".join([*printed, *table.notes])


def as_html(table: Table) -> str:
    """The table as a fragment of a page."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.columns)
    body = []
    for row in table.rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
        body.append(f'<tr><th scope="row">{html.escape(row[0])}</th>{cells}</tr>')
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in table.notes)
    return (
        f"<figure><figcaption>{html.escape(table.title)}</figcaption>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>{notes}</figure>"
    )
