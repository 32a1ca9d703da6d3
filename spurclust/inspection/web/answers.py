"""Parse requests of the page, and answer them as plain values for JSON."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np

from spurclust.catalog.output import atomic_write
from spurclust.judging.words import Verdict
from spurclust.labels import frequent_reasons

if TYPE_CHECKING:
    import pandas as pd

    from spurclust.catalog import Labels
    from spurclust.inspection.deck import Item
    from spurclust.inspection.session import Inspection

MAX_ITEMS = 60
"""Maximum number of sources to show or judge at once."""

MAX_REASON, MAX_NOTE = 120, 2000
N_NEAREST = 3
MAX_DISPUTES = 10
REASONS = "reasons.json"
GUARANTEES = (0.8, 0.9, 0.95, 0.99)
FIRST_REASONS = ("diffraction spike", "edge data", "close to another source")
"""Reasons to offer while nobody has given any."""

_CURVE_POINTS = 300
_BUSY_SHARE = 0.1
"""Maximum share of the time to spend on computing the progress."""


class BadRequestError(ValueError):
    """A request that the page would not make."""


class Judgment(NamedTuple):
    """A verdict on the source in a row."""

    row: int
    verdict: Verdict
    reason: str
    note: str


def parse_object(body: bytes) -> dict[str, Any]:
    """Read an object in JSON."""
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise BadRequestError(f"this is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise BadRequestError("this is not a JSON object")
    return parsed


def parse_count(value: Any, most: int = MAX_ITEMS) -> int:
    """Check a number of sources."""
    if type(value) is not int or not 1 <= value <= most:
        raise BadRequestError(f"n must be a whole number from 1 to {most}")
    return value


def parse_row(value: Any, n_sources: int) -> int:
    """Check the index of a source."""
    if type(value) is not int or not 0 <= value < n_sources:
        raise BadRequestError(f"row must be a whole number from 0 to {n_sources - 1}")
    return value


def parse_judgments(given: Any, n_sources: int) -> list[Judgment]:
    """Check verdicts."""
    if not isinstance(given, list) or len(given) > MAX_ITEMS:
        raise BadRequestError(f"verdicts must be a list of at most {MAX_ITEMS}")
    judgments = []
    for one in given:
        if not isinstance(one, dict) or one.get("verdict") not in get_args(Verdict):
            words = ", ".join(get_args(Verdict))
            raise BadRequestError(f"a verdict must be one of {words}")
        row = parse_row(one.get("row"), n_sources)
        reason = _parse_text(one.get("reason", ""), MAX_REASON)
        note = _parse_text(one.get("note", ""), MAX_NOTE)
        judgments.append(Judgment(row, one["verdict"], reason, note))
    return judgments


def _parse_text(value: Any, most: int) -> str:
    """Check a text, and leave out invisible characters."""
    if not isinstance(value, str) or len(value) > most:
        raise BadRequestError(f"a reason or note must be text of at most {most} letters")
    return "".join(letter for letter in value if letter.isprintable() or letter == "\n").strip()


def parse_rows(text: str, n_sources: int) -> list[int]:
    """Check indices of sources, separated by commas."""
    parts = text.split(",")
    if len(parts) > MAX_ITEMS or not all(part.isdecimal() and len(part) < 20 for part in parts):
        raise BadRequestError(
            f"rows must be at most {MAX_ITEMS} whole numbers, separated by commas"
        )
    return [parse_row(int(part), n_sources) for part in parts]


def describe_items(
    inspection: Inspection, items: Sequence[Item], columns: pd.DataFrame | None
) -> list[dict[str, Any]]:
    """Return the texts on sources: why they are shown, their catalogue columns, verdicts."""
    return [
        {
            "row": item.row,
            "id": item.source_id,
            "why": item.why,
            "facts": [] if columns is None else _facts(columns, item.row),
            "opinions": _opinions(inspection, item),
        }
        for item in items
    ]


def describe_similar(
    inspection: Inspection, rows: Sequence[int], reason_of: Mapping[str, str]
) -> dict[int, list[dict[str, Any]]]:
    """Return the most similar known spurious sources of some sources."""
    ranker = inspection.ranker
    if ranker is None:
        return {row: [] for row in rows}
    indices, _ = ranker.nearest_spurious(inspection.features[list(rows)], N_NEAREST)
    ids = inspection.source_ids
    return {
        row: [
            {"row": one, "id": ids[one], "reason": reason_of.get(ids[one], "")}
            for one in found
            if one >= 0
        ]
        for row, found in zip(rows, indices.tolist(), strict=True)
    }


def _facts(columns: pd.DataFrame, row: int) -> list[tuple[str, str]]:
    """Return the catalogue columns of a source."""
    from spurclust.catalog.source_columns import is_blank

    cells = columns.iloc[[row]]
    return [
        (str(name), f"{cell:.7g}" if isinstance(cell, float) else str(cell))
        for name, cell in cells.to_dict("records")[0].items()
        if not is_blank(cells[name])[0]
    ]


def _opinions(inspection: Inspection, item: Item) -> list[dict[str, str]]:
    """Return the verdicts for an adjudicator; other opinions are independent."""
    if item.why != "adjudication":
        return []
    verdicts = inspection.verdicts(disputed=True)
    said = verdicts[verdicts["Source_ID"] == item.source_id]
    return _said(said)


def _said(verdicts: pd.DataFrame) -> list[dict[str, str]]:
    """Return the rows of a table of verdicts for the page."""
    names = ("Inspector", "Verdict", "Reason", "Note")
    return [
        {name.lower(): str(cell) for name, cell in zip(names, cells, strict=True)}
        for cells in verdicts[list(names)].itertuples(index=False)
    ]


class Reasons:
    """The reasons to offer, in a lasting order."""

    def __init__(self, inspection: Inspection, offered: Sequence[str] = ()) -> None:
        self._path = inspection.folder / REASONS
        self._lock = threading.Lock()
        table = inspection.labels()
        given = table[table["Reason"] != ""]
        self.of: dict[str, str] = dict(zip(given["Source_ID"], given["Reason"], strict=True))
        """The last reason of each source that has one."""
        frequent = frequent_reasons(Counter(self.of.values()))[0]
        usual = frequent or list(FIRST_REASONS)
        self.names = list(dict.fromkeys([*offered, *(self._kept() or usual), *frequent]))
        self._keep()

    def add(self, source_id: str, reason: str) -> None:
        """Add a reason."""
        with self._lock:
            self.of[source_id] = reason
            if reason not in self.names:
                self.names.append(reason)
                self._keep()

    def _kept(self) -> list[str]:
        """Return the reasons of earlier visits."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return [reason for reason in kept if isinstance(reason, str)]
        except (OSError, ValueError, TypeError):
            return []

    def _keep(self) -> None:
        with atomic_write(self._path) as part:
            part.write_text(json.dumps(self.names), encoding="utf-8")


