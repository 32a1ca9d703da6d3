"""How the time and the memory of a detector's `fit` grow with the number of sources."""

import argparse
import os
import time
from typing import Any

from measure import Outcome, at_most, report, run_child, serve_child

SIZES = (2_000, 6_000, 20_000, 60_000, 200_000)
SIDE = 21
EXPONENT = 1.2
FROM = 20_000


def fit(n_sources: int, n_jobs: int) -> dict[str, Any]:
    """Fit a detector to simple images: a Gaussian somewhere, of some width, and noise."""
    import numpy as np

    from spurclust import SpuriousRegionDetector

    rng = np.random.default_rng(0)
    grid = np.arange(SIDE) - SIDE / 2
    images = np.empty((n_sources, SIDE, SIDE), np.uint8)
    for low in range(0, n_sources, 1000):
        n = min(1000, n_sources - low)
        x, y, width = rng.normal(0, 3, n), rng.normal(0, 3, n), rng.uniform(1, 4, n)
        along_x = np.exp(-(((grid - x[:, None]) / width[:, None]) ** 2))
        along_y = np.exp(-(((grid - y[:, None]) / width[:, None]) ** 2))
        noise = rng.normal(30, 10, (n, SIDE, SIDE))
        light = 150 * along_y[:, :, None] * along_x[:, None] + noise
        images[low : low + n] = light.clip(0, 255)
    labels = rng.random(n_sources) < 0.03
    detector = SpuriousRegionDetector(random_state=12, n_jobs=n_jobs)
    start = time.perf_counter()
    detector.fit(images, labels)
    seconds = time.perf_counter() - start
    embed = detector.pipeline_.named_steps["embed"]
    return {"seconds": seconds, "n_iter": embed.n_iter_, "stages": detector.stage_seconds_}


def measure(most: int, n_jobs: int) -> list[Outcome]:
    """Fit growing surveys and take the slope between the ends of those above 20 000."""
    from math import log

    outcomes, runs = [], {}
    for n_sources in (size for size in SIZES if size <= most):
        done = run_child(__file__, "fit", n_sources=n_sources, n_jobs=n_jobs)
        runs[n_sources] = done
        stages = ", ".join(f"{name} {s:.1f} s" for name, s in done.result["stages"].items())
        detail = f"{stages}; {done.result['n_iter']} iterations; peak memory {done.memory:.2f} GB"
        what = f"fit of {n_sources} sources"
        outcomes.append(Outcome(what, f"{done.seconds:.1f} s", "", None, detail))
    many = [n for n in runs if n >= FROM]
    if len(many) > 1:
        first, last = many[0], many[-1]
        steps = log(last / first)
        slope = log(runs[last].seconds / runs[first].seconds) / steps
        bytes_each = (runs[last].memory - runs[first].memory) * 1e9 / (last - first)
        what = f"exponent of the time from {first} to {last}"
        outcomes.append(at_most(what, slope, EXPONENT, "", ""))
        memory = log(runs[last].memory / runs[first].memory) / steps
        detail = f"{bytes_each / 1000:.1f} kB a source more"
        outcomes.append(at_most("exponent of the memory", memory, 1.0, "", detail))
    return outcomes


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="largest number of sources")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    report(measure(args.most, args.jobs))


if __name__ == "__main__" and not serve_child({"fit": fit}):
    main()
