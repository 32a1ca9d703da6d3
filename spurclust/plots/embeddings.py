"""Pictures of the embedding, and functions to draw sources in any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from spurclust.labels import (
    RELIABLE,
    SPURIOUS,
    UNINSPECTED,
    encode_labels,
    frequent_reasons,
    name_reasons,
)
from spurclust.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Mark = tuple[str, str]
"""A color, and a marker of matplotlib or one of these."""
DOT, RING = "dot", "ring"
Group = tuple[str, NDArray[np.bool_], Mark]
"""Name, members and mark of sources that look alike."""
# With more dots than this, viewers open a vector file slowly.
RASTERIZE_ABOVE = 3000
# Space beside the axes of an embedding, in inches.
_BESIDE = 0.6
# Minimum ratio of the shorter side of the picture to the longer one.
_LEAST_SIDE = 0.35
# Part of the axes that the dots of all sources cover, about.
_COVERAGE = 0.12
# Areas of a spurious source's sign, and of any sign in a legend, in square points.
_SMALLEST_SIGN, _LARGEST_SIGN, _LEGEND_SIGN = 8.0, 26.0, 18.0
# Signs may overlap a little: their size as a multiple of the usual distance.
_TOUCH = 1.3


def check_per_source(
    values: ArrayLike | None, n_sources: int, name: str, default: object = None
) -> NDArray[Any]:
    """Return an array with one value per source; None is the default value."""
    if values is None:
        return np.full(n_sources, default)
    array = np.asarray(values)
    if array.shape != (n_sources,):
        raise ValueError(
            f"{name} has shape {array.shape}, but there are {n_sources} sources: give one per "
            "source, in the order of the fit"
        )
    return array


def check_embedding(embedding: ArrayLike) -> NDArray[np.float64]:
    """Return the embedding as an array of finite points in two dimensions."""
    points: NDArray[np.float64] = check_array(embedding, dtype=np.float64, input_name="embedding")
    if points.shape[1] != 2:
        raise ValueError(f"the embedding has {points.shape[1]} dimensions: pictures need two")
    return points


def check_labels(label: ArrayLike | None, n_sources: int) -> NDArray[np.int8]:
    """Return labels 1, 0 and -1, one per source; None means that all are uninspected."""
    array = check_per_source(label, n_sources, "y", UNINSPECTED)
    if not np.isin(array, (SPURIOUS, RELIABLE, UNINSPECTED)).all():
        raise ValueError("y must be 1 (spurious), 0 (reliable) or -1 (uninspected)")
    return array.astype(np.int8)


def check_reasons(reason: ArrayLike | None, n_sources: int) -> NDArray[np.object_]:
    """Return reasons as lines of text, empty without a reason."""
    import pandas as pd

    values = check_per_source(reason, n_sources, "reasons", "").astype(object)
    return np.array(["" if pd.isna(v) else " ".join(str(v).split()) for v in values], dtype=object)


def labels_of(detector: Any, y: ArrayLike | None) -> NDArray[np.int8]:
    """Turn labels of a fitted detector into 1 spurious, 0 reliable, -1 uninspected."""
    check_is_fitted(detector)
    n_sources = len(detector.embedding_)
    if y is None:
        return check_labels(None, n_sources)
    labels = check_per_source(y, n_sources, "y")
    return encode_labels(labels, detector.classes_, detector.unlabeled)


def embedding_name_of(detector: Any) -> str:
    """Return the name of the embedding of a fitted detector."""
    step = detector.pipeline_.named_steps["embed"]
    if isinstance(step, str):
        return "Embedding"
    name = type(step).__name__
    return "t-SNE" if name == "TSNE" else name


def plane_limits(embedding: NDArray[np.float64], margin: float = 0.05) -> NDArray[np.float64]:
    """Return rows of x and y limits that hold all sources, with a margin, and are not too flat."""
    low, high = embedding.min(axis=0), embedding.max(axis=0)
    # All sources at one position still need a scale.
    span = float((high - low).max()) or 2 * max(1.0, 1e-3 * float(np.abs(high).max()))
    margin = max(margin, 0.25 / len(embedding)) * span
    half = np.maximum(high - low, _LEAST_SIDE * span) / 2 + margin
    return np.stack([(low + high) / 2 - half, (low + high) / 2 + half], axis=1)


@contextmanager
def open_embedding(
    ax: Axes | None,
    embedding: NDArray[np.float64],
    width: float,
    margin: float = 0.05,
    name: str = "t-SNE",
) -> Iterator[tuple[Axes, float]]:
    """Yield axes with the scale and the names for an embedding, and their width in inches."""
    # High enough for any legend; the rest is cut off later.
    with style.open_axes(ax, width=width, height=width + 2) as axes:
        x_limits, y_limits = plane_limits(embedding, margin)
        axes.set(xlim=x_limits, ylim=y_limits, xlabel=f"{name} x", ylabel=f"{name} y")
        axes.set_aspect("equal", adjustable="box")
        axes.locator_params(nbins=7, steps=[1, 2, 5, 10])
        yield axes, width - _BESIDE if ax is None else axes_width(ax)


def axes_width(ax: Axes) -> float:
    """Return the width of axes in inches."""
    return float(ax.bbox.width / ax.figure.dpi)


def dot_area(n_sources: int, width: float) -> float:
    """Choose the area of a dot in square points: large for few sources, small for many."""
    return float(np.clip(_COVERAGE * (72 * width) ** 2 / n_sources, 0.3, 14))


def sign_area(ax: Axes, signs: NDArray[np.float64], width: float, area: float) -> float:
    """Choose the area of a spurious source's sign in square points: smaller where they crowd."""
    from scipy.spatial import cKDTree

    largest = min(_LARGEST_SIGN, 6000 / max(len(signs), 1))
    if len(signs) > 1:
        points = signs * (72 * width / float(np.ptp(ax.get_xlim())))
        apart = np.median(cKDTree(points).query(points, k=2)[0][:, 1])
        largest = min(largest, (_TOUCH * apart) ** 2)
    return float(max(largest, _SMALLEST_SIGN, 1.5 * area))


