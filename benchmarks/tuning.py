"""`SpuriousRegionDetectorCV` against `GridSearchCV`, and against refits of the original steps."""

from functools import partial
from typing import Any

import bench

N_COMPONENTS = (2, 3, 4, 6, 8, 10, 15, 20, 30, 40)
THRESHOLDS = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
N_FOLDS = 5
N_FITS = len(N_COMPONENTS) * len(THRESHOLDS) * N_FOLDS
GRID = {"n_components": (3, 8, 30), "threshold": (0.05,)}
"""What the grid search fits, to be multiplied: few components and many."""

RANDOM_STATE = 12
GRID_TARGET, ORIGINAL_TARGET = 50, 1000
METRICS = ("completeness", "workload")


def prepare(folder: str, labels: str, sources: int) -> tuple[Any, Any, Any]:
    """Read the survey, make the folds of both sides, and load or compile the kernels."""
    import numpy as np

    from spurclust import TSNE
    from spurclust.tuning import InspectedStratifiedKFold

    images, y, _ = bench.load_survey(folder, labels)
    rows = np.random.default_rng(0).normal(size=(70, 50)).astype(np.float32)
    TSNE(5).fit(rows[:60]).transform(rows[60:])
    n = sources or len(y)
    return images[:n], y[:n], InspectedStratifiedKFold(N_FOLDS, random_state=RANDOM_STATE)


def settings_of_both(jobs: int) -> dict[str, Any]:
    """Return the settings of the detector on both sides."""
    from spurclust import ImageFlattener

    common = {"unlabeled": -1, "random_state": RANDOM_STATE, "n_jobs": jobs}
    return {"flatten": ImageFlattener(), **common}


def search(folder: str, labels: str, sources: int, jobs: int, protocol: str) -> dict[str, Any]:
    """Try all settings with ours."""
    from spurclust.tuning import SpuriousRegionDetectorCV

    X, y, folds = prepare(folder, labels, sources)
    ours = SpuriousRegionDetectorCV(
        N_COMPONENTS, THRESHOLDS, cv=folds, protocol=protocol, **settings_of_both(jobs)
    )
    found, cost = bench.timed(lambda: ours.fit(X, y))
    results = found.cv_results_
    shared = [
        [float(results[f"mean_test_{name}"][index]) for name in METRICS]
        for index, params in enumerate(results["params"])
        if all(params[name] in values for name, values in GRID.items())
    ]
    held_out = {"completeness": found.completeness_, "workload": found.workload_}
    chosen = {"shared": shared, "n_sources": len(X), "chosen": found.best_params_}
    return {**cost, **chosen, **held_out}


def score(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    """Score as the search does."""
    from spurclust.metrics import completeness, workload

    flagged = estimator.predict(X) == 1
    return {"completeness": completeness(y, flagged), "workload": workload(flagged)}


def grid(folder: str, labels: str, sources: int, jobs: int) -> dict[str, Any]:
    """Try some of the settings with scikit-learn's grid search; `seconds` are of one fit."""
    from sklearn.model_selection import GridSearchCV

    from spurclust import SpuriousRegionDetector

    X, y, folds = prepare(folder, labels, sources)
    detector = SpuriousRegionDetector(**settings_of_both(jobs))
    theirs = GridSearchCV(detector, GRID, scoring=score, refit=False, cv=folds)
    found, cost = bench.timed(lambda: theirs.fit(X, y).cv_results_)
    n_fits = len(found["params"]) * N_FOLDS
    means = [found[f"mean_test_{name}"].tolist() for name in METRICS]
    shared = [list(each) for each in zip(*means, strict=True)]
    return {"seconds": cost["seconds"] / n_fits, "n_fits": n_fits, "shared": shared}


def original(folder: str, labels: str, sources: int, jobs: int) -> dict[str, Any]:
    """Fit scikit-learn's t-SNE to all pixels as RGB, and a mixture, once."""
    import numpy as np
    from sklearn.manifold import TSNE
    from sklearn.mixture import GaussianMixture

    X, _, _ = prepare(folder, labels, sources)
    rows = np.repeat(X.reshape(len(X), -1), 3 if X.ndim == 3 else 1, axis=1)
    tsne = TSNE(perplexity=50, max_iter=1500, random_state=RANDOM_STATE, n_jobs=jobs)
    mixture = GaussianMixture(6, random_state=RANDOM_STATE)
    return bench.timed(lambda: mixture.fit(tsne.fit_transform(rows)))[1]


def measure(
    folder: str, labels: str, repeats: int = 1, jobs: int = bench.CORES, sources: int = 0
) -> list[bench.Outcome]:
    """Compare both protocols with a grid search, and with refits of the original."""
    given = {"folder": folder, "labels": labels, "sources": sources, "jobs": jobs}
    run = partial(bench.run_child, __file__, **given)
    protocols = ("transductive", "inductive")
    works = [partial(run, "search", protocol=protocol) for protocol in protocols]
    *searches, theirs = bench.interleaved(repeats, *works, partial(run, "grid"))
    peers = [
        ("GridSearchCV", theirs.seconds, GRID_TARGET, f"{theirs.result['n_fits']} fits"),
        ("the original", run("original").seconds, ORIGINAL_TARGET, "one fit"),
    ]
    outcomes = []
    for protocol, ours in zip(protocols, searches, strict=True):
        found = ours.result
        chosen = ", ".join(f"{name} {value}" for name, value in found["chosen"].items())
        held_out = (
            f"chosen: {chosen}; held out: completeness {found['completeness']:.2f} at workload "
            f"{found['workload']:.2f}"
        )
        if protocol == "inductive":
            same = "the same" if found["shared"] == theirs.result["shared"] else "OTHER"
            held_out += f"; {same} metrics as the grid search, to the bit, where both have them"
        what = f"tuning, {found['n_sources']} sources, {N_FITS} fits, {protocol}"
        for peer, seconds, target, fits in peers:
            measured = f"{N_FITS} x {seconds:.2f} s (measured: {fits}) : {ours.seconds:.2f} s"
            ratio = N_FITS * seconds / ours.seconds
            row = f"{what}, time against {peer}"
            outcomes.append(bench.at_least(row, ratio, target, f"{measured}; {held_out}"))
    return outcomes


if __name__ == "__main__":
    bench.run_script(measure, search, grid, original)
