"""`predict` from PNG files, against decoding the same files alone with the same threads."""

import argparse
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

from measure import Outcome, at_most, report, run_child, serve_child

N_FITTED = 600
TARGET = 1.3


def both(folder: str, n_files: int, n_repeats: int, n_jobs: int) -> dict[str, Any]:
    """Fit on some cutouts, then decode and predict many, turn by turn."""
    import numpy as np
    from sklearn.pipeline import make_pipeline

    from spurclust import SpuriousRegionDetector
    from spurclust.catalog import CutoutReader, list_cutouts

    found = list_cutouts(folder)
    files = (found * (n_files // len(found) + 1))[:n_files]
    y = np.arange(min(N_FITTED, len(found))) % 10 == 0
    detector = SpuriousRegionDetector(random_state=12, n_jobs=n_jobs)
    pipeline = make_pipeline(CutoutReader(n_jobs=n_jobs), detector).fit(found[: len(y)], y)
    alone, whole = [], []
    for _ in range(n_repeats):
        start = time.perf_counter()
        pipeline[0].transform(files)
        middle = time.perf_counter()
        pipeline.predict(files)
        alone.append(middle - start)
        whole.append(time.perf_counter() - middle)
    return {"seconds": median(whole), "alone": median(alone)}


def measure(folder: str, n_files: int, n_repeats: int, n_jobs: int) -> list[Outcome]:
    """Compare."""
    arguments = {"n_files": n_files, "n_repeats": n_repeats, "n_jobs": n_jobs}
    done = run_child(__file__, "both", folder=folder, **arguments)
    alone = done.result["alone"]
    detail = (
        f"{done.seconds:.2f} s : {alone:.2f} s for {n_files} files, "
        f"{n_files / done.seconds:.0f} a second; peak memory {done.memory:.2f} GB"
    )
    what = "predict from PNG files, against decoding them"
    return [at_most(what, done.seconds / alone, TARGET, "x", detail)]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=4000, help="taken again when there are fewer")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    report(measure(str(args.folder), args.files, args.repeats, args.jobs))


if __name__ == "__main__" and not serve_child({"both": both}):
    main()
