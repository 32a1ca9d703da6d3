"""The live inspection: from a folder of cutouts to labels.

An `Inspection` shows sources, stores verdicts and learns from them in the background. It keeps
everything in a folder, and can continue from there.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spurclust.inspection.deck import Item
    from spurclust.inspection.session import Inspection
    from spurclust.inspection.standing import Progress
    from spurclust.judging.audited import (
        AuditedPrefix,
        audited_prefix,
        bound_spurious,
        inspections_to_bound,
    )
    from spurclust.judging.store import Event, VerdictStore
    from spurclust.judging.tally import settle

__all__ = [
    "AuditedPrefix",
    "Event",
    "Inspection",
    "Item",
    "Progress",
    "VerdictStore",
    "audited_prefix",
    "bound_spurious",
    "inspections_to_bound",
    "settle",
]

# Imported when first used, because the store needs no array library.
_HOMES = {
    "AuditedPrefix": "judging.audited",
    "audited_prefix": "judging.audited",
    "bound_spurious": "judging.audited",
    "inspections_to_bound": "judging.audited",
    "Inspection": "inspection.session",
    "Item": "inspection.deck",
    "Progress": "inspection.standing",
    "Event": "judging.store",
    "VerdictStore": "judging.store",
    "settle": "judging.tally",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"spurclust.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
