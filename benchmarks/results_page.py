"""The results page: every document of a folder as one HTML file that needs nothing else."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .drawing import as_svg
from .tables import Plot, Series, Table, as_html

PAGE = "index.html"
STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; margin-bottom: .4rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th { background: var(--soft); white-space: normal; vertical-align: bottom; }
th[scope=row], thead th:first-child { text-align: left; font-weight: 400; }
figure p, .missing, details { font-size: .85rem; opacity: .85; max-width: 60rem; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; }
.plots svg, .plots img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
code { background: var(--soft); padding: .1rem .3rem; border-radius: 3px; }
"""


def page(documents: Sequence[Mapping[str, Any]], failures: Mapping[str, str]) -> str:
    """The page.

    Parameters
    ----------
    documents : sequence of mapping
        As `benchmarks.documents.write` leaves them, in the order of the page.
    failures : mapping of str to str
        Measurements without a document, and why.
    """
    links = "".join(
        f'<li><a href="#{html.escape(one["name"])}">{html.escape(one["title"])}</a></li>'
        for one in documents
    )
    parts = [f"<nav><ul>{links}</ul></nav>"]
    if failures:
        rows = "".join(
            f"<li>{html.escape(name)}: {html.escape(why)}</li>" for name, why in failures.items()
        )
        parts.append(f'<div class="missing"><p>Not measured:</p><ul>{rows}</ul></div>')
    parts += [section(one) for one in documents]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>vqcodec: results</title><style>{STYLE}</style></head><body>"
        f"<h1>vqcodec: what was measured</h1>{''.join(parts)}</body></html>\n"
    )


def section(document: Mapping[str, Any]) -> str:
    """One measurement: its tables, plots, pictures, and what it was made on."""
    tables = [_table(one) for one in document["tables"]]
    drawings = [as_svg(_plot(one)) for one in document["plots"]]
    drawings += [
        f'<img alt="{html.escape(one["title"])}" src="data:image/png;base64,{one["png"]}">'
        for one in document["pictures"]
    ]
    missing = "".join(f"<li>{html.escape(line)}</li>" for line in document["not_measured"])
    parts = [
        f'<section id="{html.escape(document["name"])}"><h2>{html.escape(document["title"])}</h2>',
        f"<p><code>{html.escape(document['command'])}</code></p>",
        *map(as_html, tables),
        f'<div class="plots">{"".join(drawings)}</div>',
    ]
    if missing:
        parts.append(f'<div class="missing"><p>Not measured:</p><ul>{missing}</ul></div>')
    return "".join([*parts, _provenance(document), "</section>"])


def read_documents(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Documents of a folder by name, in that order; those that are not there are left out."""
    paths = [folder / f"{name}.json" for name in names]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def _provenance(document: Mapping[str, Any]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in document["machine"].items())
    settings = json.dumps(document["settings"], indent=1)
    hashes = json.dumps(document["data"], indent=1)
    return (
        "<details><summary>Machine, versions, settings, data</summary>"
        f"<p>{html.escape(machine)}</p><pre>{html.escape(settings)}</pre>"
        f"<p>SHA-256 of the scans' files</p><pre>{html.escape(hashes)}</pre></details>"
    )


def _table(record: Mapping[str, Any]) -> Table:
    rows = tuple(tuple(row) for row in record["rows"])
    return Table(record["title"], tuple(record["columns"]), rows, tuple(record["notes"]))


def _plot(record: Mapping[str, Any]) -> Plot:
    series = tuple(
        Series(one["name"], tuple(one["x"]), tuple(one["y"])) for one in record["series"]
    )
    labels = record["title"], record["x_label"], record["y_label"]
    return Plot(*labels, series, record["log_x"], record["log_y"])
