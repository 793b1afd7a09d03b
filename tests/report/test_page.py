"""The page: what it says, and that nothing in a file gets out of its place in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from vqcodec.report import (
    Entry,
    Side,
    comparison_entry,
    failed_entry,
    report_page,
    stated_entry,
)

from .heads import head, noisy, side

pytest.importorskip("matplotlib")

EVIL = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;\x00\x1b\udcff.nii"


class Page(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def compare(name: str = "scan", size: float = 10, **other: Any) -> Entry:
    original = head()
    return comparison_entry(name, side(original), side(noisy(original, size)), {}, {}, **other)


def test_a_comparison_shows_three_planes_of_three_volumes() -> None:
    original = head()
    stated = {"psnr_foreground": 33.25, "fitness": 0.75, "psnr": None}
    entry = comparison_entry("scan.vqz", side(original), side(noisy(original)), stated, {"a": "b"})
    captions = [picture.caption for picture in entry.pictures]
    for plane in ("sagittal", "coronal", "axial"):
        assert sum(plane in caption for caption in captions) == 3
    assert sum("% of the range" in caption for caption in captions) == 3
    page = Page(report_page([entry], "vqcodec 1"))
    assert len(page.named("img")) == 11
    text = " ".join(page.words)
    assert "33.25" in text
    assert f"{entry.measured['psnr_foreground']:.5g}" in text
    assert not page.named("table")


def test_nothing_is_loaded_from_anywhere() -> None:
    page = report_page([compare(), failed_entry("b", "gone")], "vqcodec 1")
    parsed = Page(page)
    for _, attributes in parsed.tags:
        for name in ("src", "href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("data:image/", "#"))
    assert "http" not in re.sub(r"http-equiv", "", re.sub(r"base64,[^\"]*", "", page))
    (policy,) = [each["content"] for each in parsed.named("meta") if "http-equiv" in each]
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy


def test_no_text_of_a_file_becomes_markup() -> None:
    entries = [
        Entry(EVIL, {EVIL: 1.0}, {EVIL: 2.0}, {EVIL: EVIL}),
        failed_entry(EVIL, EVIL),
    ]
    page = report_page(entries, EVIL)
    page.encode("utf-8")
    plain = report_page(
        [Entry("a", {"b": 1.0}, {"c": 2.0}, {"d": "e"}), failed_entry("a", "b")], ""
    )
    assert [tag for tag, _ in Page(page).tags] == [tag for tag, _ in Page(plain).tags]
    assert [sorted(each) for _, each in Page(page).tags] == [
        sorted(each) for _, each in Page(plain).tags
    ]
    assert "<script>alert" not in page
    assert "\x00" not in page
    one = report_page([Entry(EVIL)], "")
    assert [tag for tag, _ in Page(one).tags].count("script") == 1
    assert sum("alert(1)" in words for words in Page(one).words) >= 2  # title and heading


def test_the_worst_scan_comes_first() -> None:
    entries = [
        Entry("good", {"psnr_foreground": 40.0}),
        Entry("equal", {"psnr_foreground": None}),
        Entry("bad", {}, {"psnr_foreground": 20.0}),
        failed_entry("broken", "checksum does not match"),
    ]
    page = Page(report_page(entries, "vqcodec 1"))
    names = [word for word in page.words if word in {entry.name for entry in entries}]
    assert names[:4] == ["broken", "bad", "good", "equal"]
    cells = [each["data-value"] for each in page.named("td") if "data-value" in each]
    assert cells == ["20.0", "40.0"]
    links = [each["href"] for each in page.named("a")]
    assert links == [f"#{each['id']}" for each in page.named("section")]
    assert "checksum does not match" in page.words


def test_many_scans_are_shown_briefly() -> None:
    brief, full = compare(brief=True), compare()
    assert len(brief.pictures) == 3
    assert not brief.charts
    assert brief.measured == full.measured
    assert sum(len(p.data) for p in brief.pictures) < 0.4 * sum(len(p.data) for p in full.pictures)


def test_charts_are_drawings_by_themselves() -> None:
    for chart in compare().charts:
        assert ElementTree.fromstring(chart.data).tag.endswith("svg")
        assert b"<script" not in chart.data


def test_a_file_alone_states_its_figures() -> None:
    entry = stated_entry("scan.vqz", side(head()), {"psnr_foreground": 31.5}, {}, 1234)
    assert [picture.caption for picture in entry.pictures] == [
        f"{plane}, decoded" for plane in ("sagittal", "coronal", "axial")
    ]
    assert not entry.measured
    text = " ".join(Page(report_page([entry], "vqcodec 1")).words)
    assert "31.5" in text
    assert "measured now" not in text


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((5, 6, 7), np.float32),
        np.full((5, 6, 7), 3.5),
        np.full((5, 6, 7), np.nan, np.float32),
        np.arange(3.0).reshape(3, 1, 1),
        np.arange(12.0).reshape(3, 4),
        np.arange(360.0).reshape(5, 6, 6, 2),
        np.where(np.arange(210.0).reshape(5, 6, 7) % 9 == 0, np.inf, 5),
    ],
    ids=["zeros", "constant", "nan", "line", "plane", "frames", "infinite"],
)
def test_odd_volumes(values: Any) -> None:
    entry = comparison_entry("odd", side(values, None), side(values, None), {}, {})
    assert report_page([entry], "vqcodec 1")
    assert report_page([stated_entry("odd", side(values, None), {}, {})], "vqcodec 1")


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="has shape"):
        comparison_entry("a", Side(head(), None), Side(head((40, 44, 23)), None), {}, {})
