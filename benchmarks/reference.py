"""How large a reference set: completeness on sources nobody has inspected, by what was fitted.

Simulated surveys in which a part is inspected. The region is fitted on all inspected sources and
some others, and judged on the truth of all sources without a label.
"""

import argparse
import time
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
from measure import conditions, peak_memory
from numpy.typing import NDArray

from spurclust import CutoutFeatures, SpuriousRegionDetector, choose_reference
from spurclust.simulate import simulate_survey

METHODS = ("random", "diverse")


class Result(NamedTuple):
    """What one region does on the sources without a label."""

    completeness: float
    purity: float
    workload: float
    novel: float
    seconds: float


def inspected_labels(truth: NDArray[Any], n_inspected: int, seed: int) -> NDArray[Any]:
    """Uncover the labels of some sources, drawn at random, at least one of them spurious."""
    rng = np.random.default_rng(seed)
    shown = rng.permutation(len(truth))[:n_inspected]
    y = np.full(len(truth), -1)
    y[shown] = truth[shown]
    y[np.flatnonzero(truth == 1)[0]] = 1
    return y


def judge(
    rows: NDArray[Any], truth: NDArray[Any], y: NDArray[Any], chosen: NDArray[Any], n_jobs: int
) -> Result:
    """Fit on some of the sources and judge on those without a label."""
    detector = SpuriousRegionDetector(
        20,
        flatten="passthrough",
        reduce=guided(n_jobs),
        unlabeled=-1,
        random_state=12,
        n_jobs=n_jobs,
    )
    start = time.perf_counter()
    detector.fit(rows[chosen], y[chosen])
    seconds = time.perf_counter() - start
    hidden = y == -1
    assignment = detector.assign(rows[hidden])
    flagged = assignment.spurious_probability >= detector.threshold
    spurious = truth[hidden] == 1
    found = int((flagged & spurious).sum())
    return Result(
        found / spurious.sum(),
        found / max(flagged.sum(), 1),
        flagged.mean(),
        (assignment.novelty > 1).mean(),
        seconds,
    )


def guided(n_jobs: int) -> Any:
    """Make the step that the detector takes for features."""
    from spurclust import GuidedProjection

    return GuidedProjection(unlabeled=-1, random_state=12, n_jobs=n_jobs)


def measure(args: argparse.Namespace) -> dict[tuple[str, str], list[Result]]:
    """Judge every size and method on every survey."""
    results: dict[tuple[str, str], list[Result]] = {}
    for seed in range(1, args.seeds + 1):
        n_spurious = round(args.share * args.sources)
        survey = simulate_survey(args.sources, n_spurious, random_state=seed, n_jobs=args.jobs)
        rows = CutoutFeatures(n_jobs=args.jobs).fit_transform(survey.cubes)
        y = inspected_labels(survey.y, args.inspected, seed)
        n_known = int((y >= 0).sum())
        for size in (n_known, *args.sizes, args.sources):
            for method in METHODS if n_known < size < args.sources else METHODS[:1]:
                chosen = choose_reference(y, size, method=method, rows=rows, random_state=seed)
                name = {n_known: "the inspected", args.sources: "all"}.get(size, f"{size:,}")
                key = (name, method if size not in (n_known, args.sources) else "")
                done = judge(rows, survey.y, y, chosen, args.jobs)
                results.setdefault(key, []).append(done)
    return results


def format_results(results: dict[tuple[str, str], list[Result]]) -> str:
    """Make a Markdown table of means, with the range over the surveys."""
    lines = [
        "| fitted on | others drawn | completeness | purity | workload | novelty above 1 | fit |",
        "|---|---|---|---|---|---|---|",
    ]
    for (size, method), runs in results.items():
        cells = [_span([run[k] for run in runs]) for k in range(4)]
        seconds = mean(run.seconds for run in runs)
        lines.append(f"| {size} | {method} | {' | '.join(cells)} | {seconds:.1f} s |")
    return "\n".join(lines)


def _span(values: list[float]) -> str:
    """Say a mean and a range."""
    return f"{mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=8000, help="default: %(default)s")
    parser.add_argument("--inspected", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--share", type=float, default=0.03, help="spurious (default: %(default)s)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[2000, 4000])
    parser.add_argument("--seeds", type=int, default=3, help="surveys (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=-1, help="threads (default: %(default)s)")
    args = parser.parse_args()
    results = measure(args)
    print(
        f"Surveys of {args.sources:,} sources, {args.share:.0%} spurious, {args.inspected:,} "
        f"inspected; {args.seeds} of them: means and ranges, on the sources without a label\n"
    )
    print(format_results(results))
    print(f"\nPeak memory {peak_memory():.1f} GB. {conditions()}")


if __name__ == "__main__":
    main()
