"""The embedding drawn with the cutouts themselves."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.plots.aside import Aside, place_aside
from spurclust.plots.fitted import (
    SPURIOUS,
    check_embedding,
    check_flagged,
    check_labels,
    encode_labels,
    plane_limits,
)
from spurclust.plots.frames import (
    Crop,
    Frame,
    check_cutouts,
    crop_cutout,
    draw_framed,
    frame_handles,
    frame_of,
)
from spurclust.plots.legend import add_legend
from spurclust.plots.marks import dot_area, draw_dots, open_embedding
from spurclust.plots.stretch import render_cutout
from spurclust.plots.style import PAGE_WIDTH, UNINSPECTED_COLOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Frames are drawn outside the pixels: so much of a thumbnail's height stays free around it.
_SPACE = 0.2
# Of a grid of so many cells each way, those with sources tell how much room they take.
_CELLS = 8
# Of the cutouts that fill the room, so many more of the region's may stand aside.
_ASIDE_PART = 0.16
# A thumbnail of all sources in one place may not be larger than this part of the axes.
_MAX_PART = 0.4


class CutoutEmbeddingDisplay:
    """The embedding with cutouts at the places of their sources, as many as there is room for.

    Shows what the parts of the embedding look like. Cutouts never overlap: the spurious have the
    first choice of a place, then the flagged, then the others. Of the spurious and the flagged,
    which often lie close together, more stand in empty room nearby, with a line to their place. So
    these are not a fair sample, and the dots show where the others are.

    Parameters
    ----------
    embedding : array-like of shape (n_sources, 2)
        Coordinates of the sources.
    cutouts : array-like of shape (n_sources, height, width[, n_channels])
        Pixels, ``cutouts[i, y, x]``; any real dtype, NaN for no data. 8-bit pixels are shown as
        they are, others stretched between percentiles of each. Three channels are colours; of
        another number the mean is shown. Only those drawn are read.
    label : array-like of shape (n_sources,), default=None
        1 spurious, 0 reliable, -1 uninspected; the frames show it.
    flagged : array-like of bool of shape (n_sources,), default=None
        Whether a source lies in the region; the frames show it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.
    shown_ : ndarray of int
        Positions of the sources whose cutouts are drawn at their places.
    aside_ : ndarray of int
        Positions of those whose cutouts are drawn nearby, with a line to their place.

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

    ax_: "Axes"
    figure_: "Figure | SubFigure"
    shown_: NDArray[np.intp]
    aside_: NDArray[np.intp]

    def __init__(
        self,
        embedding: ArrayLike,
        cutouts: Any,
        label: ArrayLike | None = None,
        flagged: ArrayLike | None = None,
    ) -> None:
        self.embedding = embedding
        self.cutouts = cutouts
        self.label = label
        self.flagged = flagged

    @classmethod
    def from_estimator(
        cls,
        detector: Any,
        y: ArrayLike | None,
        cutouts: Any,
        *,
        crop: Crop | None = None,
        max_cutouts: int = 100,
        origin: Literal["upper", "lower"] = "upper",
        ax: "Axes | None" = None,
        width: float = PAGE_WIDTH,
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
        crop : (top, bottom, left, right), default=None
            Part of each cutout to show, in pixels.
        max_cutouts : int, default=100
            How many would fill the room that the sources take.
        origin : {"upper", "lower"}, default="upper"
            Where row 0 is; "lower" for cutouts from FITS files.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=7.1
            Width of a new figure in inches.

        Returns
        -------
        CutoutEmbeddingDisplay
            The display, drawn.
        """
        display = cls(detector.embedding_, cutouts, encode_labels(detector, y), detector.flagged_)
        return display.plot(ax=ax, crop=crop, max_cutouts=max_cutouts, origin=origin, width=width)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        crop: Crop | None = None,
        max_cutouts: int = 100,
        origin: Literal["upper", "lower"] = "upper",
        width: float = PAGE_WIDTH,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        crop : (top, bottom, left, right), default=None
            Part of each cutout to show, in pixels: ``cutout[top:bottom, left:right]``, for example
            one panel of a strip. None shows it whole.
        max_cutouts : int, default=100
            How many cutouts would fill the room that the sources take. A smaller number means
            fewer and larger ones.
        origin : {"upper", "lower"}, default="upper"
            Where row 0 is; "lower" for cutouts from FITS files.
        width : float, default=7.1
            Width of a new figure in inches.

        Returns
        -------
        CutoutEmbeddingDisplay
            The display itself, with `ax_`, `figure_`, `shown_` and `aside_`.

        Raises
        ------
        ValueError
            When the lengths differ, the cutouts are no images, or the crop is empty.
        """
        embedding = check_embedding(self.embedding)
        n_sources = len(embedding)
        label = check_labels(self.label, n_sources)
        flagged = check_flagged(self.flagged, n_sources)
        if max_cutouts < 1:
            raise ValueError(f"max_cutouts={max_cutouts}: draw at least one cutout")
        shape = check_cutouts(self.cutouts, n_sources, crop)
        size = _thumbnail_size(embedding, shape[1] / shape[0], max_cutouts)
        room = (size[0] + _SPACE * size[1], (1 + _SPACE) * size[1])
        priority = 2 * (label == SPURIOUS) + flagged
        shown = choose_thumbnails(embedding, priority=priority, size=room)
        with open_embedding(ax, _corners(embedding, shown, size), width, 0.02) as (axes, side):
            draw_dots(axes, embedding, dot_area(n_sources, side) / 2, UNINSPECTED_COLOR)
            aside = place_aside(
                embedding,
                _left_out(priority, shown),
                embedding[shown],
                size=room,
                limits=np.array([axes.get_xlim(), axes.get_ylim()]),
                max_aside=round(_ASIDE_PART * max_cutouts),
            )
            drawn = np.concatenate([shown, aside.source])
            frames = [frame_of(label[source], flagged[source]) for source in drawn]
            _draw_leaders(axes, embedding, aside, frames[len(shown) :])
            middles = np.concatenate([embedding[shown], aside.middle])
            for source, middle, frame in zip(drawn, middles, frames, strict=True):
                picture = render_cutout(crop_cutout(self.cutouts[source], crop), channels="mean")
                draw_framed(axes, picture, middle, size, frame, origin=origin)
            title = f"{len(drawn)} of {n_sources} cutouts shown"
            add_legend(axes, *frame_handles(frames), width=side, title=title)
        self.ax_, self.figure_ = axes, axes.figure
        self.shown_, self.aside_ = shown, aside.source
        return self


def _thumbnail_size(
    embedding: NDArray[np.float64], aspect: float, max_cutouts: int
) -> tuple[float, float]:
    """Choose width and height of a thumbnail in the embedding's units; larger for few sources."""
    limits = np.array(plane_limits(embedding))
    sides = np.ptp(limits, axis=1)
    cells = np.floor(_CELLS * (embedding - limits[:, 0]) / sides)
    occupied = len(np.unique(cells, axis=0)) / _CELLS**2
    n_wanted = min(max_cutouts, max(1.0, len(embedding) / 4))
    area = float(sides.prod() * occupied / n_wanted)
    side = _MAX_PART * float(sides.max())
    width = min((area * aspect) ** 0.5, side, side * aspect)
    return width, width / aspect


def choose_thumbnails(
    embedding: NDArray[np.float64], *, priority: NDArray[Any], size: tuple[float, float]
) -> NDArray[np.intp]:
    """Choose sources whose thumbnails do not overlap, greedily, in the order of priority."""
    # Of two thumbnails in one cell of a grid one would cover the other, so that a cell holds one
    # at most and only the eight cells around it can be in the way.
    cells = np.floor((embedding - embedding.min(axis=0)) / size).astype(np.int64).tolist()
    places = embedding.tolist()
    held: dict[tuple[int, int], tuple[float, float]] = {}
    chosen = []
    for source in np.argsort(-priority, kind="stable").tolist():
        column, row = cells[source]
        x, y = places[source]
        neighbours = (
            held.get((column + right, row + up)) for right in (0, -1, 1) for up in (0, -1, 1)
        )
        if not any(
            abs(x - other[0]) < size[0] and abs(y - other[1]) < size[1]
            for other in neighbours
            if other is not None
        ):
            held[column, row] = (x, y)
            chosen.append(source)
    return np.array(sorted(chosen), dtype=np.intp)


def _left_out(priority: NDArray[Any], shown: NDArray[np.intp]) -> NDArray[np.intp]:
    """List the spurious and the flagged that are not drawn, the spurious first."""
    rest = priority.copy()
    rest[shown] = 0
    order = np.argsort(-rest, kind="stable")
    return order[: int((rest > 0).sum())]


def _draw_leaders(
    ax: "Axes", embedding: NDArray[np.float64], aside: Aside, frames: list[Frame]
) -> None:
    """Draw a line, with a dot at the source, from each source to its cutout that stands aside."""
    for source, middle, frame in zip(aside.source, aside.middle, frames, strict=True):
        ends = np.stack([embedding[source], middle])
        look: dict[str, Any] = {"color": frame.color, "linewidth": 0.7, "zorder": 0.9}
        ax.plot(*ends.T, marker="o", markersize=2.5, markevery=[0], **look)


def _corners(
    embedding: NDArray[np.float64], shown: NDArray[np.intp], size: tuple[float, float]
) -> NDArray[np.float64]:
    """Return places that span all sources and all thumbnails."""
    half = np.array(size) / 2
    return np.concatenate([embedding, embedding[shown] - half, embedding[shown] + half])
