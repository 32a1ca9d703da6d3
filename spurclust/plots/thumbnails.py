"""Pictures of the embedding with cutouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.labels import SPURIOUS
from spurclust.plots import embeddings, rendering, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = NDArray[np.float64]
# Frames are outside of the pixels: this part of a thumbnail's height stays free around it.
_SPACE = 0.2
# Cells along each axis of a grid; the cells with sources show how much space they take.
_CELLS = 8
# Maximum part of the axes for a thumbnail, if all sources are at one position.
_MAX_PART = 0.4
# Number of cutouts of the region that may be drawn aside, as a part of those that fill the space.
_ASIDE_PART = 0.16
# Positions to try for a cutout drawn aside: along each axis, and near its source.
_SLOTS, _SLOTS_TRIED = 60, 40
# Of this many sources, the first with space are drawn aside.
_SOURCES_TRIED = 300
# Points of a line to a cutout drawn aside, at which it is compared with other cutouts.
_STEPS = 50
# Maximum length of a line to a cutout drawn aside, as a multiple of its width.
_REACH = 0.6


@dataclass(eq=False, repr=False)
class CutoutEmbeddingDisplay(style.Display):
    """Draw the embedding with cutouts at the positions of their sources, as far as there is room.

    Use it to see what the parts of the embedding look like. Cutouts never overlap. Spurious sources
    are placed first, then flagged ones, then the others. Spurious and flagged cutouts without room
    are drawn nearby, with a line to their position. So the cutouts are not a fair sample. Dots show
    all other sources.

    Parameters
    ----------
    embedding : array-like of shape (n_sources, 2)
        Coordinates of the sources.
    cutouts : array-like of shape (n_sources, height, width[, n_channels])
        Pixels, ``cutouts[i, y, x]``; any real dtype, NaN for no data. 8-bit pixels are shown
        unchanged; others are stretched between percentiles of each cutout. Three channels are
        colors; other numbers of channels are averaged. Only the drawn cutouts are read.
    y : array-like of shape (n_sources,), default=None
        1 spurious, 0 reliable, -1 uninspected; the frames show it.
    flagged : array-like of bool of shape (n_sources,), default=None
        Whether a source lies in the region; the frames show it.
    crop : (top, bottom, left, right), default=None
        Part of each cutout to show, in pixels: ``cutout[top:bottom, left:right]``, for example one
        panel of a strip. None shows it whole.
    max_cutouts : int, default=100
        Number of cutouts that would fill the area of the sources. A smaller number gives fewer and
        larger ones.
    origin : {"upper", "lower"}, default="upper"
        Position of row 0. Use "lower" for cutouts from FITS files.
    embedding_name : str, default="t-SNE"
        What the axes are named after.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
    shown_ : ndarray of int
        Indices of the cutouts that are drawn at their positions.
    aside_ : ndarray of int
        Indices of the cutouts that are drawn nearby, with a line.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import CutoutEmbeddingDisplay
    >>> cutouts = np.zeros((3, 5, 5), dtype=np.uint8)
    >>> display = CutoutEmbeddingDisplay([[0, 0], [0, 0.01], [9, 9]], cutouts, [0, 1, 0])
    >>> display.plot(ax=Figure().add_subplot()).shown_
    array([1, 2])
    """

    embedding: ArrayLike
    cutouts: Any
    y: ArrayLike | None = None
    flagged: ArrayLike | None = None
    _: KW_ONLY
    crop: rendering.Crop | None = None
    max_cutouts: int = 100
    origin: rendering.Origin = "upper"
    embedding_name: str = "t-SNE"

    @classmethod
    def from_estimator(
        cls,
        detector: Any,
        y: ArrayLike | None,
        cutouts: Any,
        *,
        ax: Axes | None = None,
        width: float | None = None,
        legend: bool | Mapping[str, Any] = True,
        **options: Any,
    ) -> Self:
        """Draw the embedding of a fitted detector with cutouts.

        Parameters
        ----------
        detector : SpuriousRegionDetector
            The fitted detector.
        y : array-like of shape (n_sources,) or None
            The labels of the fit, in the same order; None draws all as uninspected.
        cutouts : array-like of shape (n_sources, height, width[, n_channels])
            The cutouts of the fit, in the same order.
        ax, width : matplotlib Axes and float, default=None
            Where to draw, and how wide a new figure is, as in `plot`.
        legend : bool or mapping, default=True
            Whether to draw a legend, as in `plot`.
        **options : dict
            Parameters of the display: crop, max_cutouts, origin.

        Returns
        -------
        CutoutEmbeddingDisplay
            The display, drawn.
        """
        label = embeddings.labels_of(detector, y)
        options = {"embedding_name": embeddings.embedding_name_of(detector), **options}
        display = cls(detector.embedding_, cutouts, label, detector.flagged_, **options)
        return display.plot(ax=ax, width=width, legend=legend)

    def _default_width(self) -> float:
        return style.PAGE_WIDTH

    def _draw(
        self, ax: Axes | None, width: float, legend: style.Legend, look: dict[str, Any]
    ) -> Axes:
        points = embeddings.check_embedding(self.embedding)
        label = embeddings.check_labels(self.y, len(points))
        flagged = embeddings.check_per_source(self.flagged, len(points), "flagged", False)
        if self.max_cutouts < 1:
            raise ValueError(f"max_cutouts={self.max_cutouts}: draw at least one cutout")
        aspect = rendering.check_cutouts(self.cutouts, len(points), self.crop)
        size = _thumbnail_size(points, aspect, self.max_cutouts)
        room = size + _SPACE * size[1]
        priority = 2 * (label == SPURIOUS) + flagged.astype(bool)
        shown = _choose_thumbnails(points, priority, room)
        extent = np.concatenate([points, points[shown] - size / 2, points[shown] + size / 2])
        with embeddings.open_embedding(
            ax, extent, width, margin=0.02, name=self.embedding_name
        ) as (axes, side):
            area = embeddings.dot_area(len(points), side) / 2
            dots = (style.UNINSPECTED_COLOR, embeddings.DOT)
            embeddings.draw_sources(axes, points, dots, area, look)
            rest = np.argsort(-priority, kind="stable")
            rest = rest[(priority[rest] > 0) & ~np.isin(rest, shown)]
            limits = np.array([axes.get_xlim(), axes.get_ylim()])
            n_aside = round(_ASIDE_PART * self.max_cutouts)
            aside, middles = _place_aside(points, rest, points[shown], room, limits, n_aside)
            drawn = np.concatenate([shown, aside])
            frames = [rendering.choose_frame(label[i], flagged[i]) for i in drawn]
            _draw_lines(axes, points[aside], middles, frames[len(shown) :])
            corners = np.concatenate([points[shown], middles]) - size / 2
            how = {"size": size * side / np.ptp(limits[0]), "channels": "mean"}
            pictures = [rendering.render_source(self.cutouts, i, self.crop, **how) for i in drawn]
            rendering.draw_pictures(axes, pictures, corners, size, frames, self.origin)
            title = f"{len(drawn)} of {len(points)} cutouts shown"
            handles = rendering.frame_handles(frames)
            style.add_legend(axes, handles, is_new=ax is None, legend=legend, title=title)
        self.shown_, self.aside_ = shown, aside
        return axes


def _draw_lines(
    ax: Axes, points: Points, middles: Points, frames: Sequence[rendering.Frame]
) -> None:
    """Draw a line from the dot of each source to its cutout drawn aside."""
    for start, end, frame in zip(points, middles, frames, strict=True):
        look: dict[str, Any] = {"color": frame.color, "linewidth": 0.7, "zorder": 0.9}
        ax.plot(*np.stack([start, end]).T, marker="o", markersize=2.5, markevery=[0], **look)


def _thumbnail_size(points: Points, aspect: float, max_cutouts: int) -> Points:
    """Choose width and height of a thumbnail in units of the embedding; larger for few sources."""
    limits = embeddings.plane_limits(points)
    sides = np.ptp(limits, axis=1)
    cells = np.floor(_CELLS * (points - limits[:, 0]) / sides)
    occupied = len(np.unique(cells, axis=0)) / _CELLS**2
    n_wanted = min(max_cutouts, max(1.0, len(points) / 4))
    area = sides.prod() * occupied / n_wanted
    longest = _MAX_PART * sides.max()
    width = min((area * aspect) ** 0.5, longest, longest * aspect)
    return np.array([width, width / aspect])


def _choose_thumbnails(
    points: Points, priority: NDArray[np.intp], size: Points
) -> NDArray[np.intp]:
    """Choose sources whose thumbnails do not overlap, greedily, in the order of priority."""
    rest = np.argsort(-priority, kind="stable")
    chosen = []
    while len(rest):
        chosen.append(rest[0])
        rest = rest[(np.abs(points[rest] - points[rest[0]]) >= size).any(axis=1)]
    return np.sort(chosen)


def _distance(points: Points, others: Points, size: Points) -> Points:
    """Return the distance to the nearest other in thumbnails: < 1/2 is inside, < 1 overlaps."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(others / size).query(points / size, p=np.inf)[0])


