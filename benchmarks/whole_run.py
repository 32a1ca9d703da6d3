"""`spurclust run` as a whole process, against the original steps as one script."""

import tempfile
from functools import partial
from pathlib import Path

from measure import (
    Outcome,
    at_least,
    for_information,
    interleaved,
    median_of,
    require,
    run_script,
)
from notebook import BARE, held_with_flagged, judge_quality, run_original, run_spurclust

TIMES_FASTER, TIMES_SMALLER = 25, 10
MOST_JUDGED = 5_000
"""The judge needs all distances between the sources, and their eigenvectors."""


def measure(
    folder: str, labels: str, repeats: int = 3, repeats_original: int = 3, perplexity: float = 50.0
) -> list[Outcome]:
    """Compare both, the original at most as often."""
    require("PIL", "openpyxl", "skops", "astropy")
    n_sources = len(list(Path(folder).glob("*.png")))
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        original = partial(run_original, folder, labels, out, perplexity)
        spurclust = partial(run_spurclust, folder, labels, out, perplexity)
        n_both = min(repeats, repeats_original)
        theirs, ours = interleaved(n_both, original, spurclust)
        each = [ours._replace(seconds=seconds) for seconds in ours.each]
        ours = median_of([*each, *(spurclust() for _ in range(repeats - n_both))])
        quality = judge_quality(folder, out) if n_sources <= MOST_JUDGED else []
        default = spurclust(BARE)
    what = f"`spurclust run`, {n_sources} strips, whole process"
    times, memory = f"{theirs} : {ours}", f"{theirs.memory:.2f} GB : {ours.memory:.2f} GB"
    held = held_with_flagged(theirs, ours)
    return [
        at_least(f"{what}, time", theirs.seconds / ours.seconds, TIMES_FASTER, times),
        at_least("the same, peak memory", theirs.memory / ours.memory, TIMES_SMALLER, memory),
        for_information("the same, spurious held with flagged", held, "in-sample"),
        *quality,
        for_information(
            "the same on features, with the order of inspection (the default)",
            f"{theirs.seconds / default.seconds:.3g}x",
            f"{theirs} : {default}; {default.memory:.2f} GB; spurious held "
            f"{held_with_flagged(default)}, in-sample",
        ),
    ]


if __name__ == "__main__":
    run_script(measure)
