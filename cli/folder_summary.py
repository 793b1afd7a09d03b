"""The table at the end of a folder run."""

from __future__ import annotations

from collections.abc import Sequence

from ..folders.report import Line, lines_of
from ..folders.run import FileResult
from .console import file_size
from .folder_bar import duration

HEAD = ("", "files", "before", "after", "saved")


def summary_lines(
    results: Sequence[FileResult], seconds: float, *, unusable: int, left: int
) -> list[str]:
    """Write the table.

    Parameters
    ----------
    results : sequence of FileResult
    seconds : float
        Time of the whole run.
    unusable : int
        Files that were refused from the start.
    left : int
        Files that were not tried any more.
    """
    rows = [HEAD, *(_row(line) for line in lines_of(results))]
    rows += [("not usable", str(unusable), "", "", "")] if unusable else []
    rows += [("not tried", str(left), "", "", "")] if left else []
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [""]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    done = [each for each in results if each.status == "done" and each.item.action != "copy"]
    pace = f", {60 * len(done) / seconds:.3g} files/min" if done and seconds > 0 else ""
    if pace:
        size = sum(each.source_bytes for each in done)
        pace += f", {file_size(round(size / seconds))}/s"
    return [*lines, f"in {duration(seconds)}{pace}"]


def _row(line: Line) -> tuple[str, ...]:
    if not line.source_bytes:
        return line.name, str(line.files), "", "", ""
    after, saved = "", ""
    if line.result_bytes:
        after = file_size(line.result_bytes)
        saved = f"{100 * line.saved / line.source_bytes:.3g} %" if line.saved > 0 else ""
    return line.name, str(line.files), file_size(line.source_bytes), after, saved