def describe_sources(inspection: Inspection, catalogue: Labels) -> pd.DataFrame | None:
    """Return the catalogue columns of the sources of an inspection."""
    from spurclust.catalog import match_labels

    return match_labels(catalogue, inspection.source_ids).columns


class Counting:
    """The progress, computed only so often that it takes a small share of the time."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._lock = threading.Lock()
        self._kept: dict[float, tuple[float, dict[str, Any]]] = {}

    def __call__(self, guarantee: float) -> dict[str, Any]:
        """Return the progress for the page."""
        if guarantee not in GUARANTEES:
            raise BadRequestError(f"guarantee must be one of {', '.join(map(str, GUARANTEES))}")
        with self._lock:
            until, found = self._kept.get(guarantee, (0.0, {}))
            start = time.monotonic()
            if start < until:
                return found
            found = describe_progress(self._inspection, guarantee)
            end = time.monotonic()
            self._kept[guarantee] = (end + (end - start) / _BUSY_SHARE, found)
            return found


def describe_progress(inspection: Inspection, guarantee: float) -> dict[str, Any]:
    """Return the progress, and the number of inspections that a guarantee still needs."""
    found = inspection.progress()
    wanted = math.floor(found.n_spurious / guarantee - found.n_spurious + 1e-9)
    described = {name: getattr(found, name) for name in found._fields}
    points = np.unique(np.linspace(0, len(found.curve), _CURVE_POINTS + 1).astype(int))
    curve = [(int(n), int(found.curve[n - 1]) if n else 0) for n in points]
    expected = None if math.isnan(found.n_expected) else found.n_expected
    return described | {
        "curve": curve,
        "n_expected": expected,
        "completeness": None if expected is None else found.completeness,
        "audited": found.audited._asdict(),
        "guarantee": guarantee,
        "max_remaining": wanted,
        "n_needed": inspection.inspections_needed(wanted),
        "agreement": _plain(inspection.agreement()),
    }


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, with null for NaN."""
    return [
        {str(name): None if cell != cell else cell for name, cell in row.items()}
        for row in table.to_dict("records")
    ]


def describe_disputes(inspection: Inspection, inspector: str) -> list[dict[str, Any]]:
    """Return the first disputed sources, with their verdicts for adjudicators only."""
    verdicts = inspection.verdicts(disputed=True)
    decides = inspector in inspection.adjudicators
    return [
        {
            "id": source_id,
            "opinions": _said(rows) if decides else [],
        }
        for source_id, rows in islice(verdicts.groupby("Source_ID", sort=False), MAX_DISPUTES)
    ]
