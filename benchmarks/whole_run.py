"""`spurclust run` as a whole process, against the original steps as one script."""

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import bench
from embedding_rows import KL_LIMIT, divergences, pixel_rows

TIMES_FASTER, TIMES_SMALLER = 25, 10
MOST_JUDGED = 5_000
"""The judge needs all distances between the sources."""

BARE = ["--no-plots", "--no-report"]
LEAN = [*BARE, "--no-ranking", "--region-on", "pixels"]
"""What the original does, and no more."""


def run_original(folder: str, labels: str, out: Path, perplexity: float) -> bench.Finished:
    """Run the original, and read what it found."""
    script = Path(__file__).with_name("original.py")
    command = [sys.executable, str(script), folder, labels, str(out / "original.csv")]
    command += ["--perplexity", str(perplexity)]
    with (out / "original.json").open("w") as text:
        done = bench.run_process(command, stdout=text)
    return done._replace(result=json.loads((out / "original.json").read_text()))


def run_spurclust(
    folder: str, labels: str, out: Path, perplexity: float, options: list[str]
) -> bench.Finished:
    """Run the command line, and read its summary."""
    command = [sys.executable, "-m", "spurclust", "run", folder, "--labels", labels]
    command += ["--out", str(out / "results"), "--perplexity", str(perplexity), *options]
    done = bench.run_process(command, stdout=subprocess.DEVNULL)
    summary = json.loads((out / "results" / "summary.json").read_text())
    counts = {"flagged": summary["flagged"]["k"], "held": summary["in_sample"]["completeness"]["k"]}
    return done._replace(result=counts)


def judge(folder: str, original: str, ours: str) -> dict[str, Any]:
    """Judge the embeddings that both wrote by the same pixels."""
    import numpy as np
    import pandas as pd

    from spurclust.cutouts import read_cutouts

    cutouts = read_cutouts(folder)
    rows, distinct = pixel_rows(cutouts.images)
    points = []
    for path in (original, ours):
        table = pd.read_csv(path, dtype={"source_id": str}).set_index("source_id")
        found = table[["tsne_x", "tsne_y"]].loc[[str(each) for each in cutouts.source_ids]]
        points.append(found.to_numpy(np.float32)[distinct])
    return {"kl": divergences(rows, points, -1)}


def judged(folder: str, out: Path) -> bench.Outcome:
    """Return the row of the embeddings' quality."""
    original, ours = str(out / "original.csv"), str(out / "results" / "sources.csv")
    found = bench.run_child(__file__, "judge", folder=folder, original=original, ours=ours).result
    kl, our_kl = found["kl"]
    detail = f"KL {kl:.4f} : {our_kl:.4f}"
    return bench.at_most("the same, KL by all pixels", our_kl / kl, KL_LIMIT, "x", detail)


def measure(
    folder: str, labels: str, repeats: int = 3, repeats_original: int = 3, perplexity: float = 50.0
) -> list[bench.Outcome]:
    """Compare both, the original at most as often."""
    bench.require("PIL", "openpyxl", "skops", "astropy")
    n_sources = len(list(Path(folder).glob("*.png")))
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        original = partial(run_original, folder, labels, out, perplexity)
        spurclust = partial(run_spurclust, folder, labels, out, perplexity)
        n_both = min(repeats, repeats_original)
        theirs, ours = bench.interleaved(n_both, original, partial(spurclust, LEAN))
        each = [ours._replace(seconds=seconds) for seconds in ours.each]
        ours = bench.median_of([*each, *(spurclust(LEAN) for _ in range(repeats - n_both))])
        quality = [judged(folder, out)] if n_sources <= MOST_JUDGED else []
        default = spurclust(BARE)
    known = theirs.result["known"]
    held = [
        f"{run.result['held']} of {known} with {run.result['flagged']}"
        for run in (theirs, ours, default)
    ]
    what = f"`spurclust run`, {n_sources} strips, whole process"
    times, memory = f"{theirs} : {ours}", f"{theirs.memory:.2f} GB : {ours.memory:.2f} GB"
    return [
        bench.at_least(f"{what}, time", theirs.seconds / ours.seconds, TIMES_FASTER, times),
        bench.at_least("the same, peak memory", theirs.memory / ours.memory, TIMES_SMALLER, memory),
        bench.for_information(
            "the same, spurious held with flagged", f"{held[0]} : {held[1]}", "in-sample"
        ),
        *quality,
        bench.for_information(
            "the same on features, with the order of inspection (the default)",
            f"{theirs.seconds / default.seconds:.3g}x",
            f"{theirs} : {default}; {default.memory:.2f} GB; spurious held {held[2]}, in-sample",
        ),
    ]


if __name__ == "__main__":
    bench.run_script(measure, judge)