def _place_aside(
    points: Points,
    candidates: NDArray[np.intp],
    middles: Points,
    size: Points,
    limits: Points,
    n_most: int,
) -> tuple[NDArray[np.intp], Points]:
    """Choose sources and middles of thumbnails that cover nothing and have free lines."""
    from matplotlib.path import Path

    low, high = limits[:, 0] + 0.51 * size, limits[:, 1] - 0.51 * size
    slots = np.stack(np.meshgrid(*np.linspace(low, high, _SLOTS).T), axis=-1).reshape(-1, 2)
    slots = slots[(_distance(slots, points, size) > 0.5) & (low <= high).all()]
    candidates = candidates[_distance(points[candidates], middles, size) >= 0.5]
    n_given = len(middles)
    sources: list[int] = []
    lines: list[Points] = []
    for source in candidates[:_SOURCES_TRIED]:
        if len(sources) == n_most:
            break
        slots = slots[_distance(slots, middles, size) >= 1]
        gaps = np.hypot(*np.maximum(np.abs(slots - points[source]) - size / 2, 0).T)
        near = np.argsort(gaps, kind="stable")[:_SLOTS_TRIED]
        for slot in slots[near[gaps[near] <= _REACH * size[0]]]:
            line = np.linspace(points[source], slot, _STEPS)
            if (
                (_distance(line, middles, size) >= 0.5).all()
                and all(_distance(slot, other, size) >= 0.5 for other in lines)
                and not any(Path(line).intersects_path(Path(other)) for other in lines)
            ):
                sources.append(source)
                lines.append(line)
                middles = np.vstack([middles, slot])
                break
    return np.array(sources, dtype=np.intp), middles[n_given:]
