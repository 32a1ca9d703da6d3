"""The numbers and pictures of the page "How good is my region?"."""

import argparse
from bisect import bisect_left
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from sklearn.model_selection import cross_validate

from spurclust import ImageFlattener, SpuriousRegionDetectorCV
from spurclust.catalog import match_labels, read_labels
from spurclust.cutouts import read_cutouts
from spurclust.metrics import (
    binomial_interval,
    confidence_sequence,
    get_scorer,
    inspections_needed,
    remaining_upper_bound,
    work_saved_over_sampling,
    workload_at_completeness,
)
from spurclust.plots import CompletenessDisplay, StabilityDisplay, TuningDisplay, save_figure
from spurclust.tuning import InspectedStratifiedKFold, flag_stability

COMMON: dict[str, Any] = {"unlabeled": -1, "random_state": 12}


def make_search(**settings: Any) -> SpuriousRegionDetectorCV:
    """Return a search with the folds of this page."""
    folds = InspectedStratifiedKFold(5, n_repeats=5, **COMMON)
    return SpuriousRegionDetectorCV(**settings, cv=folds, n_jobs=-1, **COMMON)


def print_metrics(search: SpuriousRegionDetectorCV, y: Any) -> None:
    """Print the in-sample metrics of a search's choice, and the held-out ones."""
    flagged, spurious = search.best_estimator_.flagged_, y == 1
    held, n_spurious = int((flagged & spurious).sum()), int(spurious.sum())
    rows = [
        ("in-sample", flagged.mean()),
        ("completeness", held / n_spurious, binomial_interval(held, n_spurious)),
        ("held out", search.workload_),
        ("completeness", search.completeness_, search.completeness_interval_),
        ("purity", search.purity_, search.purity_interval_),
    ]
    for name, value, *interval in rows:
        if interval:
            low, high = interval[0]
            print(f"  {name:<14}{value:.3f}  ({low:.3f} to {high:.3f})")
        else:
            print(f" {name}, workload {value:.3f}")


def print_audit(n_unflagged: int) -> None:
    """Print how many inspections of unflagged sources prove how much, and the price of looking."""
    print(f"\n5. An audit of {n_unflagged} unflagged sources")
    n = inspections_needed(n_unflagged, 10)
    print(f" {n} inspections prove that at most 10 spurious remain, if none is found")
    _, high = confidence_sequence(n_unflagged, n, 3)
    print(f" if 3 are found among them: at most {high - 3} remain")
    fixed = bisect_left(
        range(n_unflagged), -10, key=lambda n: -remaining_upper_bound(n_unflagged, n, 0)
    )
    print(f" with a size fixed beforehand: {fixed} inspections, if none is found")
    print(f" if 3 are found among them: at most {remaining_upper_bound(n_unflagged, n, 3)} remain")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("labels")
    parser.add_argument("--images", type=Path, default=Path(__file__).parent / "images")
    args = parser.parse_args()
    mpl.use("Agg")
    cutouts = read_cutouts(args.folder, n_jobs=-1)
    X, y = cutouts.images, match_labels(read_labels(args.labels), cutouts.source_ids).y
    print(f"{len(y)} sources, {int((y == 1).sum())} known spurious\n")

    original = {"n_components": 6, "threshold": 0.05, "workload": 1.0}
    print("1. Six components, threshold 0.05, on pixels: the original method")
    print_metrics(make_search(flatten=ImageFlattener(), **original).fit(X, y), y)
    print("\n Six components, threshold 0.05, on features")
    fixed = make_search(**original).fit(X, y)
    print_metrics(fixed, y)

    print("\n2. On features, chosen among 100 settings for a completeness of 0.95")
    tuned = make_search().fit(X, y)
    print(f" chosen: {tuned.best_params_}")
    print_metrics(tuned, y)
    table = tuned.best_estimator_.components_
    for row in table[table["n_spurious"] > 0].itertuples():
        where = "in the region" if row.in_region else "not in the region"
        print(f" component {row.Index}: {row.n_spurious} of {row.n_inspected} spurious, {where}")
    probability = tuned.held_out_probability_
    print(f" workload at completeness 0.95: {workload_at_completeness(y, probability):.3f}")
    print(f" work saved over sampling: {work_saved_over_sampling(y, probability):.3f}")
    save_figure(CompletenessDisplay.from_estimator(tuned, y), args.images / "completeness.png")
    save_figure(TuningDisplay.from_estimator(tuned), args.images / "tuning.png")

    print("\n3. On features, the choice itself cross-validated, unseen sources")
    scoring = {name: get_scorer(name) for name in ("completeness", "neg_workload")}
    folds = InspectedStratifiedKFold(5, **COMMON)
    nested = cross_validate(make_search(protocol="transductive"), X, y, cv=folds, scoring=scoring)
    print(f" completeness {nested['test_completeness'].mean():.3f}", end=", ")
    print(f"workload {-nested['test_neg_workload'].mean():.3f}")

    print("\n4. Stability of six components on features: 5 starting points, 3 perplexities")
    share = flag_stability(X, y, fixed.best_estimator_, n_jobs=-1)
    always, never = (share == 1).mean(), (share == 0).mean()
    print(f" always flagged {always:.3f}, never {never:.3f}, sometimes {1 - always - never:.3f}")
    known = share[y == 1]
    print(f" known spurious: always {np.mean(known == 1):.3f}, never {np.mean(known == 0):.3f}")
    display = StabilityDisplay(fixed.best_estimator_.embedding_, share, y).plot()
    save_figure(display, args.images / "stability.png")
    print_audit(int((~fixed.best_estimator_.flagged_).sum()))


if __name__ == "__main__":
    main()
