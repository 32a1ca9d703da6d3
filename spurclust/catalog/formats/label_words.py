"""Words for spurious, reliable and uninspected, and the label of several verdicts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spurclust.catalog.formats.sheets import cell_text, is_missing
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED
from spurclust.printing import join_some

CODES = {"spurious": SPURIOUS, "reliable": RELIABLE, "uninspected": UNINSPECTED}
"""The meanings of a map of labels."""

_WORDS = {
    **dict.fromkeys(("spurious", "bogus", "bad", "anomaly", "anomalous", "artifact"), SPURIOUS),
    **dict.fromkeys(("artefact", "false detection"), SPURIOUS),
    **dict.fromkeys(("reliable", "real", "good", "normal"), RELIABLE),
    **dict.fromkeys(("?", "??", "maybe", "unsure", "unclear", "uncertain"), UNINSPECTED),
    **dict.fromkeys(("unknown", "uninspected", "not inspected"), UNINSPECTED),
}
# Their meaning depends on the question of the column.
_ANSWERS = {"1": 1, "true": 1, "yes": 1, "y": 1, "0": 0, "false": 0, "no": 0, "n": 0}

VERDICTS = ("majority", "any", "all")
"""Rules for verdicts of several inspectors: spurious if most, any or all say so."""

VERDICT_COUNTS = ("spurious_verdicts", "verdicts")
"""Columns with the numbers of spurious verdicts and of all verdicts."""

_WHO_SAYS = {"majority": "most of them", "any": "one or more of them", "all": "all of them"}


class LabelReader:
    """Read the cells of a column of labels, and count words such as "unsure"."""

    def __init__(self, spurious_value: int, label_map: Mapping[Any, str] | None = None) -> None:
        if spurious_value not in (0, 1):
            raise ValueError(f"spurious_value={spurious_value!r}: it must be 0 or 1")
        self.spurious_value = spurious_value
        self.words: dict[str, int] = dict(_WORDS)
        self.unsure: Counter[str] = Counter()
        for word, meaning in (label_map or {}).items():
            if meaning not in CODES:
                raise ValueError(
                    f"label_map: {word!r} is {meaning!r}, which is none of {', '.join(CODES)}"
                )
            self.words[_key(word)] = CODES[meaning]

    def learn(self, cells: Iterable[object]) -> None:
        """Read -1 as uninspected if both 0 and 1 occur; otherwise it may be a verdict."""
        keys = {_key(cell) for cell in cells}
        if {"0", "1", "-1"} <= keys:
            self.words.setdefault("-1", UNINSPECTED)

    def read(self, cell: object) -> int:
        """Return the label of a cell, or raise a ValueError that shows the cell."""
        key = _key(cell)
        if key in self.words:
            code = self.words[key]
            if code == UNINSPECTED:
                self.unsure[key] += 1
            return code
        if not cell_text(cell):
            return UNINSPECTED
        value = _ANSWERS.get(key)
        if value is None:
            raise ValueError(repr(cell) if isinstance(cell, str) else str(cell))
        return SPURIOUS if value == self.spurious_value else RELIABLE

    def note(self) -> str:
        """Return a note on words such as "unsure", "" for none."""
        if not self.unsure:
            return ""
        parts = ", ".join(f"{word!r} {n}" for word, n in self.unsure.items())
        return f"{self.unsure.total()} labels are unsure and count as uninspected: {parts}"


def _key(cell: object) -> str:
    """Return a cell as a word in lower case, or a number in its shortest form."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "backslashreplace")
    if is_missing(cell):
        return ""
    if isinstance(cell, (bool, np.bool_)):
        return "true" if cell else "false"
    word = " ".join(str(cell).split()).casefold()
    if not isinstance(cell, (str, Number)):
        return word
    try:
        return f"{float(word) + 0:.17g}"
    except ValueError:
        return word


def pool_verdicts(
    n_spurious: NDArray[np.int_], n_verdicts: NDArray[np.int_], verdicts: str
) -> NDArray[np.int8]:
    """Return labels from numbers of verdicts; uninspected without a verdict or a majority."""
    known = n_verdicts > 0
    if verdicts == "majority":
        known &= 2 * n_spurious != n_verdicts
        spurious = 2 * n_spurious > n_verdicts
    else:
        spurious = n_spurious >= (1 if verdicts == "any" else n_verdicts)
    return np.where(known, np.where(spurious, SPURIOUS, RELIABLE), UNINSPECTED).astype(np.int8)


def pool_rows(rows: pd.DataFrame, verdicts: str, notes: list[str]) -> pd.DataFrame:
    """Merge the rows of each id into one, with the label of its verdicts."""
    groups = rows.groupby("source_id", sort=False)
    n_spurious, n_verdicts = (groups[name].transform("sum").to_numpy() for name in VERDICT_COUNTS)
    label = pool_verdicts(n_spurious, n_verdicts, verdicts)
    # Reasons come from those who agree with the label.
    own = rows["reason"].where((rows["spurious_verdicts"] > 0) & (label == SPURIOUS), "")
    reason = own.groupby(rows["source_id"]).transform(lambda cells: next(filter(None, cells), ""))
    first = ~rows.duplicated("source_id").to_numpy()
    differ = first & (n_spurious > 0) & (n_spurious < n_verdicts)
    several = (first & (n_verdicts > 1)).sum()
    if several:
        notes.append(
            f"{several} sources have several verdicts, and those on {differ.sum()} differ: "
            f"spurious is what {_WHO_SAYS[verdicts]} say"
        )
    undecided = first & (n_verdicts > 0) & (label == UNINSPECTED)
    if undecided.any():
        named = join_some(rows.loc[undecided, "name"])
        notes.append(f"{undecided.sum()} without a majority count as uninspected: {named}")
    counts = dict(zip(VERDICT_COUNTS, (n_spurious, n_verdicts), strict=True))
    return rows.assign(**counts, label=label, reason=reason)[first]
