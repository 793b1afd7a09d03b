"""The HTML page of a report: one file, no network, every text escaped by the writer of XML."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from .scan import Entry, Picture

COLUMNS = (
    ("psnr_foreground", "PSNR, foreground (dB)"),
    ("psnr", "PSNR (dB)"),
    ("ms_ssim", "MS-SSIM"),
    ("max_error_percent", "largest error (% of range)"),
    ("fitness", "fitness"),
)
NAMES = {
    "psnr_foreground": "PSNR, foreground (dB)",
    "psnr": "PSNR, all voxels (dB)",
    "ms_ssim": "MS-SSIM",
    "max_error": "largest error (intensity)",
    "max_error_percent": "largest error (% of range)",
    "range": "robust range (intensity)",
    "foreground_voxels": "foreground voxels",
    "nonfinite_voxels": "voxels not finite",
}
NOTE = (
    "PSNR and errors are relative to the robust range of the original: from its background to the "
    "99.9th percentile. Original and decoded share one grey scale. For research, not for diagnosis."
)


def report_page(entries: Sequence[Entry], software: str) -> str:
    """The page.

    Parameters
    ----------
    entries : sequence of Entry
        Several get a table, the worst first: those that failed, then by PSNR in the foreground.
    software : str
        What wrote it.
    """
    ordered = sorted(entries, key=_badness)
    style, script = (_resource(name) for name in ("page.css", "page.js"))
    title = "vqcodec report" if len(ordered) != 1 else f"{shown(ordered[0].name)} - vqcodec report"
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="utf-8")
    policy = {"http-equiv": "Content-Security-Policy", "content": _policy(style, script)}
    SubElement(head, "meta", policy)
    SubElement(head, "meta", name="viewport", content="width=device-width")
    _add(head, "title", title)
    SubElement(head, "style").text = style
    body = SubElement(html, "body")
    if len(ordered) != 1:
        _add(body, "h1", f"{len(ordered)} scans")
        _table(body, ordered)
    for number, entry in enumerate(ordered):
        _section(body, entry, number)
    _add(body, "footer", f"{NOTE} Written by {shown(software)}.")
    SubElement(body, "script").text = script
    return "<!DOCTYPE html>\n" + tostring(html, encoding="unicode", method="html") + "\n"


def shown(text: str) -> str:
    """A text without what a page, or UTF-8, cannot hold: such characters are written out."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
        for c in text
    )


def _badness(entry: Entry) -> tuple[bool, float]:
    found = entry.figures.get("psnr_foreground")
    return not entry.error, float("inf") if found is None else float(found)


def _policy(style: str, script: str) -> str:
    """Nothing is loaded, and only this style and this script are used."""
    hashes = [
        base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()
        for each in (style, script)
    ]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; "
        f"script-src 'sha256-{hashes[1]}'"
    )


def _resource(name: str) -> str:
    return (files(__package__ or "") / name).read_text(encoding="utf-8")


def _add(parent: Element, tag: str, text: str, **attributes: str) -> Element:
    element = SubElement(parent, tag, attributes)
    element.text = text
    return element


def _table(parent: Element, entries: Sequence[Entry]) -> None:
    table = SubElement(parent, "table", {"class": "sortable"})
    head = SubElement(SubElement(table, "thead"), "tr")
    for label in ("scan", *(label for _, label in COLUMNS), "bytes"):
        _add(SubElement(head, "th", scope="col"), "button", label, type="button")
    rows = SubElement(table, "tbody")
    for number, entry in enumerate(entries):
        row = SubElement(rows, "tr")
        cell = SubElement(row, "td")
        _add(cell, "a", shown(entry.name), href=f"#scan-{number}")
        figures = _with_percent(entry.figures)
        for name, _ in COLUMNS:
            _number(row, figures.get(name, entry.stated.get(name)))
        if entry.error:
            _add(row, "td", "failed")
        else:
            _number(row, entry.nbytes or None)


def _number(row: Element, value: Any) -> None:
    attributes = {} if value is None else {"data-value": repr(float(value))}
    _add(row, "td", "-" if value is None else _written(value), **attributes)


def _section(parent: Element, entry: Entry, number: int) -> None:
    section = SubElement(parent, "section", id=f"scan-{number}")
    _add(section, "h2", shown(entry.name))
    if entry.error:
        _add(section, "p", shown(entry.error)).set("class", "error")
        return
    blocks = SubElement(section, "div", {"class": "figures"})
    _figures(blocks, "measured now", _with_percent(entry.measured))
    _figures(blocks, "stated in the file", _with_percent(entry.stated))
    if entry.facts:
        _list(blocks, "the file", {shown(name): shown(text) for name, text in entry.facts.items()})
    pictures = SubElement(section, "div", {"class": "pictures"})
    for picture in entry.pictures:
        _picture(pictures, picture)
    charts = SubElement(section, "div", {"class": "charts"})
    for picture in entry.charts:
        _picture(charts, picture)


def _figures(parent: Element, title: str, figures: Mapping[str, Any]) -> None:
    if figures:
        order = [*(name for name in NAMES if name in figures)]
        order += sorted(name for name in figures if name not in NAMES)
        named = {NAMES.get(name, shown(name.replace("_", " "))): figures[name] for name in order}
        written = {name: "-" if each is None else _written(each) for name, each in named.items()}
        _list(parent, title, written)


def _list(parent: Element, title: str, rows: Mapping[str, str]) -> None:
    block = SubElement(parent, "div")
    _add(block, "h3", title)
    listed = SubElement(block, "dl")
    for name, text in rows.items():
        _add(listed, "dt", name)
        _add(listed, "dd", text)


def _picture(parent: Element, picture: Picture) -> None:
    figure = SubElement(parent, "figure")
    data = base64.b64encode(picture.data).decode()
    SubElement(figure, "img", src=f"data:{picture.mime};base64,{data}", alt=picture.caption)
    _add(figure, "figcaption", picture.caption)


def _with_percent(figures: Mapping[str, Any]) -> dict[str, Any]:
    error, scale = figures.get("max_error"), figures.get("range")
    if error is None or not scale:
        return dict(figures)
    return {**figures, "max_error_percent": 100 * error / scale}


def _written(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.5g}"