def draw_sources(
    ax: Axes, points: NDArray[np.float64], mark: Mark, area: float, look: Mapping[str, Any]
) -> Any:
    """Draw sources as dots, rings or signs, and return their legend handle."""
    rasterized = len(points) > RASTERIZE_ABOVE
    x, y = points.T
    ax.scatter(x, y, **{"s": area, "rasterized": rasterized, **_look(mark, area), **look})
    return ax.scatter([], [], **{**_look(mark, _LEGEND_SIGN), **look, "s": _LEGEND_SIGN})


def draw_groups(
    ax: Axes,
    points: NDArray[np.float64],
    groups: Sequence[Group],
    width: float,
    look: Mapping[str, Any],
) -> dict[str, Any]:
    """Draw groups of sources, the last on top, and return their legend handles."""
    area = dot_area(len(points), width)
    is_sign = [mark[1] not in (DOT, RING) for _, _, mark in groups]
    signs = [points[members] for (_, members, _), sign in zip(groups, is_sign, strict=True) if sign]
    large = sign_area(ax, np.concatenate([points[:0], *signs]), width, area)
    return {
        name: draw_sources(ax, points[members], mark, large if sign else area, look)
        for (name, members, mark), sign in zip(groups, is_sign, strict=True)
        if members.any()
    }


def _look(mark: Mark, area: float) -> dict[str, Any]:
    color, marker = mark
    if marker == DOT:
        return {"color": color, "alpha": 0.55, "linewidths": 0}
    if marker == RING:
        rim = min(0.5, 0.25 * area**0.5)
        return {"facecolors": "none", "edgecolors": color, "linewidths": rim}
    rim = min(0.5, 0.1 * area**0.5)
    look: dict[str, Any] = {"color": color, "marker": marker, "edgecolors": "black"}
    return {**look, "linewidths": rim, "zorder": 3}


