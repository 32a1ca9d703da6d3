"""How well each method orders sources that it has not been told about, side by side.

Repeated 5-fold cross-validation on simulated surveys, and on real cutouts where they are given:
the labels of one fold are hidden, everything that uses labels is fitted on the others, and the
hidden ones are ordered. What uses no labels (pixels, their principal components, features, an
embedding of pixels) sees all cutouts, as a team does.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measure import conditions
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spurclust import (
    CutoutFeatures,
    ImageFlattener,
    InspectionRanker,
    PixelPCA,
    SpuriousRegionDetector,
)
from spurclust.metrics import (
    average_precision,
    completeness_at_workload,
    work_saved_over_sampling,
    workload_at_completeness,
)
from spurclust.region import component_counts, spurious_fractions
from spurclust.simulate import draw_strips, simulate_survey

N_FOLDS = 5
N_RESAMPLES = 200
RANDOM_STATE = 12
FIGURES: dict[str, Callable[[Any, Any], float]] = {
    "average precision": average_precision,
    "workload at 90 %": lambda y, score: workload_at_completeness(y, score, completeness=0.9),
    "workload at 95 %": lambda y, score: workload_at_completeness(y, score, completeness=0.95),
    "completeness at 10 %": lambda y, score: completeness_at_workload(y, score, workload=0.1),
    "WSS at 95 %": lambda y, score: work_saved_over_sampling(y, score, completeness=0.95),
}
TARGETS = {
    ("real", "InspectionRanker", "workload at 95 %"): ("at most", 0.07),
    ("real", "region on features, 20 components", "workload at 95 %"): ("at most", 0.20),
    ("real", "InspectionRanker", "completeness at 10 %"): ("at least", 0.98),
    ("simulated", "InspectionRanker", "workload at 95 %"): ("at most", 0.04),
    ("simulated", "InspectionRanker", "completeness at 10 %"): ("at least", 0.98),
}


class Survey(NamedTuple):
    """Cutouts with labels, and the group of each where they have one."""

    name: str
    images: Any
    y: Any
    groups: Any = None


class Rows(NamedTuple):
    """What is made of the cutouts without any label, and the seconds that each took."""

    pixels: Any
    features: Any
    embedded: dict[int, Any]
    seconds: dict[str, float]


def prepare(images: Any, n_jobs: int) -> Rows:
    """Make principal components of the pixels, features, and embeddings of the pixels."""
    seconds = {}
    start = time.perf_counter()
    pixels = PixelPCA(50, random_state=RANDOM_STATE, n_jobs=n_jobs).fit_transform(
        ImageFlattener().fit_transform(images)
    )
    seconds["pixels"] = time.perf_counter() - start
    start = time.perf_counter()
    features = CutoutFeatures(n_jobs=n_jobs).fit_transform(images)
    seconds["features"] = time.perf_counter() - start
    embedded = {}
    for n_components in (6, 40):
        start = time.perf_counter()
        region = SpuriousRegionDetector(
            n_components, reduce="passthrough", random_state=RANDOM_STATE, n_jobs=n_jobs
        )
        embedded[n_components] = region.fit(pixels, np.arange(len(pixels)) % 2).component_
        seconds[f"embedding {n_components}"] = seconds["pixels"] + time.perf_counter() - start
    return Rows(pixels, features, embedded, seconds)


def by_component(rows: Rows, n_components: int, codes: Any, n_jobs: int, seed: int) -> Any:  # noqa: ARG001
    """Give each source the spurious fraction of its component, in an embedding of the pixels."""
    component = rows.embedded[n_components]
    counts = component_counts(component, codes, int(component.max()) + 1)
    return np.nan_to_num(spurious_fractions(counts))[component]


def by_feature_region(rows: Rows, n_components: int, codes: Any, n_jobs: int, seed: int) -> Any:
    """Give each source the spurious fraction of its place in an embedding of the features."""
    from spurclust.embedding import GuidedProjection

    region = SpuriousRegionDetector(
        n_components,
        flatten="passthrough",
        reduce=GuidedProjection(),
        assignment="soft",
        unlabeled=-1,
        random_state=seed,
        n_jobs=n_jobs,
    )
    return region.fit(rows.features, codes).spurious_probability_


def by_classifier(
    rows: Any, make: Callable[[int, int], Any], codes: Any, n_jobs: int, seed: int
) -> Any:
    """Give each source the probability that a classifier gives it."""
    known = codes >= 0
    model = make(n_jobs, seed).fit(rows[known], codes[known])
    return model.predict_proba(rows)[:, 1]


def by_isolation(rows: Rows, codes: Any, n_jobs: int, seed: int) -> Any:  # noqa: ARG001
    """Give each source the ease with which it is isolated; no label is used."""
    forest = IsolationForest(n_estimators=300, random_state=seed, n_jobs=n_jobs)
    return -forest.fit(rows.pixels).score_samples(rows.pixels)


def ranker(n_jobs: int, seed: int) -> Any:
    """Make the ranker."""
    return InspectionRanker(random_state=seed, n_jobs=n_jobs)


def logistic(n_jobs: int, seed: int) -> Any:  # noqa: ARG001
    """Make a logistic regression."""
    return make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000)
    )


def forest(n_jobs: int, seed: int) -> Any:
    """Make a random forest."""
    return RandomForestClassifier(
        500, class_weight="balanced_subsample", random_state=seed, n_jobs=n_jobs
    )


def neighbours(n_jobs: int, seed: int) -> Any:  # noqa: ARG001
    """Make a vote of the nearest neighbours."""
    return make_pipeline(
        StandardScaler(), KNeighborsClassifier(15, weights="distance", n_jobs=n_jobs)
    )


METHODS: dict[str, tuple[str, Callable[..., Any]]] = {
    "original: region on pixels, 6 components": (
        "embedding 6",
        lambda rows, *rest: by_component(rows, 6, *rest),
    ),
    "region on pixels, 40 components": (
        "embedding 40",
        lambda rows, *rest: by_component(rows, 40, *rest),
    ),
    "region on features, 6 components": (
        "features",
        lambda rows, *rest: by_feature_region(rows, 6, *rest),
    ),
    "region on features, 20 components": (
        "features",
        lambda rows, *rest: by_feature_region(rows, 20, *rest),
    ),
    "InspectionRanker": (
        "features",
        lambda rows, *rest: by_classifier(rows.features, ranker, *rest),
    ),
    "pixel PCA, logistic regression": (
        "pixels",
        lambda rows, *rest: by_classifier(rows.pixels, logistic, *rest),
    ),
    "pixel PCA, random forest": (
        "pixels",
        lambda rows, *rest: by_classifier(rows.pixels, forest, *rest),
    ),
    "pixel PCA, 15 nearest neighbours": (
        "pixels",
        lambda rows, *rest: by_classifier(rows.pixels, neighbours, *rest),
    ),
    "pixel PCA, isolation forest (no labels)": ("pixels", by_isolation),
}


def held_out(
    method: Callable[..., Any], rows: Rows, y: Any, splits: Any, n_jobs: int, seed: int
) -> tuple[Any, float]:
    """Order the sources of each test fold with their labels hidden; also seconds of a fold."""
    score = np.empty(len(y))
    spent = []
    for train, test in splits:
        codes = np.full(len(y), -1)
        codes[train] = y[train]
        start = time.perf_counter()
        score[test] = method(rows, codes, n_jobs, seed)[test]
        spent.append(time.perf_counter() - start)
    return score, float(np.median(spent))


def with_interval(figure: Callable[[Any, Any], float], y: Any, scores: list[Any]) -> list[float]:
    """Return the mean over repeats, and the middle 95 % of resamples of the sources."""
    rng = np.random.default_rng(0)
    resampled = []
    for _ in range(N_RESAMPLES):
        chosen = rng.integers(0, len(y), len(y))
        if y[chosen].any():
            resampled.append(np.mean([figure(y[chosen], score[chosen]) for score in scores]))
    middle = float(np.mean([figure(y, score) for score in scores]))
    return [middle, *np.percentile(resampled, [2.5, 97.5]).tolist()]


def judge(survey: Survey, n_repeats: int, n_jobs: int) -> Iterator[dict[str, Any]]:
    """Judge every method on one survey; one dict a method."""
    rows = prepare(survey.images, n_jobs)
    for name, (made, method) in METHODS.items():
        scores, spent = [], []
        for seed in range(n_repeats):
            folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
            splits = list(folds.split(survey.y, survey.y))
            score, seconds = held_out(method, rows, survey.y, splits, n_jobs, seed)
            scores.append(score)
            spent.append(seconds)
        result = {figure: with_interval(f, survey.y, scores) for figure, f in FIGURES.items()}
        result |= {"survey": survey.name, "method": name}
        result["seconds"] = rows.seconds[made] + float(np.median(spent))
        if survey.groups is not None:
            splits = LeaveOneGroupOut().split(survey.y, survey.y, survey.groups)
            score, _ = held_out(method, rows, survey.y, list(splits), n_jobs, 0)
            result["left out"] = with_interval(FIGURES["workload at 95 %"], survey.y, [score])
        yield result


def simulated_surveys(
    seeds: list[int], n_sources: int, n_spurious: int, n_jobs: int
) -> Iterator[Survey]:
    """Simulate surveys, each in two looks: as drawn strips and as cubes of fluxes."""
    for seed in seeds:
        drawn = simulate_survey(n_sources, n_spurious, random_state=seed, n_jobs=n_jobs)
        yield Survey(f"simulated {seed}, strips", draw_strips(drawn.cubes), drawn.y)
        yield Survey(f"simulated {seed}, cubes", drawn.cubes, drawn.y)


def real_survey(folder: str, labels: str, group_column: str | None) -> Survey:
    """Read cutouts and labels; the uninspected are left out."""
    from spurclust.catalog import match_labels, read_labels
    from spurclust.cutouts import read_cutouts

    cutouts = read_cutouts(folder)
    table = read_labels(labels)
    y = match_labels(table, cutouts.source_ids).y
    groups = None
    if group_column:
        by_id = dict(zip(table.table["source_id"], table.table[group_column], strict=True))
        groups = np.array([str(by_id.get(source_id)) for source_id in cutouts.source_ids])[y >= 0]
    name = Path(folder).resolve().parent.name
    return Survey(f"{name} (real)", cutouts.images[y >= 0], y[y >= 0], groups)


def format_table(results: list[dict[str, Any]]) -> str:
    """Write the results of one survey, or the means over several, as a table."""
    extra = ["left out"] if "left out" in results[0] else []
    names = [*FIGURES, *extra]
    heads = ["method", *FIGURES, *(["workload at 95 %, each field left out"] if extra else [])]
    lines = ["| " + " | ".join([*heads, "seconds"]) + " |", "|---" * (len(heads) + 1) + "|"]
    for result in results:
        cells = [f"{m:.3f} ({low:.3f} to {high:.3f})" for m, low, high in map(result.get, names)]
        lines.append(
            f"| {result['method']} | " + " | ".join(cells) + f" | {result['seconds']:.1f} |"
        )
    return "\n".join(lines)


def mean_results(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Average the figures of several surveys, method by method; intervals span their means."""
    merged = []
    for method in METHODS:
        own = [result for result in results if result["method"] == method]
        mean: dict[str, Any] = {"method": method}
        for figure in FIGURES:
            values = np.array([result[figure] for result in own])
            mean[figure] = [values[:, 0].mean(), values[:, 0].min(), values[:, 0].max()]
        mean["seconds"] = float(np.mean([result["seconds"] for result in own]))
        merged.append(mean)
    return merged


