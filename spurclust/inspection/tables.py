"""Label tables before and after an inspection, and the table of all verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spurclust.inspection.store import Event
from spurclust.inspection.tally import CODES, Tally
from spurclust.labels import RELIABLE, SPURIOUS

if TYPE_CHECKING:
    import pandas as pd

    from spurclust.cutouts import CutoutSource


def given_labels(
    source: CutoutSource, rows: NDArray[np.intp], source_ids: Sequence[str], labels: Any
) -> list[Event]:
    """Return labels that exist already, of some rows of a source, as events."""
    from spurclust.analysis.reading import label_origins, label_tables, match_known
    from spurclust.analysis.stages import Stages

    known = match_known(source, labels, label_tables(labels), Stages()).of(rows)
    origins = label_origins(known) or [""] * len(rows)
    return [
        Event(source_ids[row], "", verdict, known.reasons[row], why=origins[row])
        for verdict, code in (("spurious", SPURIOUS), ("reliable", RELIABLE))
        for row in np.flatnonzero(known.y == code).tolist()
    ]


def labels_table(tally: Tally, source_ids: Sequence[str], origins: Sequence[str]) -> pd.DataFrame:
    """Return one row per judged source, in the columns of a label table."""
    import pandas as pd

    from spurclust.catalog.source_columns import ORIGIN_COLUMN

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
    """Return the reason that most of those give whose verdict is the label."""
    label, said = tally.labels[row], list(tally.verdicts.get(row, {}).values())
    if not said and row in tally.given:
        said = [tally.given[row]]
    reasons = Counter(
        one.reason for one in said if one.reason and CODES[one.verdict] == label
    ).most_common(1)
    return reasons[0][0] if reasons else ""


def verdicts_table(tally: Tally) -> pd.DataFrame:
    """Return one row per standing verdict, the source first judged first."""
    import pandas as pd

    events = [event for said in tally.verdicts.values() for event in said.values()]
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
