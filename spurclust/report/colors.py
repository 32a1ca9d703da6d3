"""By what the embedding can be coloured: groups of sources, each with a colour and a sign."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.plots.style import OUTSIDE_COLOR, REGION_COLOR, RELIABLE_COLOR, SPURIOUS_COLOR
from spurclust.report.run_results import Results

# Okabe & Ito's colours, each for a light and for a dark page: black would vanish on a dark one,
# and yellow on a white one.
_PALETTE = (
    (SPURIOUS_COLOR, "#F0772B"),
    ("#CC79A7", "#D98FB8"),
    ("#009E73", "#1DB98D"),
    ("#56B4E9", "#56B4E9"),
    ("#A88F00", "#F0E442"),
    (RELIABLE_COLOR, "#4C9BD6"),
    (REGION_COLOR, REGION_COLOR),
    ("#333333", "#E8E8E8"),
)
# With the colours, 40 groups that differ.
MARKERS = ("circle", "triangle", "square", "diamond", "inverted_triangle")
_FAINT = ("#A9B1BA", "#5A6572")
_OTHER = ("#6F6F6F", "#BDBDBD")
# From faint to strong, and rising in brightness contrast with the page: light, dark.
_RAMP = (
    ("#C3CAD2", "#4A5562"),
    ("#9CC3DC", "#3F78A0"),
    ("#5DA9B5", "#45A0A8"),
    ("#D9A93B", "#B08A33"),
    (REGION_COLOR, REGION_COLOR),
    ("#DB6A10", "#F2A65A"),
    ("#A33B00", "#FFD9B0"),
)
_PROBABILITY_EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_SHARE_EDGES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999, 1.0)
_MAX_REASONS = 8
NO_REASON = "no reason given"


@dataclass(frozen=True)
class Colouring:
    """One way to colour the embedding.

    Attributes
    ----------
    key : str
        Name in the page.
    title : str
        Name for people.
    names : list of str
        The groups, in the order of the legend.
    colours : list of (str, str)
        Colour of each group on a light and on a dark page.
    markers : list of str
        Bokeh's marker of each group.
    codes : ndarray of int of shape (n_sources,)
        Group of each source.
    """

    key: str
    title: str
    names: list[str]
    colours: list[tuple[str, str]]
    markers: list[str]
    codes: NDArray[np.int64]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the page."""
        return {
            "key": self.key,
            "title": self.title,
            "names": self.names,
            "colours": [list(pair) for pair in self.colours],
            "markers": self.markers,
            "codes": self.codes.tolist(),
            "counts": np.bincount(self.codes, minlength=len(self.names)).tolist(),
        }


def colourings(results: Results, probability: NDArray[np.float64] | None) -> list[Colouring]:
    """List all ways to colour the embedding of a result.

    Parameters
    ----------
    results : Results
        The tables.
    probability : ndarray of shape (n_sources,) or None
        The ranker's probability, where the run has one.

    Returns
    -------
    list of Colouring
        By label, reason, component, region, probability, and stability where it is known.
    """
    label, flagged = results.label, results.flagged
    ways = [
        _by_label(label),
        _by_reason(label, results.sources["reason"].tolist()),
        _by_component(results),
        _by_region(label, flagged),
    ]
    spurious_probability = results.column("spurious_probability")
    graded = [
        ("probability", "Spurious probability", spurious_probability),
        ("inspection", "Probability, ranking", probability),
    ]
    ways += [
        _by_grade(key, title, values, _PROBABILITY_EDGES)
        for key, title, values in graded
        if values is not None
    ]
    stability = results.column("stability")
    if stability is not None:
        ways.append(_by_grade("stability", "Stability", stability, _SHARE_EDGES))
    return ways


def _by_label(label: NDArray[np.int8]) -> Colouring:
    """Colour by what people said."""
    return Colouring(
        "label",
        "Label",
        ["spurious", "reliable", "uninspected"],
        [_PALETTE[0], _PALETTE[5], _FAINT],
        ["triangle", "circle", "circle"],
        np.select([label == 1, label == 0], [0, 1], 2),
    )


def _by_reason(label: NDArray[np.int8], reasons: list[str]) -> Colouring:
    """Colour the spurious by their reasons, the most frequent first; the rare share a colour."""
    given = np.array([reason.strip() or NO_REASON for reason in reasons], dtype=object)
    names, sizes = np.unique(given[label == 1].astype(str), return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    kept = [str(names[place]) for place in order[:_MAX_REASONS]]
    n_kept = len(kept)
    n_rare = len(order) - n_kept
    others = [f"{n_rare} other reason{'s' * (n_rare > 1)}"] if n_rare else []
    place_of = {name: place for place, name in enumerate(kept)}
    first_rest = n_kept + len(others)
    codes = [
        place_of.get(reason, n_kept) if value == 1 else first_rest + (value != 0)
        for value, reason in zip(label.tolist(), given.tolist(), strict=True)
    ]
    # Reliable sources are faint here and blue elsewhere: the question is what the spurious are.
    colours = [_PALETTE[place % len(_PALETTE)] for place in range(n_kept)]
    markers = [MARKERS[(place + 1) % len(MARKERS)] for place in range(n_kept)]
    return Colouring(
        "reason",
        "Reason",
        [*kept, *others, "reliable", "uninspected"],
        [*colours, *[_OTHER] * len(others), (OUTSIDE_COLOR, "#3E5468"), _FAINT],
        [*markers, *["square"] * len(others), "circle", "circle"],
        np.array(codes, dtype=np.int64),
    )


def _by_component(results: Results) -> Colouring:
    """Colour by component; colours and signs together differ for 40 of them."""
    n_components = len(results.components)
    in_region = results.components["in_region"].to_numpy() == 1
    return Colouring(
        "component",
        "Component",
        [
            f"{number}, in the region" if in_region[number] else str(number)
            for number in range(n_components)
        ],
        [_PALETTE[number % len(_PALETTE)] for number in range(n_components)],
        [MARKERS[(number // len(_PALETTE)) % len(MARKERS)] for number in range(n_components)],
        results.sources["component"].to_numpy(dtype=np.int64),
    )


def _by_region(label: NDArray[np.int8], flagged: NDArray[np.bool_]) -> Colouring:
    """Colour by region, the known spurious apart."""
    spurious = label == 1
    return Colouring(
        "region",
        "Region",
        ["flagged, known spurious", "flagged", "not flagged, known spurious", "not flagged"],
        [_PALETTE[0], _PALETTE[6], ("#333333", "#FFFFFF"), (OUTSIDE_COLOR, "#4A6377")],
        ["triangle", "circle", "inverted_triangle", "circle"],
        np.select([flagged & spurious, flagged, spurious], [0, 1, 2], 3),
    )


def _by_grade(
    key: str, title: str, values: NDArray[np.float64], edges: tuple[float, ...]
) -> Colouring:
    """Colour by a number from 0 to 1, in steps; without a number is a group of its own."""
    known = np.isfinite(values)
    inner = np.array(edges[1:-1])
    codes = np.where(known, np.searchsorted(inner, np.nan_to_num(values), side="right"), -1)
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    colours = list(_RAMP)
    if not known.all():
        names, colours = [*names, "not known"], [*colours, _FAINT]
        codes = np.where(known, codes, len(_RAMP))
    # The largest first, as in the other legends the spurious.
    order = [*range(len(_RAMP))[::-1], *range(len(_RAMP), len(names))]
    place_of = np.argsort(order)
    return Colouring(
        key,
        title,
        [names[place] for place in order],
        [colours[place] for place in order],
        ["circle"] * len(names),
        place_of[codes],
    )
