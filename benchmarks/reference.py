"""How large a reference set: completeness on uninspected sources, by what was fitted.

Simulated surveys in which a part is inspected. The region is fitted on all inspected sources and
some others, and judged on the truth of all sources without a label.
"""

import time
from statistics import mean
from typing import Any

import bench
import numpy as np
from numpy.typing import NDArray

from spurclust import CutoutFeatures, GuidedProjection, SpuriousRegionDetector, choose_reference
from spurclust.region import is_flagged
from spurclust.simulate import simulate_survey

METHODS = ("random", "diverse")
HEAD = ("fitted on", "others drawn", "completeness", "purity", "workload", "novelty above 1", "fit")


def inspected_labels(truth: NDArray[Any], n_inspected: int, seed: int) -> NDArray[Any]:
    """Uncover the labels of some random sources, at least one of them spurious."""
    shown = np.random.default_rng(seed).permutation(len(truth))[:n_inspected]
    y = np.full(len(truth), -1)
    y[shown] = truth[shown]
    y[np.flatnonzero(truth == 1)[0]] = 1
    return y


def judge(
    rows: NDArray[Any], truth: NDArray[Any], y: NDArray[Any], chosen: NDArray[Any], jobs: int
) -> list[float]:
    """Fit on some of the sources; the metrics on those without a label, and the seconds."""
    settings = {"unlabeled": -1, "random_state": 12, "n_jobs": jobs}
    detector = SpuriousRegionDetector(
        20, flatten="passthrough", reduce=GuidedProjection(**settings), **settings
    )
    start = time.perf_counter()
    detector.fit(rows[chosen], y[chosen])
    seconds = time.perf_counter() - start
    hidden = y == -1
    assignment = detector.assign(rows[hidden])
    flagged = is_flagged(assignment.spurious_probability, detector.threshold)
    spurious = truth[hidden] == 1
    found = int((flagged & spurious).sum())
    novel = float((assignment.novelty > 1).mean())
    purity = found / max(int(flagged.sum()), 1)
    return [found / int(spurious.sum()), purity, float(flagged.mean()), novel, seconds]


def compare(
    sources: int = 8000,
    inspected: int = 1000,
    share: float = 0.03,
    sizes: tuple[int, ...] = (2000, 4000),
    seeds: int = 3,
    jobs: int = -1,
) -> None:
    """Judge every size and method on every survey, and print means and ranges."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for seed in range(1, seeds + 1):
        survey = simulate_survey(sources, round(share * sources), random_state=seed, n_jobs=jobs)
        rows = CutoutFeatures(n_jobs=jobs).fit_transform(survey.cubes)
        y = inspected_labels(survey.y, inspected, seed)
        n_known = int((y >= 0).sum())
        wanted = [(f"{size:,}", method, size) for size in sizes for method in METHODS]
        for name, method, size in [
            ("the inspected", "", n_known),
            *wanted,
            ("all", "", sources),
        ]:
            chosen = choose_reference(
                y, size, method=method or "random", rows=rows, random_state=seed
            )
            run = judge(rows, survey.y, y, chosen, jobs)
            found.setdefault((name, method), []).append(run)
    lines = []
    for names, runs in found.items():
        *metrics, seconds = zip(*runs, strict=True)
        cells = [f"{mean(each):.3f} ({min(each):.3f} to {max(each):.3f})" for each in metrics]
        lines.append([*names, *cells, f"{mean(seconds):.1f} s"])
    table = bench.markdown_table(HEAD, lines)
    print(
        f"Surveys of {sources:,} sources, {share:.0%} spurious, {inspected:,} inspected; {seeds} "
        f"of them: means and ranges, on the sources without a label\n\n{table}\n\n"
        f"Peak memory {bench.peak_memory():.1f} GB. {bench.conditions()}"
    )


if __name__ == "__main__":
    compare(**bench.parse_options(compare))
