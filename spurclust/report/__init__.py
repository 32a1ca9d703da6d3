"""What a run found: summarized as a plain dict and as text, rendered as a page to judge in."""

from spurclust.report.page import render_report
from spurclust.report.summary import Results, format_components, format_summary, summarize_run

__all__ = ["Results", "format_components", "format_summary", "render_report", "summarize_run"]
