"""How many of the spurious are found by how much looking, and by which settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.metrics import completeness_curve
from spurclust.plots.fitted import check_labels, encode_labels
from spurclust.plots.legend import add_legend
from spurclust.plots.style import (
    COLUMN_WIDTH,
    LINE_COLOR,
    REGION_COLOR,
    UNINSPECTED_COLOR,
    open_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_HEIGHT_PART = 0.95
_CURVE: dict[str, Any] = {"color": LINE_COLOR, "linewidth": 1.2}
_DIAGONAL: dict[str, Any] = {"color": UNINSPECTED_COLOR, "linestyle": (0, (4, 2)), "linewidth": 0.8}
_POINT: dict[str, Any] = {
    "marker": "o",
    "linestyle": "none",
    "markersize": 6,
    "markerfacecolor": REGION_COLOR,
    "markeredgecolor": "black",
    "markeredgewidth": 0.8,
}


class CompletenessDisplay:
    """Completeness against workload: what looking at the most probable sources first would find.

    The diagonal is what looking at random finds. With held-out probabilities it says what to expect
    of sources that nobody has looked at; with those of the fit it flatters. Sources of equal
    probability count as looked at in random order, so the curve is straight between them.

    Parameters
    ----------
    label : array-like of shape (n_sources,)
        1 spurious, 0 reliable, -1 uninspected; uninspected sources do not count.
    probability : array-like of shape (n_sources,) or (n_repeats, n_sources)
        Spurious probabilities, best held out; NaN where a source has none. Of several repeats the
        mean is drawn, and a band from the lowest to the highest.
    point : tuple of float, default=None
        Workload and completeness of the chosen setting, to be marked.
    intervals : tuple of two tuples of float, default=None
        The 95 % interval of the point's workload, and that of its completeness.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import CompletenessDisplay
    >>> display = CompletenessDisplay([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.8])
    >>> display.plot(ax=Figure().add_subplot()).ax_.get_xlabel()
    'Workload (%)'
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        label: ArrayLike,
        probability: ArrayLike,
        *,
        point: tuple[float, float] | None = None,
        intervals: tuple[tuple[float, float], tuple[float, float]] | None = None,
    ) -> None:
        self.probability = np.atleast_2d(np.asarray(probability, dtype=np.float64))
        self.label = check_labels(label, self.probability.shape[1])
        self.point = point
        self.intervals = intervals

    @classmethod
    def from_estimator(
        cls, search: Any, y: ArrayLike, *, ax: "Axes | None" = None, width: float = COLUMN_WIDTH
    ) -> Self:
        """Draw the held-out curve of a fitted search, with its choice marked.

        Parameters
        ----------
        search : SpuriousRegionDetectorCV
            The fitted search.
        y : array-like of shape (n_sources,)
            The labels that it was fitted on.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=3.5
            Width of a new figure in inches.

        Returns
        -------
        CompletenessDisplay
            The display, drawn.
        """
        point = search.workload_, search.completeness_
        label = encode_labels(search.best_estimator_, y)
        probability = search.held_out_probability_by_repeat_
        intervals = search.workload_interval_, search.completeness_interval_
        display = cls(label, probability, point=point, intervals=intervals)
        return display.plot(ax=ax, width=width)

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
        CompletenessDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            When no source with a probability is known to be spurious.
        """
        workload, curves = _curves(self.label, self.probability)
        with open_axes(ax, width=width, height=_HEIGHT_PART * width) as axes:
            entries: list[Any] = [
                axes.plot([0, 100], [0, 100], label="random order", **_DIAGONAL)[0]
            ]
            if len(curves) > 1:
                low, high = 100 * curves.min(axis=0), 100 * curves.max(axis=0)
                band = axes.fill_between(100 * workload, low, high, color=LINE_COLOR, alpha=0.25)
                band.set_label(f"{len(curves)} repeats")
                entries.append(band)
            mean = curves.mean(axis=0)
            entries += axes.plot(100 * workload, 100 * mean, label="by probability", **_CURVE)
            if self.point is not None:
                entries += _mark(axes, self.point, self.intervals)
            axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="Workload (%)", ylabel="Completeness (%)")
            add_legend(axes, entries, [str(entry.get_label()) for entry in entries], width=width)
        self.ax_, self.figure_ = axes, axes.figure
        return self


def _mark(ax: "Axes", point: tuple[float, float], intervals: Any) -> list[Any]:
    """Mark the chosen setting, with its intervals as a cross."""
    x, y = (100 * value for value in point)
    label = "chosen"
    if intervals is not None:
        (left, right), (low, high) = (np.multiply(100, pair) for pair in intervals)
        cross: dict[str, Any] = {"color": "black", "linewidth": 0.8, "zorder": 4, "clip_on": False}
        ax.plot([left, right], [y, y], **cross)
        ax.plot([x, x], [low, high], **cross)
        label = "chosen, 95 % intervals"
    return ax.plot([x], [y], label=label, zorder=5, clip_on=False, **_POINT)


def _curves(
    label: NDArray[np.int8], probability: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the curve of each repeat at the same workloads."""
    pairs = []
    for row in probability:
        known = np.isfinite(row) & (label >= 0)
        if not (label[known] == 1).any():
            raise ValueError("no source that has a probability is known to be spurious")
        pairs.append(completeness_curve(label[known], row[known]))
    workload = np.unique(np.concatenate([pair[0] for pair in pairs]))
    return workload, np.stack([np.interp(workload, *pair) for pair in pairs])


