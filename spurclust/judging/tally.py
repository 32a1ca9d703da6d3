"""The result of all verdicts: the label of each source, and what is still open."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from spurclust.judging.store import Event
from spurclust.judging.words import UNDO
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED

CODES = {"spurious": SPURIOUS, "reliable": RELIABLE, "unsure": UNINSPECTED}


def settle(verdicts: Mapping[str, str], adjudicators: Iterable[str] = ()) -> tuple[int, bool]:
    """Return the label of a source, and whether inspectors disagree without a majority.

    Parameters
    ----------
    verdicts : mapping of str to str
        The valid verdict of each inspector, in the order given.
    adjudicators : iterable of str, default=()
        Inspectors whose verdict decides; of several the last one.

    Returns
    -------
    label : int
        1 spurious, 0 reliable, -1 if nobody is sure or there is no majority.
    disputed : bool
        Whether as many inspectors say spurious as reliable.

    Examples
    --------
    >>> from spurclust.inspection import settle
    >>> settle({"anna": "spurious", "ben": "reliable"})
    (-1, True)
    >>> settle({"anna": "spurious", "ben": "reliable"}, ["ben"])
    (0, False)
    """
    sure = {name: CODES[word] for name, word in verdicts.items() if word != "unsure"}
    decided = [sure[name] for name in sure if name in set(adjudicators)]
    if decided:
        return decided[-1], False
    counts = Counter(sure.values())
    if counts[SPURIOUS] == counts[RELIABLE]:
        return UNINSPECTED, bool(counts)
    return (SPURIOUS if counts[SPURIOUS] > counts[RELIABLE] else RELIABLE), False


class Tally:
    """The valid verdicts of an inspection, and their result for each source."""

    def __init__(self, source_ids: Iterable[str], adjudicators: Iterable[str]) -> None:
        self.row_of = {source_id: row for row, source_id in enumerate(source_ids)}
        self.adjudicators = frozenset(adjudicators)
        n = len(self.row_of)
        self.labels: NDArray[np.int8] = np.full(n, UNINSPECTED, dtype=np.int8)
        self.disputed = np.zeros(n, dtype=bool)
        self.given: dict[int, Event] = {}
        """Labels from before the inspection."""
        self.is_given = np.zeros(n, dtype=bool)
        self.n_verdicts = np.zeros(n, dtype=np.int16)
        self.verdicts: dict[int, dict[str, Event]] = {}
        """The valid verdict of each inspector on each source, by order of the first verdict."""
        self._times: dict[str, NDArray[np.int16]] = defaultdict(lambda: np.zeros(n, np.int16))
        self._standing: dict[str, list[Event]] = defaultdict(list)

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Which sources have a verdict, also an unsure one, or had a label before."""
        return self.is_given | (self.n_verdicts > 0)

    def standing(self) -> NDArray[np.uint8]:
        """Return 0 for reliable sources, 1 spurious, 2 judged but undecided, 255 not judged."""
        undecided = self.judged & (self.labels == UNINSPECTED)
        return np.where(undecided, 2, self.labels).astype(np.uint8)

    def times(self, inspector: str) -> NDArray[np.int16]:
        """Return the number of times that an inspector has judged each source."""
        return self._times[inspector]

    def inspectors(self) -> dict[str, int]:
        """Return the number of sources that each inspector has judged."""
        counts = Counter(name for said in self.verdicts.values() for name in said)
        return dict(sorted(counts.items()))

    def last(self, inspector: str) -> Event | None:
        """Return the last valid verdict of an inspector."""
        standing = self._standing[inspector]
        return standing[-1] if standing else None

    def add(self, event: Event) -> None:
        """Add an event."""
        row = self.row_of[event.source_id]
        if not event.inspector:
            self.given[row] = event
            self.is_given[row] = True
        elif event.verdict == UNDO:
            self._undo(row, event.inspector)
        else:
            self._standing[event.inspector].append(event)
            self._times[event.inspector][row] += 1
            said = self.verdicts.setdefault(row, {})
            said.pop(event.inspector, None)  # the latest verdict comes last
            said[event.inspector] = event
        self._settle(row)

    def _undo(self, row: int, inspector: str) -> None:
        """Take back the last verdict of an inspector; an earlier one there counts again."""
        standing = self._standing[inspector]
        undone = standing.pop()
        self._times[inspector][row] -= 1
        said = self.verdicts[row]
        del said[inspector]
        before = [one for one in standing if one.source_id == undone.source_id]
        if before:
            said[inspector] = before[-1]
        if not said:
            del self.verdicts[row]

    def _settle(self, row: int) -> None:
        """Update the label and the state of a source."""
        said = self.verdicts.get(row, {})
        words = {name: event.verdict for name, event in said.items()}
        label, disputed = settle(words, self.adjudicators)
        if label == UNINSPECTED and not disputed and row in self.given:
            label = CODES[self.given[row].verdict]
        self.labels[row], self.disputed[row] = label, disputed
        self.n_verdicts[row] = len(said)
