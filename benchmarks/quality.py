"""How well each method orders sources whose labels it has not seen, side by side.

Repeated 5-fold cross-validation on simulated surveys, and on real cutouts where they are given:
the labels of one fold are hidden, everything that uses labels is fitted on the others, and the
hidden ones are ordered. What uses no labels (pixels, their principal components, features, an
embedding of pixels) sees all cutouts, as a team does.

With 3 % of the labels made wrong at random: how many of these stand among the first of
`label_suspicion`, and how much longer the order of inspection becomes.

How steady the region is: how alike are those of six random states, and those of six surveys from
which 1 % of the reliable sources are left out.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import bench
import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spurclust import (
    CutoutFeatures,
    ImageFlattener,
    InspectionRanker,
    SpuriousRegionDetector,
)
from spurclust.metrics import (
    average_precision,
    completeness_at_workload,
    work_saved_over_sampling,
    workload_at_completeness,
)
from spurclust.ranking import label_suspicion
from spurclust.region import component_counts, spurious_fractions
from spurclust.simulate import draw_strips, simulate_survey
from spurclust.steps import FEATURE_STEPS

N_FOLDS = 5
N_RESAMPLES = 200
RANDOM_STATE = 12

Method = Callable[[Any, Any, int], Any]
"""Takes rows, codes (-1 is hidden) and a random state, and returns a score per row."""

METRICS: dict[str, Callable[[Any, Any], float]] = {
    "area under the ROC curve": roc_auc_score,
    "average precision": average_precision,
    "workload at 90 %": lambda y, score: workload_at_completeness(y, score, completeness=0.9),
    "workload at 95 %": lambda y, score: workload_at_completeness(y, score, completeness=0.95),
    "completeness at 10 %": lambda y, score: completeness_at_workload(y, score, workload=0.1),
    "WSS at 95 %": lambda y, score: work_saved_over_sampling(y, score, completeness=0.95),
}
LEFT_OUT = "workload at 95 %, each field left out"

AREA, PRECISION = "area under the ROC curve", "average precision"
WORKLOAD, FOUND = "workload at 95 %", "completeness at 10 %"
RANKER, REGION = "InspectionRanker", "region on features, 20 components"
TARGETS = {
    "strips": (
        (RANKER, WORKLOAD, 0.060),
        (RANKER, LEFT_OUT, 0.075),
        (RANKER, FOUND, 0.98),
        (REGION, WORKLOAD, 0.060),
        (REGION, LEFT_OUT, 0.090),
    ),
    "cubes": ((RANKER, AREA, 0.993), (RANKER, PRECISION, 0.988)),
    "simulated": ((RANKER, WORKLOAD, 0.034), (RANKER, FOUND, 0.98)),
}
"""The workload at most, all else at least; cubes are of difference imaging."""

WRONG_SHARE = 0.03
"""Share of the labels that are made wrong, of both classes alike."""
LEAST_FOUND, MOST_LOST = 0.70, 0.20
"""Wrong labels among the first, twice as many as are wrong; added workload at 95 %."""

N_STATES, N_COMPONENTS, LEFT_SHARE = 6, 20, 0.01
LEAST_ALIKE, MOST_LARGER = 0.95, 1.15
"""Mean Jaccard similarity; the largest number of flagged divided by the smallest."""


def by_component(component: Any, codes: Any, seed: int) -> Any:  # noqa: ARG001
    """Score each source by the spurious fraction of its component."""
    counts = component_counts(component, codes, int(component.max()) + 1)
    return np.nan_to_num(spurious_fractions(counts))[component]


def by_region(n_components: int) -> Method:
    """Score sources by the spurious fraction of their position in an embedding of features."""

    def score(features: Any, codes: Any, seed: int) -> Any:
        region = region_of_features(n_components, seed).set_params(assignment="soft")
        return region.fit(features, codes).spurious_probability_

    return score


def region_of_features(n_components: int, seed: int) -> SpuriousRegionDetector:
    """Return a detector with the default steps, for features that are measured already."""
    return SpuriousRegionDetector(
        n_components,
        flatten="passthrough",
        reduce=clone(FEATURE_STEPS["reduce"]),
        unlabeled=-1,
        random_state=seed,
        n_jobs=-1,
    )


def by_classifier(classifier: Any) -> Method:
    """Score sources by the probability that a classifier predicts."""

    def score(rows: Any, codes: Any, seed: int) -> Any:
        known = codes >= 0
        if "random_state" in classifier.get_params():
            classifier.set_params(random_state=seed)
        return classifier.fit(rows[known], codes[known]).predict_proba(rows)[:, 1]

    return score


def by_isolation(rows: Any, codes: Any, seed: int) -> Any:  # noqa: ARG001
    """Score sources by how easily they are isolated; no label is used."""
    forest = IsolationForest(n_estimators=300, random_state=seed, n_jobs=-1)
    return -forest.fit(rows).score_samples(rows)


LOGISTIC = LogisticRegression(class_weight="balanced", max_iter=2000)
FOREST = RandomForestClassifier(500, class_weight="balanced_subsample", n_jobs=-1)
NEIGHBORS = KNeighborsClassifier(15, weights="distance", n_jobs=-1)

METHODS: dict[str, tuple[str, Method]] = {
    "original: region on pixels, 6 components": ("6 components", by_component),
    "region on pixels, 40 components": ("40 components", by_component),
    "region on features, 6 components": ("features", by_region(6)),
    "region on features, 20 components": ("features", by_region(20)),
    "InspectionRanker": ("features", by_classifier(InspectionRanker(n_jobs=-1))),
    "pixel PCA, logistic regression": (
        "pixel PCA",
        by_classifier(make_pipeline(StandardScaler(), LOGISTIC)),
    ),
    "pixel PCA, random forest": ("pixel PCA", by_classifier(FOREST)),
    "pixel PCA, 15 nearest neighbors": (
        "pixel PCA",
        by_classifier(make_pipeline(StandardScaler(), NEIGHBORS)),
    ),
    "pixel PCA, isolation forest (no labels)": ("pixel PCA", by_isolation),
}
"""Each method: the rows that it uses, and how it scores them."""


def prepare_rows(images: Any) -> tuple[dict[str, Any], dict[str, float]]:
    """Make what methods use without any label; also the seconds that each took."""
    rows, seconds = {}, {}

    def make(name: str, work: Callable[[], Any]) -> None:
        start = time.perf_counter()
        rows[name] = work()
        seconds[name] = time.perf_counter() - start

    settings = {"random_state": RANDOM_STATE, "n_jobs": -1}
    pixels = ImageFlattener().fit_transform(images)
    make("pixel PCA", lambda: PCA(50, random_state=RANDOM_STATE).fit_transform(pixels))
    make("features", lambda: CutoutFeatures(n_jobs=-1).fit_transform(images))
    any_labels = np.arange(len(images)) % 2
    for n in (6, 40):
        region = SpuriousRegionDetector(n, flatten=ImageFlattener(), **settings)
        make(f"{n} components", lambda region=region: region.fit(images, any_labels).component_)
    return rows, seconds


def held_out(method: Method, rows: Any, y: Any, splits: Any, seed: int) -> tuple[Any, float]:
    """Score the sources of each test fold with their labels hidden; also seconds of a fold."""
    score = np.empty(len(y))
    spent = []
    for train, test in splits:
        codes = np.full(len(y), -1)
        codes[train] = y[train]
        start = time.perf_counter()
        score[test] = method(rows, codes, seed)[test]
        spent.append(time.perf_counter() - start)
    return score, float(np.median(spent))


def with_interval(metric: Callable[[Any, Any], float], y: Any, scores: list[Any]) -> list[float]:
    """Return the mean over repeats, and the middle 95 % of resamples of the sources."""
    rng = np.random.default_rng(0)
    resampled = []
    for _ in range(N_RESAMPLES):
        chosen = rng.integers(0, len(y), len(y))
        if y[chosen].any():
            resampled.append(np.mean([metric(y[chosen], score[chosen]) for score in scores]))
    middle = float(np.mean([metric(y, score) for score in scores]))
    return [middle, *np.percentile(resampled, [2.5, 97.5]).tolist()]


def judge(images: Any, y: Any, repeats: int, groups: Any = None) -> Iterator[dict[str, Any]]:
    """Judge every method on one survey; one dict per method. Groups are left out one by one."""
    rows, seconds = prepare_rows(images)
    for name, (used, method) in METHODS.items():
        scores, spent = [], []
        for seed in range(repeats):
            splits = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(y, y)
            score, of_fold = held_out(method, rows[used], y, splits, seed)
            scores.append(score)
            spent.append(of_fold)
        result = {"method": name}
        result |= {key: with_interval(metric, y, scores) for key, metric in METRICS.items()}
        if groups is not None:
            splits = LeaveOneGroupOut().split(y, y, groups)
            score, _ = held_out(method, rows[used], y, splits, 0)
            result[LEFT_OUT] = with_interval(METRICS[WORKLOAD], y, [score])
        yield result | {"seconds": seconds[used] + float(np.median(spent))}


def spoil_labels(y: Any, seed: int) -> tuple[Any, Any]:
    """Return labels of which a share is wrong at random, and which these are."""
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(y), dtype=bool)
    wrong[rng.choice(len(y), round(WRONG_SHARE * len(y)), replace=False)] = True
    return np.where(wrong, 1 - y, y), wrong


def share_found(features: Any, given: Any, wrong: Any, seed: int) -> float:
    """Return the share of wrong labels among the most suspicious, twice as many as are wrong."""
    ranker = InspectionRanker(random_state=seed, n_jobs=-1).fit(features, given)
    suspicion = label_suspicion(given, ranker.inspection_probability_)
    first = np.argsort(-suspicion, kind="stable")[: 2 * wrong.sum()]
    return float(wrong[first].sum() / wrong.sum())


def judge_wrong_labels(images: Any, y: Any, repeats: int) -> list[float]:
    """Return the share found, and the workloads of right and of wrong labels; means of repeats."""
    features = CutoutFeatures(n_jobs=-1).fit_transform(images)
    method = METHODS["InspectionRanker"][1]
    found = []
    for seed in range(repeats):
        given, wrong = spoil_labels(y, seed)
        splits = [*StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(y, y)]
        workloads = [
            METRICS[WORKLOAD](y, held_out(method, features, labels, splits, seed)[0])
            for labels in (y, given)
        ]
        found.append([share_found(features, given, wrong, seed), *workloads])
    return np.mean(found, axis=0).tolist()


def format_wrong_labels(results: dict[str, list[float]]) -> str:
    """Write what wrong labels do on each survey."""
    outcomes = []
    for name, (found, right, wrong) in results.items():
        detail = f"{WORKLOAD} {right:.3f}, with wrong labels {wrong:.3f}"
        outcomes += [
            bench.at_least(f"{name}: wrong labels found", found, LEAST_FOUND, unit=""),
            bench.at_most(f"{name}: workload added", wrong / right - 1, MOST_LOST, "", detail),
        ]
    return bench.format_table(outcomes)


def flag_again(features: Any, y: Any, *, leave_out: bool) -> Any:
    """Flag with six random states, or with some reliable sources left out; a row for each."""
    rows = []
    for state in range(N_STATES):
        kept = np.ones(len(y), dtype=bool)
        if leave_out:
            reliable = np.flatnonzero(y == 0)
            rng = np.random.default_rng(state)
            kept[rng.choice(reliable, round(LEFT_SHARE * len(reliable)), replace=False)] = False
        region = region_of_features(N_COMPONENTS, 0 if leave_out else state)
        flagged = np.full(len(y), np.nan)
        flagged[kept] = region.fit(features[kept], y[kept]).flagged_
        rows.append(flagged)
    common = ~np.isnan(rows).any(axis=0)
    return np.array(rows)[:, common].astype(bool)


def judge_steadiness(name: str, images: Any, y: Any) -> list[bench.Outcome]:
    """Measure how alike the regions are."""
    features = CutoutFeatures(n_jobs=-1).fit_transform(images)
    outcomes = []
    for what, leave_out in ((f"{N_STATES} random states", False), ("1 % left out", True)):
        rows = flag_again(features, y, leave_out=leave_out)
        alike = [(a & b).sum() / max((a | b).sum(), 1) for a, b in combinations(rows, 2)]
        sizes = rows.sum(axis=1)
        detail = f"flagged: {', '.join(map(str, sizes))}"
        what, similarity = f"{name}, {what}", float(np.mean(alike))
        larger = float(sizes.max() / max(sizes.min(), 1))
        outcomes += [
            bench.at_least(f"{what}: similarity", similarity, LEAST_ALIKE, detail, unit=""),
            bench.at_most(f"{what}: largest to smallest", larger, MOST_LARGER, ""),
        ]
    return outcomes


def mean_results(results: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Average the metrics of several surveys, method by method; intervals span their means."""
    merged = []
    for of_method in zip(*results, strict=True):
        mean: dict[str, Any] = {"method": of_method[0]["method"]}
        for metric in METRICS:
            values = [result[metric][0] for result in of_method]
            mean[metric] = [float(np.mean(values)), min(values), max(values)]
        mean["seconds"] = float(np.mean([result["seconds"] for result in of_method]))
        merged.append(mean)
    return merged