class TuningDisplay:
    """Held-out completeness and workload over the number of components and the threshold.

    Colour is the workload, the numbers are the completeness in per cent, and the chosen setting is
    framed: one sees whether it lies on a broad plateau or on a lucky peak.

    Parameters
    ----------
    cv_results : mapping of str to array-like
        What a search over `n_components` and `threshold` has as `cv_results_`.
    best_index : int, default=None
        Place of the chosen setting, to be marked. When perplexities were searched as well, the
        surface is that of the chosen one, or of the first.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import TuningDisplay
    >>> results = {"param_n_components": [2, 2, 6, 6], "param_threshold": [0.1, 0.2, 0.1, 0.2],
    ...            "mean_test_completeness": [1, 0.8, 0.9, 0.5],
    ...            "mean_test_workload": [1, 0.5, 0.4, 0.1]}
    >>> display = TuningDisplay(results, 2)
    >>> display.plot(ax=Figure().add_subplot()).ax_.get_xlabel()
    'Components'
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(self, cv_results: Mapping[str, Any], best_index: int | None = None) -> None:
        self.cv_results = cv_results
        self.best_index = best_index

    @classmethod
    def from_estimator(
        cls, search: Any, *, ax: "Axes | None" = None, width: float = COLUMN_WIDTH
    ) -> Self:
        """Draw the surface of a fitted search.

        Parameters
        ----------
        search : SpuriousRegionDetectorCV
            The fitted search.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=3.5
            Width of a new figure in inches.

        Returns
        -------
        TuningDisplay
            The display, drawn.
        """
        return cls(search.cv_results_, search.best_index_).plot(ax=ax, width=width)

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
        TuningDisplay
            The display itself, with `ax_` and `figure_`.
        """
        surface = _surface(self.cv_results, self.best_index)
        with open_axes(ax, width=width, height=_HEIGHT_PART * width) as axes:
            columns, rows = np.arange(len(surface.n_components)), np.arange(len(surface.threshold))
            # From 0, so that colours stay in proportion; to the most there is, so that they differ.
            most = float(np.nanmax(surface.workload, initial=0)) or 1.0
            shown = axes.pcolormesh(
                columns, rows, 100 * surface.workload, cmap="viridis", vmin=0, vmax=100 * most
            )
            axes.figure.colorbar(shown, ax=axes, label="Held-out workload (%)")
            for y, x in np.ndindex(surface.completeness.shape):
                # Dark writing on light squares and light writing on dark ones.
                color = "black" if surface.workload[y, x] > 0.55 * most else "white"
                text = f"{100 * surface.completeness[y, x]:.0f}"
                size = min(6.5, 72 * 0.55 * width / (2.4 * len(columns)))
                axes.text(x, y, text, ha="center", va="center", color=color, fontsize=size)
            axes.set_xticks(columns, [f"{value:g}" for value in surface.n_components])
            axes.set_yticks(rows, [f"{100 * value:.3g}" for value in surface.threshold])
            axes.tick_params(length=0)
            axes.set(xlabel="Components", ylabel="Threshold (%)")
            title = "Held-out completeness (%) in the squares"
            if surface.chosen is not None:
                title += ",\nthe chosen setting framed"
                _frame(axes, *surface.chosen)
            axes.set_title(title, fontsize="medium")
        self.ax_, self.figure_ = axes, axes.figure
        return self


class _Surface(NamedTuple):
    """Figures over thresholds (rows) and numbers of components (columns)."""

    n_components: NDArray[np.float64]
    threshold: NDArray[np.float64]
    completeness: NDArray[np.float64]
    workload: NDArray[np.float64]
    chosen: tuple[int, int] | None


def _surface(results: Mapping[str, Any], best_index: int | None) -> _Surface:
    """Lay the results of a search out over the two settings."""
    values = {
        name: np.asarray(results[f"param_{name}"], dtype=np.float64)
        for name in ("n_components", "threshold", "perplexity")
        if f"param_{name}" in results
    }
    chosen = np.ones(len(values["threshold"]), dtype=bool)
    if "perplexity" in values:
        chosen = values["perplexity"] == values["perplexity"][best_index or 0]
    n_components, column = np.unique(values["n_components"], return_inverse=True)
    threshold, row = np.unique(values["threshold"], return_inverse=True)
    grids = []
    for name in ("completeness", "workload"):
        grid = np.full((len(threshold), len(n_components)), np.nan)
        grid[row[chosen], column[chosen]] = np.asarray(results[f"mean_test_{name}"])[chosen]
        grids.append(grid)
    place = None if best_index is None else (int(column[best_index]), int(row[best_index]))
    return _Surface(n_components, threshold, grids[0], grids[1], place)


def _frame(ax: "Axes", column: int, row: int) -> None:
    """Put a frame around one square, seen on any colour."""
    from matplotlib.patches import Rectangle

    for color, width in (("black", 3.0), ("white", 1.2)):
        square = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, clip_on=False, zorder=5)
        square.set(edgecolor=color, linewidth=width)
        ax.add_patch(square)
