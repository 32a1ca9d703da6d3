"""Draw spurious sources, with one of three defects."""

from collections.abc import Callable

import numpy as np

from spurclust.simulate.galaxies import (
    draw_candidate,
    draw_field,
    draw_gradient,
    power_law_magnitudes,
    spiked_star,
    star_fluxes,
)
from spurclust.simulate.optics import (
    FILTERS,
    PIXEL_SCALE,
    SPIKE_ANGLES,
    WEAK_SPIKE_ANGLES,
    Float64,
    fluxes_from_magnitudes,
)
from spurclust.simulate.scenes import Edge, Galaxy, Scene, Star, render

_LONG_WAVE = np.array([band.blue > 2.35 for band in FILTERS])
# The filter in which the brightness of a false detection is set.
_DETECTION = next(k for k, band in enumerate(FILTERS) if band.name == "F200W")
_TEMPERATURES = (3000.0, 6500.0)


def draw_spike(rng: np.random.Generator, roll: float) -> Scene:
    """Draw a diffraction spike, taken for a source, of a star outside or at the edge."""
    strong = rng.random() < 0.9
    angle = np.deg2rad(roll + rng.choice(SPIKE_ANGLES if strong else WEAK_SPIKE_ANGLES))
    along = 1.0 * 6.0 ** rng.random()
    beside = rng.normal(0.0, 1.0) * PIXEL_SCALE
    fluxes = star_fluxes(18.0, rng.uniform(*_TEMPERATURES))
    star = spiked_star(float(angle), float(along), float(beside), fluxes)
    # Detections from faint to strong.
    wanted = 5.0 * (60.0 / 5.0) ** rng.random()
    middle = render(Scene(roll, stars=[star]))[_DETECTION, 23:28, 23:28].max()
    bright = Star(star.x, star.y, star.fluxes * (wanted / float(middle)))
    return Scene(roll, draw_field(rng), [bright], gradient=draw_gradient(rng))


def draw_edge(rng: np.random.Generator, roll: float) -> Scene:
    """Draw the edge of the data, where a piece of a galaxy or noise was taken for a source."""
    angle = float(np.deg2rad(roll + 90 * rng.integers(4)))
    distances = rng.uniform(-0.4, 0.45) + rng.normal(0.0, 0.04, len(FILTERS))
    kind = rng.random()
    # The short-wave detectors have their own edges, with gaps between them.
    if kind < 0.25:
        distances[_LONG_WAVE] = np.inf
    elif kind < 0.35:
        distances[~_LONG_WAVE] = np.inf
    galaxies = draw_field(rng)
    if rng.random() < 0.5:
        galaxies += draw_candidate(rng).galaxies
    return Scene(roll, galaxies, edge=Edge(angle, distances), gradient=draw_gradient(rng))


def draw_close(rng: np.random.Generator, roll: float) -> Scene:
    """Draw a bright galaxy or star; a piece of it was taken for a source."""
    direction = rng.uniform(0, 2 * np.pi)
    towards = np.array([np.cos(direction), np.sin(direction)])
    galaxies, stars = draw_field(rng), []
    if rng.random() < 0.7:
        galaxies += _host_and_clumps(rng, towards)
    else:
        x, y = rng.uniform(0.35, 0.9) * towards
        fluxes = star_fluxes(rng.uniform(17.0, 20.5), rng.uniform(*_TEMPERATURES))
        stars.append(Star(float(x), float(y), fluxes))
    return Scene(roll, galaxies, stars, gradient=draw_gradient(rng))


def _host_and_clumps(rng: np.random.Generator, towards: Float64) -> list[Galaxy]:
    """Draw a bright galaxy with clumps; the first one was taken for a source."""
    magnitude, slope = rng.uniform(20.0, 23.5), rng.uniform(-1.8, 0.3)
    radius = float(np.clip(0.3 * 10 ** (-0.1 * (magnitude - 23) + rng.normal(0, 0.15)), 0.12, 0.9))
    x, y = rng.uniform(0.2, 0.75) * towards
    fluxes = fluxes_from_magnitudes(power_law_magnitudes(magnitude, slope))
    shape = rng.uniform(0.8, 3.5), rng.uniform(0.35, 1.0), rng.uniform(0, np.pi)
    galaxies = [Galaxy(float(x), float(y), radius, *shape, fluxes)]
    clumps = [(0.0, 0.0), *rng.normal((x, y), 0.7 * radius, (rng.poisson(1.5), 2)).tolist()]
    for x_clump, y_clump in clumps:
        faint = power_law_magnitudes(rng.uniform(25.5, 28.0), slope + rng.normal(0.0, 0.4))
        size = rng.uniform(0.03, 0.1)
        shape = rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.0), rng.uniform(0, np.pi)
        fluxes = fluxes_from_magnitudes(faint)
        galaxies.append(Galaxy(x_clump, y_clump, size, *shape, fluxes))
    return galaxies


# Their numbers in a survey of 1816 sources with 57 spurious ones.
_SHARES = {"diffraction spike": 29, "edge data": 7, "close to another source": 22}
DEFECTS: dict[str, Callable[[np.random.Generator, float], Scene]] = {
    "diffraction spike": draw_spike,
    "edge data": draw_edge,
    "close to another source": draw_close,
}
"""The function that draws each defect, by the reason that people write."""


def count_defects(n_spurious: int) -> dict[str, int]:
    """Divide spurious sources among the defects as 29 : 7 : 22."""
    total = sum(_SHARES.values())
    counts = {reason: n_spurious * share // total for reason, share in _SHARES.items()}
    remainders = {reason: n_spurious * share % total for reason, share in _SHARES.items()}
    left = n_spurious - sum(counts.values())
    for reason in sorted(remainders, key=lambda r: -remainders[r])[:left]:
        counts[reason] += 1
    return counts
