"""Learn from the verdicts so far, and order all sources again."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.inspection.deck import Order
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED
from spurclust.ranking import InspectionOutlook, InspectionRanker, inspection_outlook
from spurclust.ranking.similarity import center_and_spread, scale_robustly
from spurclust.ranking.suggestions import PROBABLE_SHARE

N_TREES = 100
"""Number of trees of the ranker during the inspection: fast, and the order is as good."""

N_UNLIKE = 40
"""Number of sources to find at a time that are unlike all inspected ones and each other."""

_POINTS = 64
"""Number of inspected sources to which all distances are computed at once."""

Float32 = NDArray[np.float32]


class Snapshot(NamedTuple):
    """The state when learning begins: labels, judged sources, and their origins."""

    labels: NDArray[np.int8]
    judged: NDArray[np.bool_]
    origins: NDArray[np.object_]


class Lesson(NamedTuple):
    """The result of learning: the orders to deal from, and the model if one was fitted."""

    number: int
    orders: list[Order]
    ranker: InspectionRanker | None = None
    outlook: InspectionOutlook | None = None


class Explorer:
    """Finds sources unlike the inspected ones; keeps the distance of each to the nearest."""

    # Only newly inspected sources are compared, which is fast for many sources.

    def __init__(self, rows: Float32) -> None:
        self._scaled = scale_robustly(rows, *center_and_spread(rows)).astype(np.float32, copy=False)
        self._norms = np.einsum("ij,ij->i", self._scaled, self._scaled)
        middle = np.median(self._scaled, axis=0)[None]
        self._from_middle = self._squares(middle)[:, 0]
        self._nearest: NDArray[np.float32] = np.full(len(rows), np.inf, dtype=np.float32)
        self._seen = np.zeros(len(rows), dtype=bool)

    def farthest(self, judged: NDArray[np.bool_], n: int) -> NDArray[np.intp]:
        """Return sources far from all judged ones and from each other, the farthest first."""
        new = np.flatnonzero(judged & ~self._seen)
        for start in range(0, len(new), _POINTS):
            points = self._scaled[new[start : start + _POINTS]]
            np.minimum(self._nearest, self._squares(points).min(axis=1), out=self._nearest)
        self._seen |= judged
        distance = (self._nearest if self._seen.any() else self._from_middle).copy()
        distance[judged] = -1
        found: list[int] = []
        for _ in range(min(n, int((~judged).sum()))):
            found.append(int(distance.argmax()))
            squares = self._squares(self._scaled[found[-1:]])[:, 0]
            np.minimum(distance, squares, out=distance)
            distance[found] = -1
        return np.array(found, dtype=np.intp)

    def _squares(self, points: Float32) -> Float32:
        """Return squared distances of all sources to some points."""
        norms = np.einsum("ij,ij->i", points, points)
        squares = self._norms[:, None] + norms - 2 * (self._scaled @ points.T)
        return np.asarray(np.maximum(squares, 0), dtype=np.float32)


class Learner:
    """Fits the ranker to the labels, and returns the orders for the next sources."""

    def __init__(
        self, rows: Float32, isolation: NDArray[np.float64], ranker: InspectionRanker | None
    ) -> None:
        self.rows, self.isolation = rows, isolation
        self.ranker = ranker or InspectionRanker(N_TREES, random_state=0)
        self._explorer: Explorer | None = None

    def first_lesson(self) -> Lesson:
        """Return the order before anything is learned: the most isolated sources first."""
        return Lesson(0, [Order("unlike", 1.0, np.argsort(-self.isolation, kind="stable"))])

    def learn(self, number: int, known: Snapshot) -> Lesson:
        """Learn from all labels, once there are spurious and reliable ones."""
        from sklearn.base import clone

        if not np.isin([SPURIOUS, RELIABLE], known.labels).all():
            return self.first_lesson()
        ranker: InspectionRanker = clone(self.ranker).set_params(unlabeled=UNINSPECTED)
        ranker.fit(self.rows, known.labels)
        if self._explorer is None:
            self._explorer = Explorer(self.rows)
        # Equally probable sources are ordered by isolation.
        probable = np.lexsort((-self.isolation, -ranker.inspection_probability_))
        unlike = self._explorer.farthest(known.judged, N_UNLIKE)
        orders = [
            Order("probable", PROBABLE_SHARE, probable),
            Order("unlike", 1 - PROBABLE_SHARE, unlike),
        ]
        outlook = inspection_outlook(
            ranker,
            self.rows,
            known.labels,
            origins=known.origins.tolist(),
            features=self.rows,
        )
        return Lesson(number, orders, ranker, outlook)


class LearnerBeside:
    """A learner in another process, so that this one stays responsive."""

    def __init__(self, learner: Learner) -> None:
        context = multiprocessing.get_context("spawn")
        self.learner = learner
        self._is_sent = self._is_closed = False
        self._connection, end = context.Pipe()
        self._process = context.Process(target=_learn_on_demand, args=(end,), daemon=True)
        self._process.start()
        end.close()

    def learn(self, number: int, known: Snapshot) -> Lesson:
        """Learn there, or here if the process has died."""
        try:
            if not self._is_sent:
                self._connection.send(self.learner)
                self._is_sent = True
            self._connection.send((number, known))
            lesson: Lesson = self._connection.recv()
        except (EOFError, OSError):
            return self.first_lesson() if self._is_closed else self.learner.learn(number, known)
        return lesson

    def first_lesson(self) -> Lesson:
        """Return the order before anything is learned."""
        return self.learner.first_lesson()

    def close(self) -> None:
        """End the process."""
        self._is_closed = True
        self._process.terminate()
        self._process.join()


def _learn_on_demand(end: Connection) -> None:
    """Learn whenever asked, until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process decides
    with suppress(EOFError, OSError):
        learner = end.recv()
        while True:
            end.send(learner.learn(*end.recv()))


class Lessons:
    """Learns in another thread, one lesson at a time."""

    def __init__(self, learner: Learner | LearnerBeside) -> None:
        self.learner = learner
        self.last = learner.first_lesson()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spurclust-learning")
        self._future: Future[Lesson] | None = None

    @property
    def busy(self) -> bool:
        """Whether a lesson has begun and is not taken yet."""
        return self._future is not None

    def begin(self, known: Snapshot) -> None:
        """Begin to learn."""
        self._future = self._thread.submit(self.learner.learn, self.last.number + 1, known)

    def take(self) -> bool:
        """Take the lesson if it is finished; return whether it was."""
        if self._future is None or not self._future.done():
            return False
        finished, self._future = self._future, None
        self.last = finished.result()
        return True

    def wait(self) -> None:
        """Wait until the lesson is finished."""
        if self._future is not None:
            self._future.exception()

    def close(self) -> None:
        """Wait for the thread."""
        if isinstance(self.learner, LearnerBeside):
            self.learner.close()
        self._thread.shutdown(cancel_futures=True)
