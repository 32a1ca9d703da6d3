"""Which sources are flagged whatever the embedding starts from, and which by chance."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.plots.fitted import SPURIOUS, check_embedding, check_labels, check_length
from spurclust.plots.legend import add_legend
from spurclust.plots.marks import RASTERIZE_ABOVE, dot_area, open_embedding, spurious_area
from spurclust.plots.style import COLUMN_WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# The scale of colours above the axes: its bottom and height as parts of theirs, and the height in
# points of its numbers and its name.
_SCALE_BOTTOM, _SCALE_HEIGHT, _SCALE_WRITING = 1.06, 0.05, 25.0


class StabilityDisplay:
    """The embedding, coloured by the share of runs in which each source is flagged.

    Shows how much of the region is the data's doing: a region of one colour is firm, a speckled
    one depends on where t-SNE happened to start. Known spurious sources have a black rim.

    Parameters
    ----------
    embedding : array-like of shape (n_sources, 2)
        Coordinates of the sources.
    stability : array-like of shape (n_sources,)
        Share of runs in which a source is flagged, see `spurclust.tuning.flag_stability`.
    label : array-like of shape (n_sources,), default=None
        1 spurious, 0 reliable, -1 uninspected.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import StabilityDisplay
    >>> display = StabilityDisplay([[0, 0], [1, 2]], [0.0, 1.0])
    >>> display.plot(ax=Figure().add_subplot()).ax_.child_axes[0].get_xlabel()
    'Flagged in (% of the runs)'
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self, embedding: ArrayLike, stability: ArrayLike, label: ArrayLike | None = None
    ) -> None:
        self.embedding = embedding
        self.stability = stability
        self.label = label

    def plot(self, ax: "Axes | None" = None, *, width: float = COLUMN_WIDTH) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=3.5
            Width of a new figure in inches.

        Returns
        -------
        StabilityDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            When a share is not between 0 and 1, or lengths differ.
        """
        embedding = check_embedding(self.embedding)
        share = check_length(self.stability, len(embedding), "stability").astype(np.float64)
        if not ((share >= 0) & (share <= 1)).all():
            raise ValueError("stability has values outside 0 to 1: it is a share of the runs")
        spurious = check_labels(self.label, len(embedding)) == SPURIOUS
        # Those that are flagged most are drawn last, so that none of them is hidden.
        order = np.argsort(share, kind="stable")
        with open_embedding(ax, embedding, width) as (axes, room):
            look: dict[str, Any] = {"cmap": "viridis", "vmin": 0, "vmax": 100}
            area = dot_area(len(embedding), room)
            look |= {"s": area, "linewidths": 0}
            look |= {"rasterized": len(embedding) > RASTERIZE_ABOVE}
            x, y = embedding[order].T
            shown = axes.scatter(x, y, c=100 * share[order], **look)
            if spurious.any():
                _draw_rims(axes, embedding[spurious], 100 * share[spurious], look, room)
            # Above, as wide as the axes, whose height follows the embedding.
            scale = axes.inset_axes((0.0, _SCALE_BOTTOM, 1.0, _SCALE_HEIGHT))
            axes.figure.colorbar(
                shown, cax=scale, orientation="horizontal", label="Flagged in (% of the runs)"
            )
            scale.xaxis.set_ticks_position("top")
            scale.xaxis.set_label_position("top")
        self.ax_, self.figure_ = axes, axes.figure
        return self


def _draw_rims(
    ax: "Axes",
    places: NDArray[np.float64],
    percent: NDArray[np.float64],
    look: dict[str, Any],
    width: float,
) -> None:
    """Draw the known spurious, in the same colours with a rim, and say what the rim means."""
    from matplotlib.lines import Line2D

    area = spurious_area(ax, places, width, look["s"])
    rims = {"linewidths": 0.6, "edgecolors": "black", "zorder": 3, "s": area}
    ax.scatter(places[:, 0], places[:, 1], c=percent, **{**look, **rims})
    sign: dict[str, Any] = {"marker": "o", "color": "black", "markerfacecolor": "none"}
    handle = Line2D([], [], linestyle="none", markersize=4, markeredgewidth=0.6, **sign)
    above = (_SCALE_BOTTOM + _SCALE_HEIGHT, _SCALE_WRITING)
    add_legend(ax, [handle], ["known spurious"], width=width, above=above)
