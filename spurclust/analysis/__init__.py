"""The whole workflow in memory: from cutouts and labels to an `Analysis`, which can be saved.

``spurclust run``, ``tune``, ``fit``, ``demo``, ``predict``, ``report`` and ``audit`` parse their
options, call one of these functions, and print.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spurclust.analysis.auditing import AuditResult, AuditSample, draw_audit, evaluate_audit
    from spurclust.analysis.folder import check_folder, save_report
    from spurclust.analysis.outcome import Analysis
    from spurclust.analysis.predictions import report_predictions
    from spurclust.analysis.saved import flag_sources, load_analysis
    from spurclust.analysis.workflow import analyze

__all__ = [
    "Analysis",
    "AuditResult",
    "AuditSample",
    "analyze",
    "check_folder",
    "draw_audit",
    "evaluate_audit",
    "flag_sources",
    "load_analysis",
    "report_predictions",
    "save_report",
]

# Imported when first used, so the help of the command line does not wait for numpy.
_HOMES = {
    "Analysis": "outcome",
    "AuditResult": "auditing",
    "AuditSample": "auditing",
    "analyze": "workflow",
    "check_folder": "folder",
    "draw_audit": "auditing",
    "evaluate_audit": "auditing",
    "flag_sources": "saved",
    "load_analysis": "saved",
    "report_predictions": "predictions",
    "save_report": "folder",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
