"""Reports: a page of pictures and figures for a scan, or for a folder of them. Torch-free."""

from .page import report_page
from .scan import Entry, Side, comparison_entry, failed_entry, stated_entry

__all__ = [
    "Entry",
    "Side",
    "comparison_entry",
    "failed_entry",
    "report_page",
    "stated_entry",
]
