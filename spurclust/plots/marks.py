"""How sources are drawn in an embedding: sizes, signs and order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spurclust.plots.fitted import RELIABLE, SPURIOUS, UNINSPECTED, plane_limits
from spurclust.plots.style import (
    OTHER_REASON_STYLE,
    REASON_STYLES,
    RELIABLE_COLOR,
    SPURIOUS_COLOR,
    SPURIOUS_MARKER,
    UNINSPECTED_COLOR,
    open_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOT, RING = "dot", "ring"
# More dots than these make a vector file that no viewer opens quickly.
RASTERIZE_ABOVE = 3000
# What stands beside an embedding's axes, in inches.
_BESIDE = 0.6
# Areas of a spurious source's sign in square points.
_SMALLEST_SIGN, _LARGEST_SIGN = 8.0, 26.0
# Signs may overlap a little: so many times the usual distance to the next.
_TOUCH = 1.3
# Dots of all sources together cover about this part of the axes.
_COVERAGE = 0.12


def dot_area(n_sources: int, width: float) -> float:
    """Choose the area of a dot in square points: few are seen, many do not blacken the page."""
    return float(np.clip(_COVERAGE * (72 * width) ** 2 / max(n_sources, 1), 0.3, 14))


def spurious_area(ax: "Axes", places: NDArray[np.float64], width: float, area: float) -> float:
    """Choose the area of a spurious source's sign in square points: smaller where they crowd."""
    largest = min(_LARGEST_SIGN, 6000 / max(len(places), 1))
    points = places * (72 * width / float(np.ptp(ax.get_xlim())))
    apart = float(np.median(_nearest_distances(points))) if len(points) > 1 else np.inf
    return float(max(min(largest, (_TOUCH * apart) ** 2), _SMALLEST_SIGN, 1.5 * area))


def _nearest_distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure how far the nearest other point is from each."""
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(points).query(points, k=2)
    return np.asarray(distance[:, 1])


@contextmanager
def open_embedding(
    ax: "Axes | None", embedding: NDArray[np.float64], width: float, margin: float = 0.05
) -> "Iterator[tuple[Axes, float]]":
    """Give axes with the scale and the names that an embedding has, and their width in inches."""
    # As high as the legend can need; open_axes cuts off the rest.
    with open_axes(ax, width=width, height=width + 2) as axes:
        x_limits, y_limits = plane_limits(embedding, margin)
        axes.set(xlim=x_limits, ylim=y_limits, xlabel="t-SNE x", ylabel="t-SNE y")
        axes.set_aspect("equal", adjustable="box")
        axes.locator_params(nbins=7, steps=[1, 2, 5, 10])
        yield axes, width - _BESIDE if ax is None else axes_width(ax)


def axes_width(ax: "Axes") -> float:
    """Return the width of axes in inches."""
    return float(ax.get_window_extent().width / ax.figure.dpi)


def group_sources(
    label: NDArray[np.int8], reason: NDArray[np.object_] | None
) -> list[tuple[str, NDArray[np.bool_], tuple[str, str]]]:
    """Group sources by name, members and (colour, marker) as they are drawn, the last on top.

    Frequent reasons come first, so that a rare one is not covered. Blank reasons are named.
    """
    groups = [
        ("uninspected", label == UNINSPECTED, (UNINSPECTED_COLOR, RING)),
        ("reliable", label == RELIABLE, (RELIABLE_COLOR, DOT)),
    ]
    spurious = label == SPURIOUS
    if reason is None or not any(reason[spurious]):
        groups.append(("spurious", spurious, (SPURIOUS_COLOR, SPURIOUS_MARKER)))
    else:
        named = np.where(reason == "", "no reason given", reason)
        names, counts = np.unique(named[spurious].astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        first, rest = names[order[: len(REASON_STYLES)]], names[order[len(REASON_STYLES) :]]
        for name, style in zip(first, REASON_STYLES, strict=False):
            groups.append((f"spurious: {name}", spurious & (named == name), style))
        others = spurious & np.isin(named.astype(str), rest)
        groups.append((f"spurious: {len(rest)} other reasons", others, OTHER_REASON_STYLE))
    return [group for group in groups if group[1].any()]


def draw_group(
    ax: "Axes",
    places: NDArray[np.float64],
    style: tuple[str, str],
    *,
    area: float,
    sign_area: float,
) -> Any:
    """Draw one group as dots, rings or signs, and return what stands for it in a legend."""
    color, marker = style
    if marker == DOT:
        return draw_dots(ax, places, area, color)
    if marker == RING:
        return draw_rings(ax, places, area, color)
    return draw_signs(ax, places, sign_area, color, marker)


def draw_dots(ax: "Axes", places: NDArray[np.float64], area: float, color: str) -> Any:
    """Draw many sources as dots."""
    look: dict[str, Any] = {"alpha": 0.55, "linewidths": 0, "rasterized": _is_many(places)}
    ax.scatter(places[:, 0], places[:, 1], s=area, color=color, **look)
    return _legend_sign(marker="o", color=color, alpha=0.7, markersize=3.5, markeredgewidth=0)


def draw_rings(ax: "Axes", places: NDArray[np.float64], area: float, color: str) -> Any:
    """Draw many sources as rings, of which less is seen than of dots."""
    look: dict[str, Any] = {"linewidths": min(0.5, 0.25 * area**0.5), "facecolors": "none"}
    look |= {"edgecolors": color, "rasterized": _is_many(places)}
    ax.scatter(places[:, 0], places[:, 1], s=area, **look)
    return _legend_sign(
        marker="o", color=color, markerfacecolor="none", markersize=3.5, markeredgewidth=0.5
    )


def draw_signs(
    ax: "Axes", places: NDArray[np.float64], area: float, color: str, marker: str
) -> Any:
    """Draw spurious sources as signs, on top of all others."""
    look: dict[str, Any] = {"edgecolors": "black", "linewidths": min(0.5, 0.1 * area**0.5)}
    look |= {"rasterized": _is_many(places), "zorder": 3}
    ax.scatter(places[:, 0], places[:, 1], s=area, color=color, marker=marker, **look)
    return _legend_sign(
        marker=marker, color=color, markersize=5, markeredgecolor="black", markeredgewidth=0.5
    )


def _is_many(places: NDArray[np.float64]) -> bool:
    """Tell whether these are too many for a vector file that opens quickly."""
    return len(places) > RASTERIZE_ABOVE


def _legend_sign(**look: Any) -> Any:
    """Return a sign for a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="none", **look)