def _group_sources(label: NDArray[np.int8], reason: NDArray[np.object_]) -> list[Group]:
    """Group sources for drawing, rare reasons on top."""
    spurious = label == SPURIOUS
    groups: list[Group] = [
        ("uninspected", label == UNINSPECTED, (style.UNINSPECTED_COLOR, RING)),
        ("reliable", label == RELIABLE, (style.RELIABLE_COLOR, DOT)),
    ]
    if not any(reason[spurious]):
        groups.append(("spurious", spurious, (style.SPURIOUS_COLOR, style.SPURIOUS_MARKER)))
    else:
        named = np.array(name_reasons(reason))
        names, others = frequent_reasons(Counter(named[spurious].tolist()))
        for name, mark in zip(names, style.REASON_STYLES, strict=False):
            groups.append((f"spurious: {name}", spurious & (named == name), mark))
        rest = spurious & ~np.isin(named, names)
        groups.append((f"spurious: {others}", rest, style.OTHER_REASON_STYLE))
    return groups


@dataclass(eq=False, repr=False)
class EmbeddingDisplay(style.Display):
    """Draw the embedding, with spurious sources marked by shapes and colors of their reasons.

    Use it to see whether the spurious sources lie together, as the method needs. In a t-SNE
    embedding, neighborhoods have a meaning, but distances between far groups have little. The size
    of the dots suits 2 to about 200 000 sources.

    Parameters
    ----------
    embedding : array-like of shape (n_sources, 2)
        Coordinates of the sources.
    y : array-like of shape (n_sources,), default=None
        1 spurious, 0 reliable, -1 uninspected; None means that all are uninspected.
    reasons : array-like of shape (n_sources,), default=None
        Why a source is spurious; blank, None or NaN where it is not known. The ten most frequent
        reasons have signs of their own. The others share one.
    embedding_name : str, default="t-SNE"
        What the axes are named after.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import EmbeddingDisplay
    >>> display = EmbeddingDisplay([[0, 0], [1, 2], [3, 1]], [1, 0, -1])
    >>> legend = display.plot(ax=Figure().add_subplot()).ax_.get_legend()
    >>> [text.get_text() for text in legend.get_texts()]
    ['uninspected (1)', 'reliable (1)', 'spurious (1)']
    """

    embedding: ArrayLike
    y: ArrayLike | None = None
    reasons: ArrayLike | None = None
    _: KW_ONLY
    embedding_name: str = "t-SNE"

    @classmethod
    def from_estimator(
        cls,
        detector: Any,
        y: ArrayLike | None,
        *,
        reasons: ArrayLike | None = None,
        **options: Any,
    ) -> Self:
        """Draw the embedding of a fitted detector.

        Parameters
        ----------
        detector : SpuriousRegionDetector
            The fitted detector.
        y : array-like of shape (n_sources,) or None
            The labels of the fit, in the same order; None draws all as uninspected.
        reasons : array-like of shape (n_sources,), default=None
            Why a source is spurious.
        **options : dict
            Options of `plot`: ax, width, legend, and properties of matplotlib.

        Returns
        -------
        EmbeddingDisplay
            The display, drawn.
        """
        label = labels_of(detector, y)
        name = embedding_name_of(detector)
        return cls(detector.embedding_, label, reasons, embedding_name=name).plot(**options)

    def _draw(
        self, ax: Axes | None, width: float, legend: style.Legend, look: dict[str, Any]
    ) -> Axes:
        points = check_embedding(self.embedding)
        label = check_labels(self.y, len(points))
        reason = check_reasons(self.reasons, len(points))
        groups = [
            (f"{name} ({members.sum()})", members, mark)
            for name, members, mark in _group_sources(label, reason)
        ]
        with open_embedding(ax, points, width, name=self.embedding_name) as (axes, room):
            handles = draw_groups(axes, points, groups, room, look)
            style.add_legend(axes, handles, is_new=ax is None, legend=legend)
        return axes
