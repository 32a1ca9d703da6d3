"""The embedding, the components and the region as pictures."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from spurclust.plots.fitted import (
    SPURIOUS,
    check_embedding,
    check_fitted,
    check_labels,
    check_reasons,
    encode_labels,
)
from spurclust.plots.legend import add_legend, legend_height
from spurclust.plots.marks import (
    axes_width,
    dot_area,
    draw_group,
    group_sources,
    open_embedding,
    spurious_area,
)
from spurclust.plots.style import (
    COLUMN_WIDTH,
    OUTSIDE_COLOR,
    REGION_COLOR,
    REGION_FILL_COLOR,
    REGION_HATCH,
    RELIABLE_COLOR,
    SMALL_FONT_SIZE,
    UNINSPECTED_COLOR,
    open_axes,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Width of the bars' axes beside the numbers on both sides, as a part of the figure.
_BARS_PART = 0.74
# Height in inches that many components share.
_PAGE_ROWS = 5.5
# Light, so that the interval is seen on it; the same as the region's in its own picture.
_REGION_BAR: dict[str, Any] = {
    "facecolor": REGION_FILL_COLOR,
    "edgecolor": REGION_COLOR,
    "hatch": REGION_HATCH,
}
_OUTSIDE_BAR: dict[str, Any] = {"facecolor": OUTSIDE_COLOR, "edgecolor": RELIABLE_COLOR}


class EmbeddingDisplay:
    """The embedding, with the spurious sources marked by shape and colour, one for each reason.

    Shows at a glance whether the spurious sources lie together, which is what the method needs.
    Distances between far groups mean little in a t-SNE embedding; neighbourhoods do. The sizes of
    the dots follow the number of sources, from 2 to some 200 000.

    Parameters
    ----------
    embedding : array-like of shape (n_sources, 2)
        Coordinates of the sources.
    label : array-like of shape (n_sources,), default=None
        1 spurious, 0 reliable, -1 uninspected; None means that all are uninspected.
    reason : array-like of shape (n_sources,), default=None
        Why a source is spurious; blank, None or NaN where it is not known. The five most frequent
        reasons have signs of their own, the others share one.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import EmbeddingDisplay
    >>> display = EmbeddingDisplay([[0, 0], [1, 2], [3, 1]], [1, 0, -1])
    >>> legend = display.plot(ax=Figure().add_subplot()).ax_.get_legend()
    >>> [text.get_text() for text in legend.get_texts()]
    ['uninspected (1)', 'reliable (1)', 'spurious (1)']
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        embedding: ArrayLike,
        label: ArrayLike | None = None,
        reason: ArrayLike | None = None,
    ) -> None:
        self.embedding = embedding
        self.label = label
        self.reason = reason

    @classmethod
    def from_estimator(
        cls,
        detector: Any,
        y: ArrayLike | None,
        *,
        reason: ArrayLike | None = None,
        ax: "Axes | None" = None,
        width: float = COLUMN_WIDTH,
    ) -> Self:
        """Draw the embedding of a fitted detector.

        Parameters
        ----------
        detector : SpuriousRegionDetector
            The fitted detector.
        y : array-like of shape (n_sources,) or None
            The labels of the fit, in the same order; None draws all as uninspected.
        reason : array-like of shape (n_sources,), default=None
            Why a source is spurious.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=3.5
            Width of a new figure in inches.

        Returns
        -------
        EmbeddingDisplay
            The display, drawn.
        """
        label = encode_labels(detector, y)
        return cls(detector.embedding_, label, reason).plot(ax=ax, width=width)

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
        EmbeddingDisplay
            The display itself, with `ax_` and `figure_`.
        """
        embedding = check_embedding(self.embedding)
        label = check_labels(self.label, len(embedding))
        reason = check_reasons(self.reason, len(embedding))
        groups = group_sources(label, reason)
        labels = [f"{name} ({members.sum()})" for name, members, _ in groups]
        with open_embedding(ax, embedding, width) as (axes, room):
            area = dot_area(len(embedding), room)
            sign_area = spurious_area(axes, embedding[label == SPURIOUS], room, area)
            handles = [
                draw_group(axes, embedding[members], style, area=area, sign_area=sign_area)
                for _, members, style in groups
            ]
            add_legend(axes, handles, labels, width=room)
        self.ax_, self.figure_ = axes, axes.figure
        return self


class ComponentsDisplay:
    """The spurious fraction of each component with its 95 % interval, against the threshold.

    Shows how firmly each component stands in or out of the region: with few inspected sources the
    interval reaches across the threshold. On the right are the known spurious of the inspected
    sources. For 1 to about 100 components.

    Parameters
    ----------
    components : DataFrame
        A row for each component, with the columns n_inspected, n_spurious, fraction, fraction_low,
        fraction_high (NaN where nothing was inspected) and in_region.
    threshold : float
        The spurious fraction at which a component joins the region, from 0 to 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import ComponentsDisplay
    >>> table = {"n_inspected": 40, "n_spurious": 4, "fraction": 0.1, "fraction_low": 0.03,
    ...          "fraction_high": 0.24, "in_region": True}
    >>> display = ComponentsDisplay(pd.DataFrame(table, index=[0]), 0.05)
    >>> display.plot(ax=Figure().add_subplot()).ax_.get_xlabel()
    'Spurious fraction (%)'
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(self, components: "pd.DataFrame", threshold: float) -> None:
        self.components = components
        self.threshold = threshold

    @classmethod
    def from_estimator(
        cls,
        detector: Any,
        *,
        sort: Literal["component", "fraction"] = "component",
        ax: "Axes | None" = None,
        width: float = COLUMN_WIDTH,
    ) -> Self:
        """Draw the components of a fitted detector.

        Parameters
        ----------
        detector : SpuriousRegionDetector
            The fitted detector.
        sort : {"component", "fraction"}, default="component"
            By number, or the highest fraction first.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=3.5
            Width of a new figure in inches.

        Returns
        -------
        ComponentsDisplay
            The display, drawn.
        """
        check_fitted(detector)
        return cls(detector.components_, detector.threshold).plot(ax=ax, sort=sort, width=width)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        sort: Literal["component", "fraction"] = "component",
        width: float = COLUMN_WIDTH,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        sort : {"component", "fraction"}, default="component"
            By number, or the highest fraction first.
        width : float, default=3.5
            Width of a new figure in inches. Its height follows the number of components.

        Returns
        -------
        ComponentsDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            When there is no component, or `sort` is neither.
        """
        table = _sort_components(self.components, sort)
        row = _row_height(len(table))
        height = row * len(table) + 0.55 + legend_height([""] * 4, width)
        with open_axes(ax, width=width, height=max(height, 1.5)) as axes:
            font = min(SMALL_FONT_SIZE, 72 * 0.9 * row)
            _draw_bars(axes, table, font)
            room = _BARS_PART * width if ax is None else axes_width(axes)
            _explain_bars(axes, table, self.threshold, room)
        self.ax_, self.figure_ = axes, axes.figure
        return self


def _sort_components(components: "pd.DataFrame", sort: str) -> "pd.DataFrame":
    """Order the components as they are drawn, the first at the top."""
    if len(components) == 0:
        raise ValueError("there is no component: there is nothing to draw")
    if sort == "component":
        return components.sort_index()
    if sort == "fraction":
        # Stable, so that equal fractions stay in the order of their numbers.
        return components.sort_index().sort_values("fraction", ascending=False, kind="stable")
    raise ValueError(f"sort={sort!r}: choose 'component' or 'fraction'")


def _draw_bars(ax: "Axes", table: "pd.DataFrame", font: float) -> None:
    """Draw a bar and an interval for each component, with numbers on both sides."""
    places = np.arange(len(table))
    percent, low, high = (
        100 * table[name].to_numpy(dtype=np.float64)
        for name in ("fraction", "fraction_low", "fraction_high")
    )
    inside = table["in_region"].to_numpy(dtype=bool)
    known = np.isfinite(percent)
    for group, style in ((~inside, _OUTSIDE_BAR), (inside, _REGION_BAR)):
        drawn = group & known
        ax.barh(places[drawn], percent[drawn], height=0.72, linewidth=0.5, **style)
    reach = np.abs(np.stack([percent - low, high - percent]))[:, known]
    interval: dict[str, Any] = {
        "fmt": "none",
        "ecolor": "black",
        "elinewidth": 1.0,
        "capsize": 0,
    }
    ax.errorbar(percent[known], places[known], xerr=reach, **interval)
    for place in places[~known]:
        ax.text(0, place, " none inspected", va="center", fontsize=font, color=UNINSPECTED_COLOR)
    ax.set_yticks(places, [str(number) for number in table.index], fontsize=font)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(table) - 0.4, -0.6)
    right = ax.secondary_yaxis("right")
    counts = zip(table["n_spurious"], table["n_inspected"], strict=True)
    right.set_yticks(places, [f"{int(k)}/{int(n)}" for k, n in counts], fontsize=font)
    right.tick_params(axis="y", length=0)
    right.set_ylabel("Spurious / inspected")


def _explain_bars(ax: "Axes", table: "pd.DataFrame", threshold: float, width: float) -> None:
    """Draw the threshold, name the axes, and add the legend."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ax.axvline(100 * threshold, color="black", linestyle=(0, (4, 2)), linewidth=0.8)
    reach = max(float(np.nan_to_num(table["fraction_high"]).max()), 1.25 * threshold)
    ax.set_xlim(0, 100 * min(1.02, 1.05 * reach))
    ax.set(xlabel="Spurious fraction (%)", ylabel="Component")
    inside = table["in_region"].to_numpy(dtype=bool)
    entries: list[tuple[Any, str]] = []
    if inside.any():
        entries.append((Patch(linewidth=0.5, **_REGION_BAR), "in the region"))
    if not inside.all():
        entries.append((Patch(linewidth=0.5, **_OUTSIDE_BAR), "outside"))
    line: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 0.8}
    entries.append((Line2D([], [], **line), f"threshold {100 * threshold:g} %"))
    entries.append((Line2D([], [], color="black", linewidth=1.0), "95 % interval"))
    handles, labels = zip(*entries, strict=True)
    add_legend(ax, handles, labels, width=width)


def _row_height(n_components: int) -> float:
    """Choose the height of a component's row in inches, so that a hundred still fit on a page."""
    return float(np.clip(_PAGE_ROWS / n_components, 0.09, 0.2))