def format_results(results: list[dict[str, Any]]) -> str:
    """Write the results of one survey, or the means over several, as a table."""
    lines = []
    for result in results:
        method, *values, seconds = result.values()
        cells = [f"{mean:.3f} ({low:.3f} to {high:.3f})" for mean, low, high in values]
        lines.append([method, *cells, f"{seconds:.1f}"])
    return bench.markdown_table(list(results[0]), lines)


def format_targets(kind: str, results: list[dict[str, Any]]) -> str:
    """Write which targets are reached."""
    by_method = {result["method"]: result for result in results}
    outcomes = []
    for method, metric, target in TARGETS[kind]:
        if metric not in by_method[method]:
            continue
        what, value = f"{method}, {metric}", by_method[method][metric][0]
        if metric in (WORKLOAD, LEFT_OUT):
            outcomes.append(bench.at_most(what, value, target, ""))
        else:
            outcomes.append(bench.at_least(what, value, target, unit=""))
    return bench.format_table(outcomes)


def print_results(title: str, kind: str, results: list[dict[str, Any]]) -> None:
    """Print the tables of one survey, or of the means over several."""
    tables = f"{format_results(results)}\n\n{format_targets(kind, results)}"
    print(f"## {title}\n\n{tables}\n", flush=True)


def compare_real(
    kind: str, folder: str, labels: str, group_column: str | None, repeats: int
) -> None:
    """Judge all methods on real strips or cubes; the uninspected are left out."""
    from spurclust.catalog import read_labels

    images, y, source_ids = bench.load_survey(folder, labels)
    known, groups = y >= 0, None
    if group_column:
        by_id = read_labels(labels).table.set_index("source_id")[group_column]
        groups = by_id.reindex(source_ids).astype(str).to_numpy()[known]
    results = list(judge(images[known], y[known], repeats, groups))
    title = f"{Path(folder).resolve().parent.name} (real): {known.sum()} sources"
    print_results(f"{title}, {(y == 1).sum()} spurious", kind, results)


