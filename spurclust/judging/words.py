"""What is said in an inspection: verdicts, and why a source is shown."""

from typing import Literal

Verdict = Literal["spurious", "reliable", "unsure"]
UNDO = "undo"
"""What takes a verdict back, as an event."""

Why = Literal[
    "probable", "unlike", "audit", "second opinion", "adjudication", "unsure", "undone", ""
]
"""Probably spurious; unlike all that is inspected; drawn at random; judged by another; inspectors
disagree; nobody was sure; its verdict was taken back; not shown, but chosen by the inspector."""
