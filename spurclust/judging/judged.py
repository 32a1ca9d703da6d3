"""The results of an inspection as tables: labels, verdicts and agreement."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
from numpy.typing import NDArray

from spurclust.errors import CatalogError
from spurclust.judging.audited import audited_prefix
from spurclust.judging.store import STORE, VerdictStore
from spurclust.judging.tally import CODES, Tally
from spurclust.labels import NO_REASON, ORIGIN_COLUMN, RELIABLE, SPURIOUS, UNINSPECTED

if TYPE_CHECKING:
    import pandas as pd

_ORDER, _ADJUDICATORS = "order", "adjudicators"


def keep_order(store: VerdictStore, ids: Sequence[str], adjudicators: Sequence[str]) -> None:
    """Store the random order of all sources and the adjudicators beside the events."""
    store.set(_ORDER, json.dumps(list(ids)))
    store.set(_ADJUDICATORS, json.dumps(list(adjudicators)))


def is_inspection(folder: object) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether this is the folder of an inspection."""
    return isinstance(folder, (str, os.PathLike)) and Path(folder, STORE).is_file()


def read_judged(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the labels of the inspection in a folder, also while it runs."""
    with closing(VerdictStore(folder)) as store:
        settings, events = store.settings(), list(store.events())
    if _ORDER not in settings:
        raise CatalogError(f"{folder} has an inspection without a start: inspect some sources")
    ids = json.loads(settings[_ORDER])
    tally = Tally(ids, json.loads(settings.get(_ADJUDICATORS, "[]")))
    for event in events:
        tally.add(event)
    if not tally.judged.any():
        raise CatalogError(f"no source is inspected in {folder}: inspect some sources")
    return labels_table(tally, ids, np.arange(len(ids)))


def origins_of(tally: Tally, permutation: NDArray[np.intp]) -> list[str]:
    """Return how each judged source was chosen, in the words of label tables."""
    judged = tally.judged
    origins = ["queue" if one else "" for one in judged.tolist()]
    for row, event in tally.given.items():
        origins[row] = event.why
    audited = audited_prefix(permutation, judged, tally.labels)
    for row in permutation[: audited.n_inspected].tolist():
        origins[row] = "random"
    return origins


def labels_table(
    tally: Tally, source_ids: Sequence[str], permutation: NDArray[np.intp]
) -> pd.DataFrame:
    """Return one row per judged source, in the columns of a label table."""
    import pandas as pd

    origins = origins_of(tally, permutation)
    rows = np.flatnonzero(tally.judged).tolist()
    reliable = {SPURIOUS: 0, RELIABLE: 1}
    table = pd.DataFrame(
        {
            "Source_ID": pd.Series([source_ids[row] for row in rows], dtype=str),
            "Reliable_Source": pd.array(
                [reliable.get(int(tally.labels[row])) for row in rows], dtype="Int64"
            ),
            "Reason": pd.Series([_reason(tally, row) for row in rows], dtype=str),
            ORIGIN_COLUMN: pd.Series([origins[row] for row in rows], dtype=str),
        }
    )
    for word in CODES:
        table[f"Votes_{word.capitalize()}"] = [
            sum(one.verdict == word for one in tally.verdicts.get(row, {}).values()) for row in rows
        ]
    return table


def _reason(tally: Tally, row: int) -> str:
    """Return the most frequent reason of the inspectors whose verdict is the label."""
    label, said = tally.labels[row], list(tally.verdicts.get(row, {}).values())
    if not said and row in tally.given:
        said = [tally.given[row]]
    reasons = Counter(
        one.reason for one in said if one.reason and CODES[one.verdict] == label
    ).most_common(1)
    return reasons[0][0] if reasons else ""


def verdicts_table(tally: Tally, rows: Iterable[int] | None = None) -> pd.DataFrame:
    """Return one row per valid verdict on some or all sources, the first judged first."""
    import pandas as pd

    chosen = tally.verdicts if rows is None else rows
    events = [event for row in chosen for event in tally.verdicts[row].values()]
    names = ("source_id", "inspector", "verdict", "reason", "note", "time", "model", "why")
    titles = ("Source_ID", "Inspector", "Verdict", "Reason", "Note", "Time", "Model", "Why")
    return pd.DataFrame(
        {
            title: pd.Series(
                [getattr(event, name) for event in events], dtype=None if name == "model" else str
            )
            for title, name in zip(titles, names, strict=True)
        }
    )


def kappas_of(tally: Tally, n_wanted: NDArray[np.int16]) -> pd.DataFrame:
    """Return how well inspectors agree on sources that several judged independently."""
    from spurclust.metrics import agreement_table

    # Later inspectors are asked where the first disagree, so theirs is not a fair sample.
    independent = [
        [
            event
            for event in list(tally.verdicts[row].values())[: max(2, n_wanted[row])]
            if event.why != "adjudication"
        ]
        for row in np.flatnonzero(tally.n_verdicts > 1).tolist()
    ]
    several = [events for events in independent if len(events) > 1]
    names = sorted({event.inspector for events in several for event in events})
    codes = {name: np.full(len(several), UNINSPECTED) for name in names}
    reasons = {name: [""] * len(several) for name in names}
    for k, events in enumerate(several):
        for event in events:
            codes[event.inspector][k] = CODES[event.verdict]
            reasons[event.inspector][k] = event.reason
    table = agreement_table(codes, reasons, unlabeled=UNINSPECTED)
    shown = (table["n_sources"] > 0) & (table["about"] != NO_REASON)
    return table[shown].reset_index(drop=True)
