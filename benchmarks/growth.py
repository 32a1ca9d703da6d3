"""How the time and the memory of a detector's `fit` grow with the number of sources."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import log
from statistics import linear_regression
from typing import Any

import bench

SIZES = (2_000, 6_000, 20_000, 60_000, 200_000)
FROM, ONCE_FROM = 20_000, 60_000
"""Sizes from which growth is judged, and from which each is measured once."""

TIME_EXPONENT, MEMORY_EXPONENT = 1.2, 1.05
"""n log n would be 1.09 between 20 000 and 200 000."""

EXPONENTS = [step / 100 for step in range(20, 301)]
"""Powers that are tried where a constant is fitted as well."""

BLOCK = 1_000
LEVELS = 30, 10, 150
"""Mean and scatter of the noise, and the brightest pixel of a source."""


def draw_images(n_sources: int, side: int) -> Any:
    """Draw simple images: a Gaussian of some position and width, and noise."""
    import numpy as np

    rng = np.random.default_rng(0)
    grid = np.arange(side) - side / 2
    level, scatter, peak = LEVELS
    images = np.empty((n_sources, side, side), np.uint8)
    for low in range(0, n_sources, BLOCK):
        n = min(BLOCK, n_sources - low)
        x, y, width = rng.normal(0, 3, n), rng.normal(0, 3, n), rng.uniform(1, 4, n)
        along_x = np.exp(-(((grid - x[:, None]) / width[:, None]) ** 2))
        along_y = np.exp(-(((grid - y[:, None]) / width[:, None]) ** 2))
        noise = rng.normal(level, scatter, (n, side, side))
        light = peak * along_y[:, :, None] * along_x[:, None] + noise
        images[low : low + n] = light.clip(0, 255)
    return images


def fit(n_sources: int, side: int, jobs: int) -> dict[str, Any]:
    """Fit a detector to drawn images."""
    import numpy as np

    from spurclust import SpuriousRegionDetector

    warm = SpuriousRegionDetector(2, perplexity=5, random_state=12, n_jobs=jobs)
    warm.fit(draw_images(60, side), np.arange(60) < 6)  # loads the kernels, or compiles them
    images = draw_images(n_sources, side)
    labels = np.random.default_rng(1).random(n_sources) < 0.03
    detector = SpuriousRegionDetector(random_state=12, n_jobs=jobs)
    _, cost = bench.timed(lambda: detector.fit(images, labels))
    embed = detector.pipeline_.named_steps["embed"]
    return {**cost, "n_iter": embed.n_iter_, "stages": detector.stage_seconds_}


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Fit the exponent of a power law by least squares of the logarithms."""
    return linear_regression([log(n) for n in sizes], [log(value) for value in values]).slope


def exponent_beside_constant(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Fit values = constant + factor * size ** exponent by least squares; needs three sizes."""

    def misfit(power: float) -> float:
        powers = [(n / sizes[-1]) ** power for n in sizes]
        slope, constant = linear_regression(powers, values)
        return sum((constant + slope * x - y) ** 2 for x, y in zip(powers, values, strict=True))

    return min(EXPONENTS, key=misfit)


def judge(runs: Mapping[int, bench.Finished]) -> list[bench.Outcome]:
    """Judge the growth of time and memory."""
    many = [n for n in runs if n >= FROM]
    if len(many) < 3:
        return [
            bench.for_information("exponents of growth", "", f"need three sizes from {FROM} on")
        ]
    between = f"{many[0]} to {many[-1]} sources"
    time = exponent(many, [runs[n].seconds for n in many])
    outcomes = [bench.at_most(f"exponent of the time of fit, {between}", time, TIME_EXPONENT, "")]
    # Python and its libraries take the same memory at any size, which would hide growth.
    gigabytes = [runs[n].memory for n in many]
    each, constant = linear_regression(many, gigabytes)
    if each <= 0:
        return [*outcomes, bench.for_information("exponent of the memory", "", "does not grow")]
    memory = exponent_beside_constant(many, gigabytes)
    what = f"exponent of the memory of fit beside a constant, {between}"
    detail = f"{constant:.2f} GB and {each * 1e6:.1f} kB a source"
    return [*outcomes, bench.at_most(what, memory, MEMORY_EXPONENT, "", detail)]


def measure(
    sizes: tuple[int, ...] = SIZES,
    max_rows: int = SIZES[-1],
    side: int = 51,
    repeats: int = 1,
    jobs: int = bench.CORES,
) -> list[bench.Outcome]:
    """Fit growing surveys."""
    outcomes, runs = [], {}
    for n in sorted(size for size in sizes if size <= max_rows):
        run = partial(bench.run_child, __file__, "fit", n_sources=n, side=side, jobs=jobs)
        (done,) = bench.interleaved(1 if n >= ONCE_FROM else repeats, run)
        runs[n] = done
        stages = ", ".join(f"{name} {s:.1f} s" for name, s in done.result["stages"].items())
        detail = (
            f"{done}; {stages}; {done.result['n_iter']} iterations; peak memory "
            f"{done.memory:.2f} GB, of which the images {n * side**2 / 1e9:.2f} GB"
        )
        what = f"fit of {n} cutouts of {side} x {side}"
        outcomes.append(bench.for_information(what, f"{done.seconds:.1f} s", detail))
    return outcomes + judge(runs)


if __name__ == "__main__":
    bench.run_script(measure, fit)