def compare_simulated(seeds: Sequence[int], n_sources: int, n_spurious: int, repeats: int) -> None:
    """Judge all methods on simulated surveys, as drawn strips and as cubes of fluxes."""
    found: dict[str, list[list[dict[str, Any]]]] = {"strips": [], "cubes": []}
    for seed in seeds:
        drawn = simulate_survey(n_sources, n_spurious, random_state=seed, n_jobs=-1)
        for form, images in (("strips", draw_strips(drawn.cubes)), ("cubes", drawn.cubes)):
            found[form].append(list(judge(images, drawn.y, repeats)))
    for form, results in found.items():
        title = f"Simulated, {form}: {n_sources} sources, {n_spurious} spurious, seeds {[*seeds]}"
        means = mean_results(results)
        print_results(f"{title}; in brackets the range over the seeds", "simulated", means)


def compare_wrong_labels(
    real: str | None,
    labels: str | None,
    seeds: Sequence[int],
    n_sources: int,
    n_spurious: int,
    repeats: int,
) -> None:
    """Judge what wrong labels do to the order on real cutouts and on simulated surveys."""
    results = {}
    if real and labels:
        images, y, _ = bench.load_survey(real, labels)
        name = Path(real).resolve().parent.name
        results[name] = judge_wrong_labels(images[y >= 0], y[y >= 0], repeats)
    simulated = []
    for seed in seeds:
        drawn = simulate_survey(n_sources, n_spurious, random_state=seed, n_jobs=-1)
        simulated.append(judge_wrong_labels(draw_strips(drawn.cubes), drawn.y, repeats))
    if simulated:
        results["simulated"] = np.mean(simulated, axis=0).tolist()
    title = f"{100 * WRONG_SHARE:g} % of the labels wrong at random"
    print(f"## {title}\n\n{format_wrong_labels(results)}\n", flush=True)


