"""`TSNE.transform` of new rows against openTSNE's, onto the same fitted rows."""

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
    CORES,
    ChildError,
    Finished,
    Outcome,
    at_least,
    require,
    run_child,
    run_script,
    timed,
)

FITTED = (1_816, 20_000)
NEW = (2_000, 20_000)
TARGET, LARGE_TARGET = 10.0, 3.0
LARGE = 20_000


def place(name: str, rows: str, n_rows: int, new: list[int], calls: int, jobs: int) -> Any:
    """Fit once, then time calls of transform for each number of new rows."""
    import numpy as np

    drawn = np.load(rows)
    fitted = drawn[:n_rows]
    tsne = (opentsne_tsne if name == "openTSNE" else spurclust_tsne)(jobs).fit(fitted)
    points = tsne if name == "openTSNE" else tsne.embedding_
    found = {}
    for n_new in new:
        others = drawn[n_rows : n_rows + n_new]
        runs = [timed(partial(tsne.transform, others)) for _ in range(calls)]
        placed, cost = runs[-1]
        # openTSNE's transform has moved its fitted points: they are taken as they are now.
        kept = neighbors_kept(fitted, np.array(points), others, np.array(placed))
        seconds = [each["seconds"] for _, each in runs]
        found[str(n_new)] = {"each": seconds, "memory": cost["memory"], "kept": kept}
    return found


def finished(call: dict[str, Any]) -> Finished:
    """Return the median of some calls."""
    return Finished(median(call["each"]), call["memory"], call["kept"], tuple(call["each"]))


def compare(n_rows: int, new: list[int], calls: int, jobs: int) -> list[Outcome]:
    """Compare onto one number of fitted rows."""
    with tempfile.TemporaryDirectory() as name:
        rows = str(Path(name) / "rows.npy")
        run_child(__file__, "save_rows", path=rows, n_rows=n_rows + max(new))
        given = {"rows": rows, "n_rows": n_rows, "new": new, "calls": calls, "jobs": jobs}
        sides = [
            run_child(__file__, "place", name=each, **given).result
            for each in ("openTSNE", "spurclust")
        ]
    outcomes = []
    for n_new in new:
        theirs, ours = (finished(side[str(n_new)]) for side in sides)
        detail = (
            f"{theirs} : {ours}; share of {N_NEIGHBORS} neighbors kept {theirs.result:.3f} : "
            f"{ours.result:.3f}; peak memory {theirs.memory:.2f} GB : {ours.memory:.2f} GB"
        )
        what = f"transform of {n_new} rows onto {n_rows}, against openTSNE"
        target = LARGE_TARGET if n_new >= LARGE else TARGET
        outcomes.append(at_least(what, theirs.seconds / ours.seconds, target, detail))
    return outcomes


def measure(
    rows: tuple[int, ...] = FITTED,
    new: tuple[int, ...] = NEW,
    calls: int = 3,
    jobs: int = CORES,
) -> list[Outcome]:
    """Compare for some numbers of fitted and of new rows."""
    require("openTSNE")
    if min(rows) < LEAST_ROWS:
        raise ChildError(f"at least {LEAST_ROWS} fitted rows are needed")
    return [row for n_rows in rows for row in compare(n_rows, list(new), calls, jobs)]


if __name__ == "__main__":
    run_script(measure, save_rows, place)
