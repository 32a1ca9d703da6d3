"""`spurclust.TSNE.fit_transform` against `sklearn.manifold.TSNE` and `openTSNE.TSNE`."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import bench
from embedding_rows import (
    LEAST_ROWS,
    MAX_ITER,
    N_NEIGHBORS,
    PERPLEXITY,
    divergences,
    neighbors_kept,
    opentsne_tsne,
    save_rows,
    sklearn_tsne,
    spurclust_tsne,
)

KL_TARGET = 1.01
SMALL, LARGE, VERY_LARGE = 1_816, 20_000, 200_000
TARGETS = {"sklearn": 8.0, "openTSNE": 5.0}
LARGE_TARGET, VERY_LARGE_TARGET = 3.0, 1.0
MOST_FOR_SKLEARN = 100_000
"""scikit-learn would take hours for more."""

FITS = {"spurclust": spurclust_tsne, "sklearn": sklearn_tsne, "openTSNE": opentsne_tsne}


def fit(name: str, rows: str, points: str, n_jobs: int) -> dict[str, Any]:
    """Time one fit, and write its points for the judge."""
    import numpy as np

    given = np.load(rows)
    tsne = FITS[name](n_jobs)
    work = tsne.fit if name == "openTSNE" else tsne.fit_transform
    found, cost = bench.timed(lambda: work(given))
    np.save(points, np.asarray(found, dtype=np.float32))
    return {**cost, "n_iter": int(getattr(tsne, "n_iter_", MAX_ITER))}


def judge(rows: str, points: dict[str, str], n_jobs: int) -> dict[str, Any]:
    """Judge all embeddings of the same rows by the same functions."""
    import numpy as np

    given = np.load(rows)
    placed = {name: np.load(path) for name, path in points.items()}
    kl = divergences(given, list(placed.values()), n_jobs)
    kept = {name: neighbors_kept(given, each) for name, each in placed.items()}
    return {"kl": dict(zip(placed, kl, strict=True)), "kept": kept}


def target_of(name: str, n_rows: int, fastest: str) -> float | None:
    """Return how many times faster than a peer ours should be."""
    if n_rows >= VERY_LARGE:
        return VERY_LARGE_TARGET
    if n_rows >= LARGE:
        return LARGE_TARGET if name == fastest else None
    return TARGETS[name]


def rows_of_times(what: str, n_rows: int, found: dict[str, bench.Finished]) -> list[bench.Outcome]:
    """Compare the times with each peer's."""
    ours = found["spurclust"]
    peers = {name: run for name, run in found.items() if name != "spurclust"}
    fastest = min(peers, key=lambda name: peers[name].seconds)
    outcomes = []
    for name, peer in peers.items():
        ratio, target = peer.seconds / ours.seconds, target_of(name, n_rows, fastest)
        detail = f"{peer} : {ours}; {peer.result['n_iter']} : {ours.result['n_iter']} iterations"
        row = f"{what}, time against {name}"
        if target is None:
            outcomes.append(bench.for_information(row, f"{ratio:.3g}x", detail))
        else:
            outcomes.append(bench.at_least(row, ratio, target, detail))
    return outcomes


def rows_of_quality(
    what: str, n_rows: int, found: dict[str, bench.Finished], seen: Any
) -> list[bench.Outcome]:
    """Compare divergence, kept neighbors and memory."""
    peers = [name for name in found if name != "spurclust"]
    kl = seen["kl"]["spurclust"] / min(seen["kl"][name] for name in peers)
    kls = ", ".join(f"{name} {value:.4f}" for name, value in seen["kl"].items())
    kept = ", ".join(f"{name} {value:.3f}" for name, value in seen["kept"].items())
    memory = ", ".join(f"{name} {run.memory:.2f} GB" for name, run in found.items())
    share = found["spurclust"].memory / min(found[name].memory for name in peers)
    row = f"{what}, peak memory against the smallest"
    judged = bench.at_most(row, share, 1, "x", memory)
    return [
        bench.at_most(f"{what}, KL against the better", kl, KL_TARGET, "x", kls),
        bench.for_information(f"{what}, share of {N_NEIGHBORS} neighbors kept", "", kept),
        judged if n_rows >= VERY_LARGE else bench.for_information(row, f"{share:.3g}x", memory),
    ]


def compare(n_rows: int | None, folder: str | None, repeats: int, jobs: int) -> list[bench.Outcome]:
    """Compare on the same rows, each fit in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        rows = str(Path(name) / "rows.npy")
        saved = bench.run_child(
            __file__, "save_rows", path=rows, n_rows=n_rows, folder=folder
        ).result
        n_saved: int = saved["n_rows"]
        if n_saved < LEAST_ROWS:
            raise bench.ChildError(
                f"{n_saved} distinct rows: perplexity {PERPLEXITY} needs {LEAST_ROWS}"
            )
        names = [each for each in FITS if each != "sklearn" or n_saved <= MOST_FOR_SKLEARN]
        points = {each: str(Path(name) / f"{each}.npy") for each in names}
        run = partial(bench.run_child, __file__, "fit", rows=rows, n_jobs=jobs)
        works = [partial(run, name=each, points=points[each]) for each in names]
        found = dict(zip(names, bench.interleaved(repeats, *works), strict=True))
        seen = bench.run_child(__file__, "judge", rows=rows, points=points, n_jobs=jobs).result
    what = f"t-SNE, {n_saved} {'rows of the survey' if folder else 'drawn rows'}"
    return rows_of_times(what, n_saved, found) + rows_of_quality(what, n_saved, found, seen)


def measure(
    rows: Sequence[int] = (SMALL, LARGE),
    survey: str | None = None,
    repeats: int = 3,
    repeats_large: int = 1,
    jobs: int = bench.CORES,
) -> list[bench.Outcome]:
    """Compare on the pixels of a survey, if there is one, and on drawn rows."""
    bench.require("openTSNE")
    outcomes = compare(None, survey, repeats, jobs) if survey else []
    for n_rows in rows:
        n_repeats = repeats_large if n_rows > MOST_FOR_SKLEARN else repeats
        outcomes += compare(n_rows, None, n_repeats, jobs)
    return outcomes


if __name__ == "__main__":
    bench.run_script(measure, save_rows, fit, judge)
