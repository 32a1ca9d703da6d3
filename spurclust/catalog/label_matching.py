"""Join labels to cutouts and to earlier labels by id, and count them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from spurclust.catalog.formats.label_words import VERDICT_COUNTS, pool_verdicts
from spurclust.catalog.formats.sheets import cell_text
from spurclust.catalog.ids import comparable_ids, id_text, match_ids, name_near, near_ids
from spurclust.catalog.label_tables import Labels
from spurclust.catalog.sky import find_positions
from spurclust.catalog.source_columns import keep_columns
from spurclust.errors import CatalogError
from spurclust.labels import SPURIOUS, UNINSPECTED, frequent_reasons, name_reasons
from spurclust.printing import join_some, short_repr

_N_EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class MatchedLabels:
    """Labels in the order of the cutouts.

    Returned by `match_labels`. Entry i of `y` and `reasons` belongs to cutout i.

    Attributes
    ----------
    y : ndarray of shape (n_sources,), int8
        1 spurious, 0 reliable, -1 uninspected.
    reasons : list of str
        Why each source is spurious; empty without a reason.
    ids_without_row : list of str
        Cutouts without a row in the table. They are uninspected.
    ids_without_cutout : list of str
        Rows of the table without a cutout. They are not used.
    positions : ndarray of shape (n_sources, 2) or None
        Right ascension and declination in degrees, NaN where unknown; None when no cutout has a
        position in the table.
    columns : DataFrame or None
        Other columns of the table, except positions; blank where a cutout has no row. None when
        there are none.
    """

    y: NDArray[np.int8]
    reasons: list[str]
    ids_without_row: list[str]
    ids_without_cutout: list[str]
    positions: NDArray[np.float64] | None = None
    columns: pd.DataFrame | None = None

    def __repr__(self) -> str:
        return short_repr(self)


def match_labels(labels: Labels, source_ids: Sequence[object]) -> MatchedLabels:
    """Join labels to cutouts by id, in any order of the rows.

    "00123", 123, 123.0, "123.png" and "z6_00123_F115W_crop.png" are one id. Unicode forms of one
    text, of blanks and of minus signs are also equal. If two such forms occur in the table or among
    the cutouts, they are compared letter by letter. For example, if there are cutouts "00123" and
    "123", a row 123 belongs to the second one.

    Positions are read from columns with the usual names, such as RA and Dec, RAJ2000 and
    DEJ2000, ALPHA_J2000 and DELTA_J2000: degrees, or sexagesimal hours and degrees.

    Parameters
    ----------
    labels : Labels
        What `read_labels` returned.
    source_ids : sequence of str or int
        Ids of the cutouts, all different.

    Returns
    -------
    MatchedLabels
        Labels and reasons in the order of `source_ids`, uninspected where the table has no row.

    Raises
    ------
    CatalogError
        When no cutout has a row, or an id occurs twice among the cutouts.

    Warns
    -----
    UserWarning
        When rows of a table of labels have no cutout, or a position cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> from spurclust.catalog import read_labels
    >>> labels = read_labels(pd.DataFrame({"Source_ID": [7, 123], "Reliable_Source": [1, 0]}))
    >>> match_labels(labels, ["00123", "8", "7"]).y.tolist()
    [1, -1, 0]
    """
    wanted = [str(cell).strip() if isinstance(cell, str) else id_text(cell) for cell in source_ids]
    repeated = [text for text, n in Counter(wanted).items() if n > 1]
    if repeated:
        raise CatalogError(
            f"several cutouts have the id {join_some(repeated)}: give every cutout an id of its own"
        )
    known = labels.table["source_id"].tolist()
    rows, ambiguous = match_ids(known, wanted)
    found = rows >= 0
    if not found.any():
        raise CatalogError(
            f"no id of {labels.origin} is that of a cutout. The table has for example "
            f"{_examples(known, wanted)}, the cutouts have {_examples(wanted)}. Choose the column "
            "of ids with id_column (--id-column), or how ids are taken from file names with "
            "id_pattern (--id-pattern)"
        )
    without_cutout = np.ones(len(known), dtype=bool)
    without_cutout[rows[found]] = False
    unused = [known[row] for row in np.flatnonzero(without_cutout)]
    notes: list[str] = []
    positions, names = find_positions(labels.table, rows, notes)
    for note in notes:
        warnings.warn(f"{labels.origin}: {note}", stacklevel=2)
    if unused and labels.has_labels:
        n_labeled = int((labels.table["label"].to_numpy()[without_cutout] != UNINSPECTED).sum())
        named = join_some(name_near(unused, [wanted[k] for k in np.flatnonzero(~found)]))
        letters = f"; {join_some(ambiguous)} are compared letter by letter" if ambiguous else ""
        warnings.warn(
            f"{len(unused)} of the {len(known)} sources in {labels.origin} have no cutout, "
            f"{n_labeled} of them labeled: {named}{letters}",
            stacklevel=2,
        )
    y = np.where(found, labels.table["label"].to_numpy()[rows], UNINSPECTED).astype(np.int8)
    reasons = labels.table["reason"].tolist()
    return MatchedLabels(
        y=y,
        reasons=[reasons[row] if row >= 0 else "" for row in rows],
        ids_without_row=[wanted[k] for k in np.flatnonzero(~found)],
        ids_without_cutout=unused,
        positions=positions,
        columns=keep_columns(labels.table.drop(columns=names), rows),
    )


def _examples(ids: Sequence[str], others: Sequence[str] = ()) -> str:
    """Show three ids, each with a nearly equal one of the others."""
    near = near_ids(ids[:_N_EXAMPLES], others)
    shown = [
        f"{text!r} (nearly {near[text]!r})" if text in near else repr(text)
        for text in ids[:_N_EXAMPLES]
    ]
    return ", ".join(shown) or "none"


@dataclass(frozen=True, eq=False)
class MergedLabels:
    """Several label tables as one, and counts of what each added.

    Returned by `merge_labels`.

    Attributes
    ----------
    labels : Labels
        One row per source: first those of the first table in its order, then those that later ones
        add.
    counts : DataFrame
        One row per table: ``origin``, ``n_labels``, ``n_replaced`` (how many of these replace a
        label of an earlier table) and ``n_changed`` (how many of these are another verdict).
    """

    labels: Labels
    counts: pd.DataFrame

    def __repr__(self) -> str:
        return short_repr(self)


def merge_labels(tables: Sequence[Labels], *, source_ids: Sequence[str] = ()) -> MergedLabels:
    """Join the labels of several tables; the later table wins.

    Use it for labels that grow: a first table, then the tables of later inspections. A blank label
    means "not inspected here", so the earlier label and its reason stay. To withdraw a label, clear
    it in the table that gave it. A reason is kept beside a later label only if the label is the
    same and has no reason. In the other columns, the last cell that is not blank counts.

    If all tables were read with `verdicts`, they are of several inspectors. Their verdicts are then
    counted together, and none wins.

    Parameters
    ----------
    tables : sequence of Labels
        What `read_labels` returned, the earliest first.
    source_ids : sequence of str, default=()
        Ids of the cutouts. They are only needed if two of them are one number, such as "00123" and
        "123". Then such ids of two tables are kept apart as well.

    Returns
    -------
    MergedLabels
        The labels, to be joined to the cutouts with `match_labels`, and counts to check.

    Raises
    ------
    ValueError
        When `tables` is empty.

    Examples
    --------
    >>> import pandas as pd
    >>> from spurclust.catalog import read_labels
    >>> old = pd.DataFrame({"Source_ID": ["7", "8"], "Reliable_Source": [1, 0]})
    >>> new = pd.DataFrame({"Source_ID": ["8", "9", "7"], "Reliable_Source": [1, 0, None]})
    >>> merged = merge_labels([read_labels(old), read_labels(new)])
    >>> merged.labels.table["label"].tolist(), merged.counts["n_replaced"].tolist()
    ([0, 0, 1], [0, 1])
    """
    if not tables:
        raise ValueError("no label table to merge: give one or more")
    keys, _ = comparable_ids(
        *(part.table["source_id"].tolist() for part in tables), list(map(str, source_ids))
    )
    pooled = tables[0].verdicts if all(part.verdicts for part in tables) else None
    sources: dict[Any, dict[str, Any]] = {}
    counts = []
    for part, part_keys in zip(tables, keys[:-1], strict=True):
        for key, source_id in zip(part_keys, part.table["source_id"], strict=True):
            blank = {"source_id": source_id, "label": UNINSPECTED, "reason": ""}
            sources.setdefault(key, blank)
        known = [sources[key] for key in part_keys]
        # With several inspectors, none replaces the label of another.
        before = [] if pooled else known
        counts.append({"origin": part.origin, **_count_added(part.table["label"], before)})
        for source, row in zip(known, _filled_cells(part.table), strict=True):
            if pooled:
                row = _pool(source, row, pooled)
            _update(source, row)
    names = list(dict.fromkeys(name for part in tables for name in part.table))
    merged = pd.DataFrame(list(sources.values()), columns=names, dtype=object)
    # A missing cell would turn integers into floats.
    merged = merged.apply(lambda cells: cells if cells.isna().any() else cells.infer_objects())
    merged = merged.astype({"source_id": str, "label": np.int8, "reason": str})
    if pooled:
        merged["reason"] = merged["reason"].where(merged["label"] == SPURIOUS, "")
    origin = " and ".join(dict.fromkeys(part.origin for part in tables))
    return MergedLabels(Labels(merged, origin, verdicts=pooled), pd.DataFrame(counts))


def _pool(source: dict[str, Any], row: dict[str, Any], verdicts: str) -> dict[str, Any]:
    """Return a later row as if one table had its verdicts and the earlier ones."""
    sums = {name: row[name] + source.get(name, 0) for name in VERDICT_COUNTS}
    n_spurious, n_verdicts = (np.array([sums[name]]) for name in VERDICT_COUNTS)
    # The reason is kept, because later verdicts may agree with it.
    source["label"] = int(pool_verdicts(n_spurious, n_verdicts, verdicts)[0])
    source["reason"] = source["reason"] or row.get("reason", "")
    return {**row, **sums, "label": source["label"], "reason": source["reason"]}


def _count_added(label: pd.Series[Any], known: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Count the labels of a table, and those that replace or change earlier ones."""
    earlier = np.array([source["label"] for source in known] or [UNINSPECTED] * len(label))
    replaced = (label != UNINSPECTED) & (earlier != UNINSPECTED)
    return {
        "n_labels": int((label != UNINSPECTED).sum()),
        "n_replaced": int(replaced.sum()),
        "n_changed": int((replaced & (label != earlier)).sum()),
    }


