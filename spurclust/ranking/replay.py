"""What an inspection would have found, played with known labels."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state

from spurclust.labels import binary_labels
from spurclust.ranking.ranker import InspectionRanker
from spurclust.ranking.suggestions import Strategy, outlyingness, suggest_sources

if TYPE_CHECKING:
    import pandas as pd


def replay_inspection(
    rows: ArrayLike,
    y: ArrayLike,
    *,
    strategy: Strategy = "mixed",
    n_start: int = 20,
    n_batch: int = 20,
    n_looks: int | None = None,
    ranker: InspectionRanker | None = None,
    random_state: int | None = None,
) -> "pd.DataFrame":
    """Play an inspection of sources whose labels are known, batch by batch from a random start.

    To see what a strategy would have found, and when. While no spurious source is known, the next
    batch are the most outlying ones, whatever the strategy but for "random" and "diverse".

    Parameters
    ----------
    rows : array-like of shape (n_samples, n_features)
        Features of all sources.
    y : array-like of shape (n_samples,)
        Two values, of which the larger is spurious.
    strategy : {"mixed", "probable", "uncertain", "diverse", "random"}, default="mixed"
        How `suggest_sources` chooses.
    n_start : int, default=20
        Sources of the random start.
    n_batch : int, default=20
        Sources to look at before the ranker learns from them.
    n_looks : int, default=None
        When to stop; None is when all are inspected.
    ranker : InspectionRanker, default=None
        What learns; None is one of 200 trees. It is cloned.
    random_state : int or None, default=None
        Seed of the start.

    Returns
    -------
    DataFrame
        One row a batch: looks, n_spurious, completeness.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.ranking import replay_inspection
    >>> rng = np.random.default_rng(0)
    >>> y = (np.arange(200) < 20).astype(int)
    >>> rows = rng.normal(size=(200, 5)) + 4 * y[:, None]
    >>> table = replay_inspection(rows, y, n_looks=60, random_state=0)
    >>> table["looks"].tolist(), table["completeness"].iloc[-1]
    ([20, 40, 60], np.float64(1.0))
    """
    import pandas as pd

    values = np.asarray(rows, dtype=np.float32)
    _, codes = binary_labels(y)
    learner = InspectionRanker(200, random_state=0) if ranker is None else clone(ranker)
    learner.set_params(unlabeled=-1)
    chance = check_random_state(random_state)
    seen = np.zeros(len(values), dtype=bool)
    seen[chance.permutation(len(values))[:n_start]] = True
    last = len(values) if n_looks is None else min(n_looks, len(values))
    unlike = outlyingness(values, n_jobs=learner.n_jobs)
    table = [(seen.sum(), codes[seen].sum())]
    while seen.sum() < last:
        found = codes[seen].any()
        probability = unlike
        if found and strategy not in ("random", "diverse"):
            probability = learner.fit(values, np.where(seen, codes, -1)).inspection_probability_
        next_ones = suggest_sources(
            values,
            seen,
            probability,
            min(n_batch, last - int(seen.sum())),
            strategy=strategy if found or strategy in ("random", "diverse") else "probable",
            random_state=chance,
        )
        seen[next_ones] = True
        table.append((seen.sum(), codes[seen].sum()))
    frame = pd.DataFrame(table, columns=["looks", "n_spurious"])
    frame["completeness"] = frame["n_spurious"] / max(int((codes == 1).sum()), 1)
    return frame
