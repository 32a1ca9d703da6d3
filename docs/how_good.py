"""The figures and pictures of the page "How good is my region?"."""

import argparse
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from sklearn.model_selection import cross_validate

from spurclust import SpuriousRegionDetectorCV
from spurclust.catalog import match_labels, read_labels
from spurclust.cutouts import read_cutouts
from spurclust.metrics import (
    audit_sample_size,
    binomial_interval,
    get_scorer,
    remaining_upper_bound,
    work_saved_over_sampling,
    workload_at_completeness,
)
from spurclust.plots import CompletenessDisplay, StabilityDisplay, TuningDisplay, save_figure
from spurclust.tuning import InspectedStratifiedKFold, flag_stability

SEED = 12


def search_of(**settings: Any) -> SpuriousRegionDetectorCV:
    """Make a search with the folds of this page."""
    folds = InspectedStratifiedKFold(5, n_repeats=5, unlabeled=-1, random_state=SEED)
    return SpuriousRegionDetectorCV(
        **settings, cv=folds, unlabeled=-1, random_state=SEED, n_jobs=-1
    )


def say(name: str, value: float, interval: tuple[float, float]) -> None:
    """Print a fraction with its interval."""
    print(f"  {name:<14}{value:.3f}  ({interval[0]:.3f} to {interval[1]:.3f})")


def say_both(search: SpuriousRegionDetectorCV, y: Any) -> None:
    """Print the in-sample figures of a search's choice, and the held-out ones."""
    flagged, spurious = search.best_estimator_.flagged_, y == 1
    held = int((flagged & spurious).sum())
    n_spurious = int(spurious.sum())
    low, high = binomial_interval(held, n_spurious)
    print(f" in-sample, workload {flagged.mean():.3f}")
    say("completeness", held / n_spurious, (float(low), float(high)))
    print(f" held out, workload {search.workload_:.3f}")
    say("completeness", search.completeness_, search.completeness_interval_)
    say("purity", search.purity_, search.purity_interval_)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("labels")
    parser.add_argument("--images", type=Path, default=Path(__file__).parent / "images")
    args = parser.parse_args()
    mpl.use("Agg")
    cutouts = read_cutouts(args.folder, n_jobs=-1)
    labels = match_labels(read_labels(args.labels), cutouts.source_ids)
    X, y = cutouts.images, labels.y
    print(f"{len(y)} sources, {int((y == 1).sum())} known spurious\n")

    print("1. Six components, threshold 0.05")
    fixed = search_of(n_components=6, threshold=0.05, workload=1.0).fit(X, y)
    say_both(fixed, y)

    print("\n2. Chosen among 100 settings for a completeness of 0.95")
    tuned = search_of().fit(X, y)
    print(f" chosen: {tuned.best_params_}")
    say_both(tuned, y)
    table = tuned.best_estimator_.components_
    for row in table[table["n_spurious"] > 0].itertuples():
        where = "in the region" if row.in_region else "not in the region"
        print(f" component {row.Index}: {row.n_spurious} of {row.n_inspected} spurious, {where}")
    probability = tuned.held_out_probability_
    print(f" workload at completeness 0.95: {workload_at_completeness(y, probability):.3f}")
    print(f" work saved over sampling: {work_saved_over_sampling(y, probability):.3f}")
    save_figure(CompletenessDisplay.from_estimator(tuned, y), args.images / "completeness.png")
    save_figure(TuningDisplay.from_estimator(tuned), args.images / "tuning.png")

    print("\n3. The choice itself cross-validated, unseen sources")
    scoring = {name: get_scorer(name) for name in ("completeness", "neg_workload")}
    folds = InspectedStratifiedKFold(5, unlabeled=-1, random_state=SEED)
    nested = cross_validate(search_of(protocol="transductive"), X, y, cv=folds, scoring=scoring)
    print(f" completeness {nested['test_completeness'].mean():.3f}", end=", ")
    print(f"workload {-nested['test_neg_workload'].mean():.3f}")

    print("\n4. Stability of the first setting: 5 starting points, 3 perplexities")
    share = flag_stability(X, y, fixed.best_estimator_, n_jobs=-1)
    always, never = (share == 1).mean(), (share == 0).mean()
    print(f" always flagged {always:.3f}, never {never:.3f}, sometimes {1 - always - never:.3f}")
    spurious = share[y == 1]
    print(
        f" known spurious: always {np.mean(spurious == 1):.3f}, never {np.mean(spurious == 0):.3f}"
    )
    display = StabilityDisplay(fixed.best_estimator_.embedding_, share, y).plot()
    save_figure(display, args.images / "stability.png")

    say_audit(int((~fixed.best_estimator_.flagged_).sum()))


def say_audit(n_unflagged: int) -> None:
    """Say how many looks at unflagged sources prove how much."""
    print(f"\n5. An audit of {n_unflagged} unflagged sources")
    n = audit_sample_size(n_unflagged, 10)
    print(f" {n} looks prove that at most 10 spurious remain, if none is found")
    print(f" if 3 are found among them: at most {remaining_upper_bound(n_unflagged, n, 3)} remain")


if __name__ == "__main__":
    main()
