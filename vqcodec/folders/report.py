"""What a run came to: a table for people, a row a file for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..formats.atomic import write_atomically
from .run import FileResult
from .verdicts import DONE_TO

COLUMNS = (
    *("source", "result", "action", "status", "note"),
    *("source_bytes", "result_bytes", "seconds", "psnr_foreground"),
    *("source_sha256", "result_sha256"),
)


@dataclass(frozen=True)
class Line:
    """One kind of file in the summary.

    Attributes
    ----------
    name : str
        What became of them.
    files : int
    source_bytes, result_bytes : int
        Of all of them; 0 where they are not known.
    """

    name: str
    files: int
    source_bytes: int
    result_bytes: int

    @property
    def saved(self) -> int:
        """Bytes that the results are smaller by."""
        return self.source_bytes - self.result_bytes if self.result_bytes else 0


def summary(results: Sequence[FileResult], seconds: float) -> dict[str, Any]:
    """Everything added up, as one JSON-able object."""
    return {
        "files": len(results),
        **{line.name.replace(" ", "_"): asdict(line) for line in lines_of(results)},
        "saved_bytes": sum(line.saved for line in lines_of(results)),
        "seconds": seconds,
    }


def lines_of(results: Iterable[FileResult]) -> list[Line]:
    """Files done now by action, done before, and failed; those there are."""
    groups: dict[str, list[FileResult]] = {
        **{name: [] for name in DONE_TO.values()},
        "done before": [],
        "failed": [],
    }
    for result in results:
        kind = {"skipped": "done before", "failed": "failed"}.get(result.status)
        groups[kind or DONE_TO[result.item.action]].append(result)
    return [
        Line(
            name,
            len(group),
            sum(each.source_bytes for each in group),
            sum(each.result_bytes for each in group),
        )
        for name, group in groups.items()
        if group
    ]


def rows_of(results: Iterable[FileResult]) -> list[dict[str, Any]]:
    """One flat row a file, in the order of the results' names."""
    rows = []
    for result in sorted(results, key=lambda each: each.item.result.as_posix()):
        record = (result.ended.record if result.ended else None) or {}
        row = {
            "source": str(result.item.source),
            "result": result.item.result.as_posix(),
            "action": result.item.action,
            "status": result.status,
            "note": result.note,
            "source_bytes": result.source_bytes,
            "result_bytes": result.result_bytes,
            "seconds": record.get("seconds"),
            "psnr_foreground": record.get("figures", {}).get("psnr_foreground"),
            "source_sha256": record.get("source_is", {}).get("sha256"),
            "result_sha256": record.get("result_is", {}).get("sha256"),
        }
        rows.append(row)
    return rows


def write_report(path: Path, results: Sequence[FileResult], seconds: float) -> None:
    """Write the rows as CSV, or rows and summary as JSON, by the ending of the name.

    Raises
    ------
    OSError
        It cannot be written.
    """
    rows = rows_of(results)
    if path.suffix.lower() == ".csv":
        table = io.StringIO()
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        text = table.getvalue()
    else:
        document = {"summary": summary(results, seconds), "files": rows}
        text = json.dumps(document, indent=1) + "\n"
    write_atomically(path, text.encode("utf-8", "backslashreplace"), overwrite=True)