def _filled_cells(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the cells of each row that are not blank, without the id."""
    columns = {}
    for name, cells in table.drop(columns="source_id").items():
        # Objects keep long integers beside missing cells.
        values = cells.astype(object)
        is_number = pd.api.types.is_numeric_dtype(cells)
        filled = cells.notna() if is_number else values.map(lambda cell: cell_text(cell) != "")
        columns[name] = zip(values, filled, strict=True)
    for row in zip(*columns.values(), strict=True):
        pairs = zip(columns, row, strict=True)
        yield {str(name): cell for name, (cell, is_filled) in pairs if is_filled}


def _update(source: dict[str, Any], row: dict[str, Any]) -> None:
    """Update a source with a later row; a reason goes with its label."""
    if row["label"] == UNINSPECTED != source["label"]:
        row = {name: cell for name, cell in row.items() if name not in ("label", "reason")}
    elif row["label"] != source["label"]:
        source["reason"] = ""
    source.update(row)


def format_merge(merged: MergedLabels) -> str:
    """Format what each table added for a terminal, one line per table."""
    lines = []
    for origin, n_labels, n_replaced, n_changed in merged.counts.itertuples(index=False):
        text = f"{origin}: {n_labels} label{'s' * (n_labels != 1)}"
        if n_replaced:
            text += f", {n_replaced} replace{'s' * (n_replaced == 1)} "
            text += "an earlier one" if n_replaced == 1 else "earlier ones"
        lines.append(text + (f" ({n_changed} with the other verdict)" if n_changed else ""))
    if merged.labels.verdicts:
        n_spurious, n_verdicts = (merged.labels.table[name] for name in VERDICT_COUNTS)
        n_differ = ((n_spurious > 0) & (n_spurious < n_verdicts)).sum()
        lines.append(
            f"{(n_verdicts > 1).sum()} sources have several verdicts, and those on {n_differ} "
            f"differ ({merged.labels.verdicts} counts)"
        )
    return "\n".join(lines)


def count_labels(y: ArrayLike, reasons: Sequence[str]) -> dict[str, Any]:
    """Count the sources, the inspected, the spurious, and the spurious by reason."""
    labels = np.asarray(y)
    n_inspected = int((labels != UNINSPECTED).sum())
    n_spurious = int((labels == SPURIOUS).sum())
    named = zip(labels, name_reasons(reasons), strict=True)
    counts = Counter(reason for label, reason in named if label == SPURIOUS)
    return {
        "n_sources": len(labels),
        "n_inspected": n_inspected,
        "n_spurious": n_spurious,
        "spurious_fraction": n_spurious / n_inspected if n_inspected else None,
        "reasons": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
    }


def format_counts(counts: dict[str, Any]) -> str:
    """Format the counts of `count_labels` for a terminal, one per line."""
    fraction, by_reason = counts["spurious_fraction"], counts["reasons"]
    frequent, others = frequent_reasons(by_reason)
    share = "" if fraction is None else f"  {100 * fraction:.1f} % of the inspected"
    lines = [
        ("sources", counts["n_sources"], ""),
        ("inspected", counts["n_inspected"], ""),
        ("spurious", counts["n_spurious"], share),
        *((f"  {reason}", by_reason[reason], "") for reason in frequent),
    ]
    if n_others := sum(by_reason.values()) - sum(by_reason[reason] for reason in frequent):
        lines.append((f"  {others}", n_others, ""))
    left = max(len(name) for name, _, _ in lines)
    right = max(len(str(n)) for _, n, _ in lines) + 3
    return "\n".join(f"{name:<{left}} {n:>{right}}{note}" for name, n, note in lines)
