"""Results of a run as a plain dict, as text, and as a page to judge in."""

from spurclust.report.page import render_report
from spurclust.report.summary import Results, summarize_run
from spurclust.report.wording import format_components, format_summary

__all__ = ["Results", "format_components", "format_summary", "render_report", "summarize_run"]
