"""The live inspection: the next sources, their verdicts, and the results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from spurclust.errors import CatalogError
from spurclust.inspection.deck import Deck, Item, check_name, check_shares
from spurclust.inspection.learning import Learner, LearnerBeside, Lessons, Snapshot
from spurclust.inspection.measuring import measure_cutouts_once
from spurclust.inspection.standing import Progress, progress_of
from spurclust.inspection.tables import given_labels
from spurclust.judging.audited import inspections_to_bound
from spurclust.judging.judged import kappas_of, keep_order, labels_table, origins_of, verdicts_table
from spurclust.judging.store import Event, VerdictStore
from spurclust.judging.tally import Tally
from spurclust.judging.words import UNDO, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from spurclust.cutouts import ReadOptions
    from spurclust.ranking import InspectionRanker

LOCK = "inspecting.lock"
LABELS, VERDICTS = "labels.csv", "verdicts.csv"


class Inspection:
    """Inspect the cutouts of a survey, from nothing, and learn from each batch of verdicts.

    Use it to start without labels. It shows probably spurious sources first, and among them some
    that are unlike all others and some drawn at random. Every verdict is on the disk before
    `record` returns. The same folder continues an earlier inspection. Learning is in the
    background, and no call waits for it. Several threads may call the methods. One process at a
    time can use a folder: `close` it, or use it in a ``with`` block.

    Parameters
    ----------
    cutouts : path, glob, sequence of paths, array-like, zarr array or CutoutSource
        The cutouts, as for `spurclust.cutouts.open_cutouts`.
    labels : path, DataFrame, Labels, sequence of these, or array-like, default=None
        Labels that exist already, as for `spurclust.analyze`. They are stored in the folder, so
        they can be left out later.
    folder : path
        Folder of the inspection.
    features : array-like of shape (n_sources, n_features), default=None
        Features of the cutouts. None measures them once, and keeps them in the folder.
    options : ReadOptions, default=None
        How to read the cutouts.
    opinions : float, default=1
        Number of inspectors who judge a source. 1.2 means second opinions on a fifth of the
        sources, drawn at random.
    adjudicators : sequence of str, default=()
        Inspectors who see the sources on which others disagree. Their verdict decides. Without any,
        another inspector is asked.
    audit_share : float, default=0.1
        Share of the shown sources that is drawn at random.
    batch : int, default=10
        Number of verdicts before it learns again.
    hold_minutes : float, default=10
        Minutes for which a source is reserved for the inspector who sees it.
    ranker : InspectionRanker, default=None
        The ranker that learns; None is one of 100 trees.
    beside : bool, default=False
        Whether it learns in another process, so that calls stay fast meanwhile. A script then needs
        ``if __name__ == "__main__":``.
    random_state : int, RandomState or None, default=12
        Controls the random order of the audit. A folder keeps its first order.
    n_jobs : int, default=-1
        Number of threads that read and measure; -1 is all cores.

    Raises
    ------
    CatalogError
        When cutouts, labels or folder cannot be used, another process uses the folder, or the
        folder has an inspection of other cutouts.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from spurclust.inspection import Inspection
    >>> images = np.random.default_rng(0).normal(size=(30, 8, 8))
    >>> with tempfile.TemporaryDirectory() as folder, Inspection(images, folder=folder) as survey:
    ...     for item in survey.next(3, inspector="anna"):
    ...         survey.record(item.source_id, "reliable", inspector="anna")
    ...     found = survey.progress()
    >>> found.n_inspected, found.n_reliable
    (3, 3)
    """

    def __init__(
        self,
        cutouts: Any,
        labels: Any = None,
        *,
        folder: str | os.PathLike[str],
        features: ArrayLike | None = None,
        options: ReadOptions | None = None,
        opinions: float = 1,
        adjudicators: Sequence[str] = (),
        audit_share: float = 0.1,
        batch: int = 10,
        hold_minutes: float = 10,
        ranker: InspectionRanker | None = None,
        beside: bool = False,
        random_state: int | np.random.RandomState | None = 12,
        n_jobs: int | None = -1,
    ) -> None:
        from spurclust.analysis.reading import label_tables
        from spurclust.catalog.output import locked_folder, make_folder
        from spurclust.cutouts import ReadOptions, open_cutouts

        check_shares(opinions, audit_share)
        self.folder, self.batch = Path(folder), batch
        self.adjudicators, self._lock = tuple(adjudicators), RLock()
        self.options = options or ReadOptions(n_jobs=n_jobs)
        labels = label_tables(labels) or labels
        self.source = open_cutouts(cutouts)
        with ExitStack() as stack:
            make_folder(self.folder)
            stack.enter_context(locked_folder(self.folder, LOCK))
            measured = measure_cutouts_once(self.source, self.options, self.folder, features)
            self._rows, self.features = measured.sources, measured.rows
            self.source_ids = self.source.take(measured.sources.tolist())[0]
            self._store = VerdictStore(self.folder)
            stack.callback(self._store.close)
            n_wanted = self._restore(random_state, opinions, adjudicators)
            if labels is not None:
                self._take_labels(labels)
            rules: dict[str, Any] = {
                "audit_share": audit_share,
                "hold_seconds": 60 * hold_minutes,
            }
            self._deck = Deck(self._tally, n_wanted, self._permutation, **rules)
            learner = Learner(self.features, measured.isolation, ranker)
            self._lessons = Lessons(LearnerBeside(learner) if beside else learner)
            stack.callback(self._lessons.close)
            self._deck.set_orders(0, self._lessons.last.orders)
            self._resources = stack.pop_all()
        self._learn_if_due()

    def _restore(
        self, random_state: Any, opinions: float, adjudicators: Sequence[str]
    ) -> NDArray[np.int16]:
        """Restore the state in the folder; return the number of opinions wanted per source."""
        from spurclust.cutouts.files import fingerprint_of

        ids = fingerprint_of(self.source_ids)
        if self._store.setting("sources", ids) != ids:
            raise CatalogError(
                f"{self.folder} has an inspection of other cutouts: choose another folder, and "
                "give this one as labels (--labels) to go on with its verdicts"
            )
        if not isinstance(random_state, int):
            random_state = check_random_state(random_state).randint(2**31)
        first_state = int(self._store.setting("random_state", str(random_state)))
        rng = np.random.RandomState(first_state)
        self._permutation = rng.permutation(len(self))
        in_order = [self.source_ids[row] for row in self._permutation.tolist()]
        keep_order(self._store, in_order, adjudicators)
        self._n_unlearned = self.batch  # existing labels are learned at once
        self._tally = Tally(self.source_ids, adjudicators)
        for event in self._store.events():
            self._tally.add(event)
        n_more = rng.random_sample(len(self)) < opinions % 1
        return (int(opinions) + n_more).astype(np.int16)

    def _take_labels(self, labels: Any) -> None:
        """Store existing labels that are new to the folder."""
        given = {row: one._replace(time="") for row, one in self._tally.given.items()}
        events = given_labels(self.source, self._rows, self.source_ids, labels)
        new = [one for one in events if given.get(self._tally.row_of[one.source_id]) != one]
        for event in self._store.append(new):
            self._tally.add(event)

    def close(self) -> None:
        """Wait until learning has ended, and release the folder."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.source_ids)

    def next(self, n: int = 1, *, inspector: str = "inspector") -> list[Item]:
        """Return the next sources for an inspector.

        They are reserved for this inspector, and returned again until they are judged.

        Parameters
        ----------
        n : int, default=1
            Number of sources.
        inspector : str, default="inspector"
            Name of the inspector.

        Returns
        -------
        list of Item
            The sources; fewer than `n` if no more are left for this inspector.
        """
        check_name(inspector)
        with self._lock:
            self._learn_if_due()
            dealt = self._deck.deal(n, inspector)
        return [Item(held.row, self.source_ids[held.row], held.why) for held in dealt]

    def record(
        self,
        source_id: str,
        verdict: Verdict,
        reason: str = "",
        *,
        inspector: str = "inspector",
        note: str = "",
    ) -> None:
        """Store a verdict on the disk.

        Any source can be judged, shown or not. A second verdict of an inspector replaces the first.
        Repeating a verdict changes nothing, unless the source was shown again.

        Parameters
        ----------
        source_id : str
            The source.
        verdict : {"spurious", "reliable", "unsure"}
            The verdict. Unsure sources are shown once more at the end.
        reason : str, default=""
            Why the source is spurious.
        inspector : str, default="inspector"
            Name of the inspector.
        note : str, default=""
            Any text.

        Raises
        ------
        ValueError
            When there is no such source or verdict.
        CatalogError
            When the verdict cannot be stored.
        """
        check_name(inspector)
        if verdict not in get_args(Verdict):
            raise ValueError(
                f"verdict={verdict!r}: it is not one of {', '.join(get_args(Verdict))}"
            )
        row = self._row(source_id)
        said = (verdict, reason, note)
        with self._lock:
            held = self._deck.held_by(inspector, row)
            before = self._tally.verdicts.get(row, {}).get(inspector)
            # A page that got no answer sends the verdict again.
            if held is None and before and (before.verdict, before.reason, before.note) == said:
                return
            model, why = (held.model, held.why) if held else (0, "")
            event = Event(source_id, inspector, verdict, reason, note, model, why)
            self._take(event)
            self._deck.release(inspector, row)
            self._learn_if_due()

    def undo(self, *, inspector: str = "inspector") -> str | None:
        """Take back the last verdict of an inspector; the source comes next again.

        Parameters
        ----------
        inspector : str, default="inspector"
            Name of the inspector.

        Returns
        -------
        str or None
            The id of the source; None when there is no verdict to take back.
        """
        with self._lock:
            last = self._tally.last(inspector)
            if last is None:
                return None
            self._take(Event(last.source_id, inspector, UNDO))
            self._deck.put_first(inspector, self._row(last.source_id))
            return last.source_id

    def _row(self, source_id: str) -> int:
        """Return the index of a source."""
        row = self._tally.row_of.get(source_id)
        if row is None:
            raise ValueError(f"there is no source {source_id!r:.60}")
        return row

    def _take(self, event: Event) -> None:
        """Store an event, and update the labels."""
        for stored in self._store.append([event]):
            self._tally.add(stored)
        self._n_unlearned += 1

    def _learn_if_due(self) -> None:
        """Take a finished lesson, and begin the next one if it is due, without waiting."""
        if self._lessons.take():
            self._deck.set_orders(self._lessons.last.number, self._lessons.last.orders)
        if self._n_unlearned >= self.batch and not self._lessons.busy:
            self._n_unlearned = 0
            origins = np.array(origins_of(self._tally, self._permutation), dtype=object)
            self._lessons.begin(Snapshot(self._tally.labels.copy(), self._tally.judged, origins))

    def wait(self) -> None:
        """Wait until learning has ended; for replays."""
        with self._lock:
            self._learn_if_due()
            while self._lessons.busy:
                self._lessons.wait()
                self._learn_if_due()

    def progress(self) -> Progress:
        """Return the counts so far, and estimates of what remains.

        Returns
        -------
        Progress
            The numbers.
        """
        with self._lock:
            self._learn_if_due()
            return progress_of(self._tally, self._permutation, self._lessons.last)

    def standing(self) -> NDArray[np.uint8]:
        """Return the state of each source by the verdicts so far.

        Returns
        -------
        ndarray of uint8 of shape (n_sources,)
            0 reliable, 1 spurious, 2 judged but undecided, 255 not judged.
        """
        with self._lock:
            return self._tally.standing()

    def inspections_needed(self, max_remaining: int) -> int:
        """Compute how many further random inspections prove that few spurious sources remain.

        Parameters
        ----------
        max_remaining : int
            Number of spurious sources that may remain. The confidence is 95 %, at any time.

        Returns
        -------
        int
            Number of random sources to judge, if none of them is spurious.
        """
        with self._lock:
            judged, labels = self._tally.judged, self._tally.labels.copy()
        return inspections_to_bound(self._permutation, judged, labels, max_remaining)

    def labels(self) -> pd.DataFrame:
        """Return the present labels, as a table for `spurclust.catalog.read_labels`.

        Returns
        -------
        DataFrame
            One row per judged source: Source_ID, Reliable_Source (1 reliable, 0 spurious, missing
            where nobody is sure or inspectors disagree), Reason, Label_Origin ("random" for audited
            sources, see `audited_prefix`), Votes_Spurious, Votes_Reliable and Votes_Unsure.
        """
        with self._lock:
            return labels_table(self._tally, self.source_ids, self._permutation)

    def verdicts(self, *, disputed: bool = False) -> pd.DataFrame:
        """Return the valid verdicts of all inspectors.

        Parameters
        ----------
        disputed : bool, default=False
            Whether to return only the verdicts on sources on which inspectors disagree.

        Returns
        -------
        DataFrame
            One row per verdict: Source_ID, Inspector, Verdict, Reason, Note, Time, Model, Why.
        """
        with self._lock:
            rows = np.flatnonzero(self._tally.disputed).tolist() if disputed else None
            return verdicts_table(self._tally, rows)

    def agreement(self) -> pd.DataFrame:
        """Compute the agreement of inspectors from independent verdicts.

        Returns
        -------
        DataFrame
            Result of `spurclust.metrics.agreement_table`, without pairs of inspectors who have no
            source in common.
        """
        with self._lock:
            return kappas_of(self._tally, self._deck.n_wanted)

    def export(self, folder: str | os.PathLike[str] | None = None) -> list[Path]:
        """Write the labels to labels.csv, and all valid verdicts to verdicts.csv.

        Parameters
        ----------
        folder : path, default=None
            Folder of the files; None is that of the inspection.

        Returns
        -------
        list of Path
            The files. Existing ones are replaced.
        """
        from spurclust.catalog import write_table

        target = Path(self.folder if folder is None else folder)
        tables = {target / LABELS: self.labels(), target / VERDICTS: self.verdicts()}
        for path, table in tables.items():
            write_table(table, path)
        return list(tables)

    def cutout(self, row: int) -> NDArray[Any]:
        """Read one cutout.

        Parameters
        ----------
        row : int
            Index of the source: `row` of an `Item`.

        Returns
        -------
        ndarray of shape (height, width) or (height, width, n_channels)
            The pixels.
        """
        image: NDArray[Any] = self.source.read([int(self._rows[row])], self.options).images[0]
        return image

    @property
    def ranker(self) -> InspectionRanker | None:
        """The last model, fitted on `features`; None before the first one."""
        return self._lessons.last.ranker