def compare_steadiness(
    real: str | None, labels: str | None, seeds: Sequence[int], n_sources: int, n_spurious: int
) -> None:
    """Judge how steady the region is on real cutouts and on simulated surveys."""
    outcomes = []
    if real and labels:
        images, y, _ = bench.load_survey(real, labels)
        outcomes += judge_steadiness(Path(real).resolve().parent.name, images, y)
    for seed in seeds:
        drawn = simulate_survey(n_sources, n_spurious, random_state=seed, n_jobs=-1)
        outcomes += judge_steadiness(f"simulated, seed {seed}", draw_strips(drawn.cubes), drawn.y)
    title = f"Steadiness: {N_COMPONENTS} components on features, all labels"
    print(f"## {title}\n\n{bench.format_table(outcomes)}\n", flush=True)


def compare(
    real: str | None = None,
    labels: str | None = None,
    group_column: str | None = None,
    cubes: str | None = None,
    cube_labels: str | None = None,
    seeds: tuple[int, ...] = (1, 2, 3),
    n_sources: int = 1816,
    n_spurious: int = 57,
    repeats: int = 3,
    only: tuple[str, ...] = ("methods", "labels", "steadiness"),
) -> None:
    """Judge all methods, what wrong labels do, and how steady the region is; print tables."""
    if real and labels and "methods" in only:
        compare_real("strips", real, labels, group_column, repeats)
    if cubes and cube_labels and "methods" in only:
        compare_real("cubes", cubes, cube_labels, None, repeats)
    if seeds and "methods" in only:
        compare_simulated(seeds, n_sources, n_spurious, repeats)
    if "labels" in only:
        compare_wrong_labels(real, labels, seeds, n_sources, n_spurious, repeats)
    if "steadiness" in only:
        compare_steadiness(real, labels, seeds, n_sources, n_spurious)
    print(
        f"{repeats} x {N_FOLDS}-fold cross-validation, means; in brackets the middle 95 % of "
        f"{N_RESAMPLES} resamples of the sources, unless it says otherwise. Seconds: making the "
        f"rows and fitting once.\n{bench.conditions()}"
    )


if __name__ == "__main__":
    compare(**bench.parse_options(compare))
