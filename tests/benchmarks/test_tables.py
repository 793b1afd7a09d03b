"""Tables as text and as a page: aligned, escaped, complete."""

from __future__ import annotations

import math

from benchmarks.tables import Table, as_html, as_text, mean, number

TABLE = Table("Title", ("name", "value"), (("long name", "1"), ("<b>", "22.5")), ("a & b",))


def test_columns_are_aligned() -> None:
    lines = as_text(TABLE).splitlines()
    assert lines == ["Title", "name       value", "long name      1", "<b>         22.5", "a & b"]


def test_the_page_has_every_cell_escaped() -> None:
    made = as_html(TABLE)
    assert "&lt;b&gt;" in made
    assert "<b>" not in made
    assert "a &amp; b" in made
    assert made.count("<tr>") == 3


def test_what_is_not_known_is_a_dash_and_has_no_mean() -> None:
    assert number(None, ".2f") == number(math.nan, ".2f") == "-"
    assert number(1.234, ".2f") == "1.23"
    assert mean([1.0, 3.0]) == 2.0
    assert mean([1.0, None]) is None
    assert mean([]) is None
