"""`SpuriousRegionDetectorCV` against `GridSearchCV`, and against refits of the original steps."""

import argparse
import os
import time
from functools import partial
from typing import Any

from measure import Outcome, at_least, interleaved, report, run_child, serve_child

N_COMPONENTS = (2, 3, 4, 6, 8, 10, 15, 20, 30, 40)
THRESHOLDS = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
N_FOLDS = 5
N_FITS = len(N_COMPONENTS) * len(THRESHOLDS) * N_FOLDS
# What is fitted of the grid, to be multiplied: components few and many.
GRID_COMPONENTS, GRID_THRESHOLDS = (3, 8, 30), (0.05,)
RANDOM_STATE = 12
GRID_TARGET, ORIGINAL_TARGET = 50, 1000
FIGURES = ("completeness", "workload")


def _survey(folder: str, labels: str, n_sources: int | None) -> tuple[Any, Any]:
    """Read cutouts and labels."""
    from spurclust.catalog import match_labels, read_labels
    from spurclust.cutouts import read_cutouts

    cutouts = read_cutouts(folder)
    y = match_labels(read_labels(labels), cutouts.source_ids).y
    return cutouts.images[:n_sources], y[:n_sources]


def _folds() -> Any:
    """Make the folds that both sides use."""
    from spurclust.tuning import InspectedStratifiedKFold

    return InspectedStratifiedKFold(N_FOLDS, random_state=RANDOM_STATE)


def _warm() -> None:
    """Compile the kernels, or load them."""
    import numpy as np

    from spurclust import TSNE

    rows = np.random.default_rng(0).normal(size=(70, 50)).astype(np.float32)
    TSNE(5).fit(rows[:60]).transform(rows[60:])


def search(
    folder: str, labels: str, n_sources: int | None, n_jobs: int, protocol: str
) -> dict[str, Any]:
    """Try all settings with ours."""
    from spurclust import ImageFlattener
    from spurclust.tuning import SpuriousRegionDetectorCV

    X, y = _survey(folder, labels, n_sources)
    _warm()
    start = time.perf_counter()
    found = SpuriousRegionDetectorCV(
        N_COMPONENTS,
        THRESHOLDS,
        cv=_folds(),
        protocol=protocol,
        flatten=ImageFlattener(),
        unlabeled=-1,
        random_state=RANDOM_STATE,
        n_jobs=n_jobs,
    ).fit(X, y)
    seconds = time.perf_counter() - start
    results = found.cv_results_
    shared = [
        [float(results[f"mean_test_{name}"][place]) for name in FIGURES]
        for place, params in enumerate(results["params"])
        if params["n_components"] in GRID_COMPONENTS and params["threshold"] in GRID_THRESHOLDS
    ]
    return {
        "seconds": seconds,
        "shared": shared,
        "n_sources": len(X),
        "chosen": found.best_params_,
        "completeness": found.completeness_,
        "workload": found.workload_,
    }


def _score(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    """Score as the search does."""
    from spurclust.metrics import completeness, workload

    flagged = estimator.predict(X) == 1
    return {"completeness": completeness(y, flagged), "workload": workload(flagged)}


def grid(folder: str, labels: str, n_sources: int | None, n_jobs: int) -> dict[str, Any]:
    """Try some of the settings with scikit-learn's grid search; `seconds` are of one fit."""
    from sklearn.model_selection import GridSearchCV

    from spurclust import ImageFlattener, SpuriousRegionDetector

    X, y = _survey(folder, labels, n_sources)
    _warm()
    detector = SpuriousRegionDetector(
        flatten=ImageFlattener(), unlabeled=-1, random_state=RANDOM_STATE, n_jobs=n_jobs
    )
    settings = {"n_components": GRID_COMPONENTS, "threshold": GRID_THRESHOLDS}
    found = GridSearchCV(detector, settings, scoring=_score, refit=False, cv=_folds())
    start = time.perf_counter()
    results = found.fit(X, y).cv_results_
    seconds = time.perf_counter() - start
    means = [results[f"mean_test_{name}"].tolist() for name in FIGURES]
    n_fits = len(results["params"]) * N_FOLDS
    return {
        "seconds": seconds / n_fits,
        "n_fits": n_fits,
        "shared": [list(each) for each in zip(*means, strict=True)],
    }


def original(folder: str, labels: str, n_sources: int | None, n_jobs: int) -> dict[str, Any]:
    """Fit scikit-learn's t-SNE to all pixels as RGB, and a mixture, once."""
    import numpy as np
    from sklearn.manifold import TSNE
    from sklearn.mixture import GaussianMixture

    X, _ = _survey(folder, labels, n_sources)
    rows = np.repeat(X.reshape(len(X), -1), 3 if X.ndim == 3 else 1, axis=1)
    start = time.perf_counter()
    tsne = TSNE(perplexity=50, max_iter=1500, random_state=RANDOM_STATE, n_jobs=n_jobs)
    GaussianMixture(6, random_state=RANDOM_STATE).fit(tsne.fit_transform(rows))
    return {"seconds": time.perf_counter() - start}


def measure(
    folder: str, labels: str, n_repeats: int, n_jobs: int, n_sources: int | None = None
) -> list[Outcome]:
    """Compare both protocols with a grid search, and with refits of the original."""
    run = partial(
        run_child, __file__, folder=folder, labels=labels, n_sources=n_sources, n_jobs=n_jobs
    )
    protocols = ("transductive", "inductive")
    works = [partial(run, "search", protocol=protocol) for protocol in protocols]
    *searches, theirs = interleaved(n_repeats, *works, partial(run, "grid"))
    one_original = run("original")
    outcomes = []
    for protocol, ours in zip(protocols, searches, strict=True):
        found = ours.result
        chosen = ", ".join(f"{name} {value}" for name, value in found["chosen"].items())
        held_out = (
            f"chosen: {chosen}; held out: completeness {found['completeness']:.2f} at workload "
            f"{found['workload']:.2f}"
        )
        what = f"tuning, {found['n_sources']} sources, {N_FITS} fits, {protocol}"
        if protocol == "inductive":
            same = "the same" if found["shared"] == theirs.result["shared"] else "OTHER"
            held_out += f"; {same} figures as the grid search, to the bit, where both have them"
        for peer, seconds, target, said in (
            ("GridSearchCV", theirs.seconds, GRID_TARGET, f"{theirs.result['n_fits']} fits"),
            ("the original", one_original.seconds, ORIGINAL_TARGET, "one fit"),
        ):
            detail = (
                f"{N_FITS} x {seconds:.2f} s (measured: {said}) : {ours.seconds:.2f} s; {held_out}"
            )
            ratio = N_FITS * seconds / ours.seconds
            outcomes.append(at_least(f"{what}, time against {peer}", ratio, target, detail))
    return outcomes


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="PNG cutouts, as `spurclust simulate` writes them")
    parser.add_argument("labels", help="their label table")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--sources", type=int, help="only the first so many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    report(measure(args.folder, args.labels, args.repeats, args.jobs, args.sources))


if __name__ == "__main__" and not serve_child(
    {"search": search, "grid": grid, "original": original}
):
    main()
