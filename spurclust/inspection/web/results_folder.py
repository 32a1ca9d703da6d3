"""The folder of results from the present labels, made for the page."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spurclust.analysis.folder import REPORT
from spurclust.inspection.web.answers import BadRequestError
from spurclust.inspection.web.beside import Beside

if TYPE_CHECKING:
    from spurclust.inspection.session import Inspection

RESULTS = "results"
"""Name of the folder in that of the inspection."""


class Results:
    """Makes the folder of results, one at a time, and knows whether it is ready."""

    def __init__(self, inspection: Inspection, make: Callable[[str], object] | None) -> None:
        self.inspection, self.make = inspection, make
        self.folder = inspection.folder.resolve() / RESULTS
        self.report = self.folder / REPORT
        self._lock = threading.Lock()
        self._work: Beside | None = None

    def start(self) -> dict[str, Any]:
        """Begin to make the folder, unless it is being made."""
        found = self.inspection.progress()
        if self.make is None:
            raise BadRequestError("here only `spurclust run` makes results")
        if not (found.n_spurious and found.n_reliable):
            raise BadRequestError(
                "results need at least one spurious and one reliable source: judge some more"
            )
        with self._lock:
            if self._work is None or self._work.future.done():
                self._work = Beside(self.make, str(self.folder))
        return self.state()

    def state(self) -> dict[str, Any]:
        """Return whether the folder is being made or is ready, and its number of inspections."""
        error = None
        if self._work is not None:
            if not self._work.future.done():
                return {"state": "making"}
            error = self._work.future.exception()
        if error is not None:
            return {"state": "failed", "error": " ".join(str(error).split())}
        try:
            text = (self.folder / "summary.json").read_text(encoding="utf-8")
            n_inspected = json.loads(text)["labels"]["n_inspected"]
        except (OSError, ValueError, LookupError):
            return {"state": "none" if self.make else "absent"}
        has_report = self.report.is_file()
        return {
            "state": "ready",
            "folder": str(self.folder),
            "n_inspected": n_inspected,
            "has_report": has_report,
        }
