"""What a run found: in words and numbers, and as a page to look at and to judge in."""

from spurclust.report.page import render_page
from spurclust.report.pictures import choose_rows, encode_cutouts
from spurclust.report.run_results import Results, read_results
from spurclust.report.summary import format_summary, summarize_run

__all__ = [
    "Results",
    "choose_rows",
    "encode_cutouts",
    "format_summary",
    "read_results",
    "render_page",
    "summarize_run",
]
