"""`TSNE.transform` of new rows against openTSNE's, onto the same fitted rows."""

import argparse
import os
import time
from functools import partial
from statistics import median
from typing import Any

from measure import Outcome, at_least, interleaved, report, run_child, serve_child
from tsne import MAX_ITER, PERPLEXITY, make_rows

TARGETS = {2_000: 10, 20_000: 3}
N_NEIGHBORS = 15
N_CALLS = 3


def _preserved(rows: Any, points: Any, new_rows: Any, new_points: Any) -> float:
    """Measure the share of a new row's nearest fitted rows that are its nearest fitted points."""
    import numpy as np
    from sklearn.neighbors import NearestNeighbors

    by_rows = NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(rows).kneighbors(new_rows[:1000])[1]
    by_points = NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(points).kneighbors(new_points[:1000])
    pairs = zip(by_rows, by_points[1], strict=True)
    return float(np.mean([len(np.intersect1d(*pair)) / N_NEIGHBORS for pair in pairs]))


def _result(transform: Any, rows: Any, points: Any, new: Any) -> dict[str, Any]:
    """Time some calls of transform."""
    import numpy as np

    seconds = []
    for _ in range(N_CALLS):
        start = time.perf_counter()
        placed = np.array(transform(new))
        seconds.append(time.perf_counter() - start)
    # Read after the calls: openTSNE's transform moves the fitted points.
    preserved = _preserved(rows, np.array(points), new, placed)
    return {"seconds": median(seconds), "preserved": preserved}


def spurclust(n_rows: int, n_new: int, n_jobs: int) -> dict[str, Any]:
    """Place new rows with ours."""
    from spurclust import TSNE

    drawn = make_rows(n_rows, n_new)
    tsne = TSNE(PERPLEXITY, max_iter=MAX_ITER, random_state=12, n_jobs=n_jobs)
    points = tsne.fit_transform(drawn[:n_rows])
    return _result(tsne.transform, drawn[:n_rows], points, drawn[n_rows:])


def opentsne(n_rows: int, n_new: int, n_jobs: int) -> dict[str, Any]:
    """Place new rows with openTSNE's."""
    from openTSNE import TSNE

    drawn = make_rows(n_rows, n_new)
    tsne = TSNE(
        perplexity=PERPLEXITY, n_iter=MAX_ITER - 250, random_state=12, n_jobs=n_jobs, verbose=False
    )
    embedding = tsne.fit(drawn[:n_rows])
    return _result(embedding.transform, drawn[:n_rows], embedding, drawn[n_rows:])


def measure(n_rows: int, counts: list[int], n_repeats: int, n_jobs: int) -> list[Outcome]:
    """Compare for some numbers of new rows."""
    outcomes = []
    for n_new in counts:
        works = [
            partial(run_child, __file__, name, n_rows=n_rows, n_new=n_new, n_jobs=n_jobs)
            for name in ("spurclust", "opentsne")
        ]
        ours, theirs = interleaved(n_repeats, *works)
        detail = (
            f"{theirs.seconds:.3f} s : {ours.seconds:.3f} s; {N_NEIGHBORS} neighbours kept "
            f"{theirs.result['preserved']:.3f} : {ours.result['preserved']:.3f}"
        )
        what = f"transform of {n_new} rows onto {n_rows}, against openTSNE"
        target = TARGETS.get(n_new, 3)
        outcomes.append(at_least(what, theirs.seconds / ours.seconds, target, detail))
    return outcomes


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1816, help="fitted rows")
    parser.add_argument("--new", type=int, nargs="+", default=list(TARGETS))
    parser.add_argument("--repeats", type=int, default=1, help=f"of {N_CALLS} calls each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    report(measure(args.rows, args.new, args.repeats, args.jobs))


if __name__ == "__main__" and not serve_child({"spurclust": spurclust, "opentsne": opentsne}):
    main()
