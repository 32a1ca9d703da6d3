"""`TSNE.transform` of new rows against openTSNE's, onto the same fitted rows."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import bench
from embedding_rows import (
    LEAST_ROWS,
    N_NEIGHBORS,
    neighbors_kept,
    opentsne_tsne,
    save_rows,
    spurclust_tsne,
)

FITTED = (1_816, 20_000)
NEW = (2_000, 20_000)
TARGET, LARGE_TARGET = 10.0, 3.0
LARGE = 20_000


def place(
    name: str, rows: str, n_rows: int, counts: Sequence[int], n_calls: int, n_jobs: int
) -> Any:
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
            placed, cost = bench.timed(lambda new=new: transform(new))
            seconds.append(cost["seconds"])
        # openTSNE's transform has moved its fitted points: they are taken as they are now.
        kept = neighbors_kept(fitted, np.array(embedding), new, np.array(placed))
        calls[str(n_new)] = {"each": seconds, "memory": cost["memory"], "kept": kept}
    return {"calls": calls}


def compare(n_rows: int, counts: Sequence[int], n_calls: int, n_jobs: int) -> list[bench.Outcome]:
    """Compare onto one number of fitted rows."""
    with tempfile.TemporaryDirectory() as name:
        rows = str(Path(name) / "rows.npy")
        bench.run_child(__file__, "save_rows", path=rows, n_rows=n_rows + max(counts))
        settings = {"rows": rows, "n_rows": n_rows, "counts": counts, "n_calls": n_calls}
        run = partial(bench.run_child, __file__, "place", **settings, n_jobs=n_jobs)
        found = [run(name=each).result["calls"] for each in ("spurclust", "openTSNE")]
    outcomes = []
    for n_new in counts:
        ours, theirs = (finished(calls[str(n_new)]) for calls in found)
        detail = (
            f"{theirs} : {ours}; share of {N_NEIGHBORS} neighbors kept {theirs.result:.3f} : "
            f"{ours.result:.3f}; peak memory {theirs.memory:.2f} GB : {ours.memory:.2f} GB"
        )
        what = f"transform of {n_new} rows onto {n_rows}, against openTSNE"
        target = LARGE_TARGET if n_new >= LARGE else TARGET
        outcomes.append(bench.at_least(what, theirs.seconds / ours.seconds, target, detail))
    return outcomes


def finished(call: dict[str, Any]) -> bench.Finished:
    """Return the median of some calls."""
    return bench.Finished(median(call["each"]), call["memory"], call["kept"], tuple(call["each"]))


def measure(
    rows: Sequence[int] = FITTED, new: Sequence[int] = NEW, calls: int = 3, jobs: int = bench.CORES
) -> list[bench.Outcome]:
    """Compare for some numbers of fitted and of new rows."""
    bench.require("openTSNE")
    if min(rows) < LEAST_ROWS:
        raise bench.ChildError(f"at least {LEAST_ROWS} fitted rows are needed")
    return [row for n_rows in rows for row in compare(n_rows, new, calls, jobs)]


if __name__ == "__main__":
    bench.run_script(measure, save_rows, place)
