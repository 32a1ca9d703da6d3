"""Label tables before and after an inspection, and the table of all verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spurclust.judging.store import Event
from spurclust.labels import RELIABLE, SPURIOUS

if TYPE_CHECKING:
    from spurclust.cutouts import CutoutSource


def given_labels(
    source: CutoutSource, rows: NDArray[np.intp], source_ids: Sequence[str], labels: Any
) -> list[Event]:
    """Return existing labels of some rows of a source as events."""
    from spurclust.analysis.reading import label_origins, label_tables, match_known
    from spurclust.analysis.stages import Stages

    known = match_known(source, labels, label_tables(labels), Stages()).of(rows)
    origins = label_origins(known) or [""] * len(rows)
    return [
        Event(source_ids[row], "", verdict, known.reasons[row], why=origins[row])
        for verdict, code in (("spurious", SPURIOUS), ("reliable", RELIABLE))
        for row in np.flatnonzero(known.y == code).tolist()
    ]
