"""Join the label tables of several rounds of inspection, the later over the earlier."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.label_rows import UNINSPECTED, reason_text
from spurclust.catalog.label_tables import Labels
from spurclust.catalog.source_ids import comparable_ids

if TYPE_CHECKING:
    import pandas as pd

_CANONICAL = ("source_id", "label", "reason")


@dataclass(frozen=True, eq=False)
class MergedLabels:
    """Several label tables as one, and what each added.

    What `merge_labels` returns.

    Attributes
    ----------
    labels : Labels
        One row per source: those of the first table in its order, then those that a later one adds.
    counts : DataFrame
        One row per table: ``origin``, ``n_labels``, ``n_replaced`` (of these, how many replace a
        label of an earlier table) and ``n_changed`` (of these, how many are another verdict).

    Examples
    --------
    >>> import pandas as pd
    >>> from spurclust.catalog import read_labels
    >>> table = pd.DataFrame({"Source_ID": ["7", "8"], "Reliable_Source": [1, None]})
    >>> merge_labels([read_labels(table)]).counts["n_labels"].item()
    1
    """

    labels: Labels
    counts: "pd.DataFrame"


def merge_labels(tables: Sequence[Labels], *, source_ids: Sequence[str] = ()) -> MergedLabels:
    """Join the labels of several tables; where two label one source, the later table wins.

    For labels that grow: a first table, then what was judged since. A blank label means "not
    inspected here" and takes nothing back: the earlier label and its reason stay. To withdraw a
    label, clear it in the table that gave it. A reason goes with its label; it outlives a later
    label only if that is the same verdict without a reason. Of the other columns, too, the last
    cell that is not blank counts.

    Parameters
    ----------
    tables : sequence of Labels
        What `read_labels` returned, the earliest first.
    source_ids : sequence of str, default=()
        The ids of the cutouts. Only needed if two of them are one number, as "00123" and "123":
        ids of two tables that differ so are then kept apart as well.

    Returns
    -------
    MergedLabels
        The labels, to be joined to the cutouts with `match_labels`, and counts to check.

    Raises
    ------
    ValueError
        When there is no table.

    Examples
    --------
    >>> import pandas as pd
    >>> from spurclust.catalog import read_labels
    >>> old = pd.DataFrame({"Source_ID": ["7", "8"], "Reliable_Source": [1, 0]})
    >>> judged = pd.DataFrame({"Source_ID": ["8", "9", "7"], "Reliable_Source": [1, 0, None]})
    >>> merged = merge_labels([read_labels(old), read_labels(judged)])
    >>> merged.labels.table["label"].tolist(), merged.counts["n_replaced"].tolist()
    ([0, 0, 1], [0, 1])
    """
    import pandas as pd

    if not tables:
        raise ValueError("no label table to merge: give one or more")
    keys, _ = comparable_ids(
        *(part.table["source_id"].tolist() for part in tables), list(map(str, source_ids))
    )
    merged = tables[0].table
    rows = {key: row for row, key in enumerate(keys[0])}
    counts = [_counts_of(tables[0])]
    for part, its_keys in zip(tables[1:], keys[1:], strict=False):
        target = np.array([rows.setdefault(key, len(rows)) for key in its_keys], dtype=np.intp)
        n_replaced, n_changed = _count_replaced(merged, part.table, target)
        merged = _lay_over(merged, part.table, target, len(rows))
        counts.append(_counts_of(part, n_replaced, n_changed))
    origin = " and ".join(dict.fromkeys(part.origin for part in tables))
    return MergedLabels(Labels(merged, origin), pd.DataFrame(counts))


def format_merge(counts: "pd.DataFrame") -> str:
    """Tell what each label table added, for a terminal.

    Parameters
    ----------
    counts : DataFrame
        `MergedLabels.counts`.

    Returns
    -------
    str
        One line per table, without a line end after the last.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"origin": "judged.csv", "n_labels": 14, "n_replaced": 3, "n_changed": 1}
    >>> print(format_merge(pd.DataFrame([row])))
    judged.csv: 14 labels, 3 replace earlier ones (1 with the other verdict)
    """
    lines = []
    for origin, n_labels, n_replaced, n_changed in counts.itertuples(index=False):
        text = f"{origin}: {n_labels} label{'s' * (n_labels != 1)}"
        if n_replaced:
            text += f", {n_replaced} replace{'s' * (n_replaced == 1)} "
            text += "an earlier one" if n_replaced == 1 else "earlier ones"
        lines.append(text + (f" ({n_changed} with the other verdict)" if n_changed else ""))
    return "\n".join(lines)


def _counts_of(part: Labels, n_replaced: int = 0, n_changed: int = 0) -> dict[str, Any]:
    """Make the row of counts of one table."""
    n_labels = int((part.table["label"] != UNINSPECTED).sum())
    return {
        "origin": part.origin,
        "n_labels": n_labels,
        "n_replaced": n_replaced,
        "n_changed": n_changed,
    }


def _count_replaced(
    earlier: "pd.DataFrame", later: "pd.DataFrame", target: NDArray[np.intp]
) -> tuple[int, int]:
    """Count the labels that a later one replaces, and those of another verdict among them."""
    known = target < len(earlier)
    before = earlier["label"].to_numpy()[target[known]]
    after = later["label"].to_numpy()[known]
    both = (before != UNINSPECTED) & (after != UNINSPECTED)
    return int(both.sum()), int((both & (before != after)).sum())


def _lay_over(
    earlier: "pd.DataFrame", later: "pd.DataFrame", target: NDArray[np.intp], n_rows: int
) -> "pd.DataFrame":
    """Put a later table over an earlier one; row k of the later becomes row target[k]."""
    import pandas as pd

    ids, label, reason = (
        np.array([*earlier[name], *[blank] * (n_rows - len(earlier))], dtype=kind)
        for name, blank, kind in zip(
            _CANONICAL, ("", -1, ""), (object, np.int8, object), strict=True
        )
    )
    before, after = label[target], later["label"].to_numpy()
    given = after != UNINSPECTED
    reasons = later["reason"].to_numpy(dtype=object)
    explains = np.where(given, (reasons != "") | (before != after), before == UNINSPECTED)
    explains &= given | (reasons != "")
    added = target >= len(earlier)
    ids[target[added]] = later["source_id"].to_numpy(dtype=object)[added]
    label[target[given]] = after[given]
    reason[target[explains]] = reasons[explains]
    columns: dict[str, Any] = {
        "source_id": pd.Series(ids, dtype=str),
        "label": label,
        "reason": pd.Series(reason, dtype=str),
    }
    for name in dict.fromkeys([*earlier.columns, *later.columns]):
        if name not in _CANONICAL:
            columns[str(name)] = _lay_cells_over(earlier.get(name), later.get(name), target, n_rows)
    return pd.DataFrame(columns)


def _lay_cells_over(
    earlier: "pd.Series[Any] | None",
    later: "pd.Series[Any] | None",
    target: NDArray[np.intp],
    n_rows: int,
) -> "pd.Series[Any]":
    """Put one column over another; blank cells cover nothing."""
    import pandas as pd

    # As objects, because a missing cell would turn long integers into floating point.
    cells = np.full(n_rows, pd.NA, dtype=object)
    if earlier is not None:
        cells[: len(earlier)] = earlier.to_numpy(dtype=object)
    if later is not None:
        values = later.to_numpy(dtype=object)
        filled = np.array([reason_text(cell) != "" for cell in values], dtype=bool)
        cells[target[filled]] = values[filled]
    return pd.Series(cells).infer_objects()