def format_targets(kind: str, results: list[dict[str, Any]]) -> str:
    """Say which targets are reached."""
    lines = []
    for (where, method, figure), (relation, target) in TARGETS.items():
        for result in results:
            if where == kind and result["method"] == method:
                measured = result[figure][0]
                held = measured <= target if relation == "at most" else measured >= target
                verdict = "PASS" if held else "**FAILS**"
                lines.append(
                    f"| {method}, {figure} | {measured:.3f} | {relation} {target} | {verdict} |"
                )
    return "\n".join(["| what | measured | target | |", "|---|---|---|---|", *lines])


def main() -> None:
    """Judge all methods and print one table a survey."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", metavar="FOLDER", help="folder of real cutouts")
    parser.add_argument("--labels", help="their labels")
    parser.add_argument("--group-column", help="column by which to leave whole groups out")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--n-sources", type=int, default=1816)
    parser.add_argument("--n-spurious", type=int, default=57)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=-1)
    args = parser.parse_args()
    if args.real:
        survey = real_survey(args.real, args.labels, args.group_column)
        results = list(judge(survey, args.repeats, args.jobs))
        print(f"## {survey.name}: {len(survey.y)} sources, {survey.y.sum()} spurious\n")
        print(format_table(results) + "\n\n" + format_targets("real", results) + "\n", flush=True)
    if args.seeds:
        every: dict[str, list[dict[str, Any]]] = {}
        for survey in simulated_surveys(args.seeds, args.n_sources, args.n_spurious, args.jobs):
            look = survey.name.rsplit(", ", 1)[1]
            every.setdefault(look, []).extend(judge(survey, args.repeats, args.jobs))
        for look, results in every.items():
            means = mean_results(results)
            print(
                f"## Simulated, {look}: {args.n_sources} sources, {args.n_spurious} spurious, "
                f"seeds {args.seeds}; in brackets the range over the seeds\n"
            )
            print(
                format_table(means) + "\n\n" + format_targets("simulated", means) + "\n", flush=True
            )
    print(
        f"{args.repeats} x {N_FOLDS}-fold cross-validation, means; in brackets the middle 95 % of "
        f"{N_RESAMPLES} resamples of the sources, unless it says otherwise. Seconds: making the "
        "rows and fitting once."
    )
    print(conditions())


if __name__ == "__main__":
    main()
