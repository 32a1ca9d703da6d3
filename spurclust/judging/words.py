"""The words of an inspection: verdicts, and why a source is shown."""

from typing import Literal

Verdict = Literal["spurious", "reliable", "unsure"]
UNDO = "undo"
"""The event that takes back a verdict."""

Why = Literal[
    "probable", "unlike", "audit", "second opinion", "adjudication", "unsure", "undone", ""
]
"""Probably spurious; unlike all inspected sources; drawn at random; judged by another inspector;
inspectors disagree; nobody was sure; its verdict was taken back; chosen by the inspector."""
