"""What a run found, in words and numbers."""

from spurclust.views.report.summary import format_summary, summarize_run

__all__ = ["format_summary", "summarize_run"]
