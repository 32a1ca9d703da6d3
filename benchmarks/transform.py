"""`TSNE.transform` of new rows against openTSNE's, onto the same fitted rows."""

import argparse
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from embedding_rows import (
    LEAST_ROWS,
    N_NEIGHBORS,
    neighbors_kept,
    opentsne_tsne,
    save_rows,
    spurclust_tsne,
)
from measure import (
    ChildError,
    Finished,
    Outcome,
    at_least,
    report,
    require,
    run_child,
    serve_child,
    timed,
    usable_cores,
)

FITTED = (1_816, 20_000)
NEW = (2_000, 20_000)
TARGET, LARGE_TARGET = 10.0, 3.0
LARGE = 20_000


def place(name: str, rows: str, n_rows: int, counts: list[int], n_calls: int, n_jobs: int) -> Any:
    """Fit once, then time calls of transform for each number of new rows."""
    import numpy as np

    drawn = np.load(rows)
    fitted = drawn[:n_rows]
    if name == "openTSNE":
        embedding = opentsne_tsne(n_jobs).fit(fitted)
        transform = embedding.transform
    else:
        tsne = spurclust_tsne(n_jobs).fit(fitted)
        embedding, transform = tsne.embedding_, tsne.transform
    calls = {}
    for n_new in counts:
        new = drawn[n_rows : n_rows + n_new]
        seconds = []
        for _ in range(n_calls):
            placed, figures = timed(lambda new=new: transform(new))
            seconds.append(figures["seconds"])
        # openTSNE's transform has moved its fitted points: they are taken as they are now.
        kept = neighbors_kept(fitted, np.array(embedding), new, np.array(placed))
        calls[str(n_new)] = {"each": seconds, "memory": figures["memory"], "kept": kept}
    return {"calls": calls}


def compare(n_rows: int, counts: list[int], n_calls: int, n_jobs: int) -> list[Outcome]:
    """Compare onto one number of fitted rows."""
    with tempfile.TemporaryDirectory() as name:
        rows = str(Path(name) / "rows.npy")
        run_child(__file__, "save_rows", path=rows, n_rows=n_rows + max(counts))
        run = partial(
            run_child,
            __file__,
            "place",
            rows=rows,
            n_rows=n_rows,
            counts=counts,
            n_calls=n_calls,
            n_jobs=n_jobs,
        )
        found = {each: run(name=each).result["calls"] for each in ("spurclust", "openTSNE")}
    outcomes = []
    for n_new in counts:
        ours, theirs = (finished(found[each][str(n_new)]) for each in found)
        detail = (
            f"{theirs} : {ours}; share of {N_NEIGHBORS} neighbours kept {theirs.result:.3f} : "
            f"{ours.result:.3f}; peak memory {theirs.memory:.2f} GB : {ours.memory:.2f} GB"
        )
        what = f"transform of {n_new} rows onto {n_rows}, against openTSNE"
        target = LARGE_TARGET if n_new >= LARGE else TARGET
        outcomes.append(at_least(what, theirs.seconds / ours.seconds, target, detail))
    return outcomes


def finished(call: dict[str, Any]) -> Finished:
    """Take the median of some calls."""
    return Finished(median(call["each"]), call["memory"], call["kept"], tuple(call["each"]))


def measure(fitted: list[int], counts: list[int], n_calls: int, n_jobs: int) -> list[Outcome]:
    """Compare for some numbers of fitted and of new rows."""
    require("openTSNE")
    if min(fitted) < LEAST_ROWS:
        raise ChildError(f"at least {LEAST_ROWS} fitted rows are needed")
    return [row for n_rows in fitted for row in compare(n_rows, counts, n_calls, n_jobs)]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(FITTED), help="fitted rows")
    parser.add_argument("--new", type=int, nargs="+", default=list(NEW), help="rows a call")
    parser.add_argument("--calls", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=usable_cores(), help="default: %(default)s")
    args = parser.parse_args()
    report(measure(args.rows, args.new, args.calls, args.jobs))


if __name__ == "__main__" and not serve_child({"save_rows": save_rows, "place": place}):
    main()
