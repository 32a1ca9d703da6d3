"""Pictures of completeness against workload, of tuning and of stability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.metrics import completeness_curve
from spurclust.plots import embeddings, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT_PART = 0.95
_CURVE: dict[str, Any] = {"color": style.LINE_COLOR, "linewidth": 1.2}
_CROSS: dict[str, Any] = {"color": "black", "linewidth": 0.8, "zorder": 4, "clip_on": False}
_POINT: dict[str, Any] = {
    "marker": "o",
    "linestyle": "none",
    "markersize": 6,
    "markerfacecolor": style.REGION_COLOR,
    "markeredgecolor": "black",
    "markeredgewidth": 0.8,
    "clip_on": False,
    "zorder": 5,
}
# The labels of more components or thresholds than this would touch, so some are left out.
_MOST_TICKS = 12


@dataclass(eq=False, repr=False)
class CompletenessDisplay(style.Display):
    """Draw completeness against workload for an inspection in the order of probability.

    The diagonal is an inspection in random order. With held-out probabilities, the curve shows what
    to expect for uninspected sources. With those of the fit, it is too good. Sources of equal
    probability are inspected in random order, so the curve is straight between them.

    Parameters
    ----------
    y : array-like of shape (n_sources,)
        1 spurious, 0 reliable, -1 uninspected; uninspected sources do not count.
    probability : array-like of shape (n_sources,) or (n_repeats, n_sources)
        Spurious probabilities, preferably held out; NaN where a source has none. For several
        repeats, it shows the mean, and a band from the lowest to the highest.
    point : tuple of float, default=None
        Workload and completeness of the chosen setting, to mark it.
    intervals : tuple of two tuples of float, default=None
        95 % intervals of the workload and of the completeness of the point.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import CompletenessDisplay
    >>> display = CompletenessDisplay([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.8])
    >>> display.plot(ax=Figure().add_subplot()).ax_.get_xlabel()
    'Workload (%)'
    """

    y: ArrayLike
    probability: ArrayLike
    _: KW_ONLY
    point: tuple[float, float] | None = None
    intervals: tuple[tuple[float, float], tuple[float, float]] | None = None

    @classmethod
    def from_estimator(cls, search: Any, y: ArrayLike, **options: Any) -> Self:
        """Draw the held-out curve of a fitted search, with its choice marked.

        Parameters
        ----------
        search : SpuriousRegionDetectorCV
            The fitted search.
        y : array-like of shape (n_sources,)
            Labels of the fit, in the same order.
        **options : dict
            Options of `plot`: ax, width, legend, and properties of matplotlib.

        Returns
        -------
        CompletenessDisplay
            The display, drawn.
        """
        check_is_fitted(search)
        display = cls(
            embeddings.labels_of(search.best_estimator_, y),
            search.held_out_probability_by_repeat_,
            point=(search.workload_, search.completeness_),
            intervals=(search.workload_interval_, search.completeness_interval_),
        )
        return display.plot(**options)

    def _draw(
        self, ax: Axes | None, width: float, legend: style.Legend, look: dict[str, Any]
    ) -> Axes:
        workload, curves = _completeness_curves(self.y, self.probability)
        with style.open_axes(ax, width=width, height=_HEIGHT_PART * width) as axes:
            diagonal = {**style.DASHED, "color": style.UNINSPECTED_COLOR}
            handles: dict[str, Any] = {"random order": axes.plot([0, 100], [0, 100], **diagonal)[0]}
            if len(curves) > 1:
                low, high = curves.min(axis=0), curves.max(axis=0)
                color = look.get("color", look.get("c", style.LINE_COLOR))
                band = axes.fill_between(workload, low, high, color=color, alpha=0.25)
                handles[f"{len(curves)} repeats"] = band
            curve = axes.plot(workload, curves.mean(axis=0), **{**_CURVE, **look})[0]
            handles[legend.label or "by probability"] = curve
            if self.point is not None:
                (x,), (y,) = np.multiply(100, self.point)[:, None]
                name = "chosen"
                if self.intervals is not None:
                    name = "chosen, 95 % intervals"
                    across, along = np.multiply(100, self.intervals)
                    axes.plot(across, [y, y], **_CROSS)
                    axes.plot([x, x], along, **_CROSS)
                handles[name] = axes.plot([x], [y], **_POINT)[0]
            axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="Workload (%)", ylabel="Completeness (%)")
            legend = legend._replace(label=None)  # the label of the curve
            style.add_legend(axes, handles, is_new=ax is None, legend=legend)
        return axes


def _completeness_curves(
    label: ArrayLike, probability: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the curve of each repeat, in per cent, at the same workloads."""
    rows = np.atleast_2d(np.asarray(probability, dtype=np.float64))
    label = embeddings.check_labels(label, rows.shape[1])
    pairs = []
    for row in rows:
        known = np.isfinite(row) & (label != UNINSPECTED)
        if not (label[known] == SPURIOUS).any():
            raise ValueError("no source with a probability is known to be spurious")
        pairs.append(completeness_curve(label[known], row[known]))
    workload = np.unique(np.concatenate([pair[0] for pair in pairs]))
    return 100 * workload, 100 * np.stack([np.interp(workload, *pair) for pair in pairs])


@dataclass(eq=False, repr=False)
class TuningDisplay(style.Display):
    """Draw held-out completeness and workload over the number of components and the threshold.

    The color shows the workload, and the number the completeness in per cent. The chosen setting
    has a frame. On a broad plateau the choice is reliable; a single peak may be luck.

    Parameters
    ----------
    cv_results : mapping of str to array-like
        `cv_results_` of a search over `n_components` and `threshold`: a SpuriousRegionDetectorCV,
        or a GridSearchCV with the scorers "completeness" and "neg_workload".
    best_index : int, default=None
        Index of the chosen setting, to mark it. If other parameters were searched as well, the
        surface is that of their chosen (or first) values.

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

    cv_results: Mapping[str, Any]
    best_index: int | None = None

    @classmethod
    def from_estimator(cls, search: Any, **options: Any) -> Self:
        """Draw the surface of a fitted search.

        Parameters
        ----------
        search : SpuriousRegionDetectorCV or GridSearchCV
            The fitted search. A GridSearchCV over `n_components` and `threshold` needs the scorers
            "completeness" and "neg_workload" of `spurclust.metrics.get_scorer`.
        **options : dict
            Options of `plot`: ax, width, and properties of matplotlib.

        Returns
        -------
        TuningDisplay
            The display, drawn.
        """
        check_is_fitted(search)
        # A GridSearchCV with several scorers and refit=False has no best.
        return cls(search.cv_results_, getattr(search, "best_index_", None)).plot(**options)

    def _draw(
        self,
        ax: Axes | None,
        width: float,
        legend: style.Legend,
        look: dict[str, Any],
    ) -> Axes:
        columns, column = np.unique(self._setting("n_components"), return_inverse=True)
        rows, row = np.unique(self._setting("threshold"), return_inverse=True)
        drawn = self._same_as_best()
        surfaces = np.full((2, len(rows), len(columns)), np.nan)
        for surface, name in zip(surfaces, ("workload", "completeness"), strict=True):
            surface[row[drawn], column[drawn]] = 100 * self._metric(name)[drawn]
        with style.open_axes(ax, width=width, height=_HEIGHT_PART * width) as axes:
            _draw_surface(axes, surfaces[0], surfaces[1], width, look)
            for axis, values in ((axes.xaxis, columns), (axes.yaxis, 100 * rows)):
                every = -(-len(values) // _MOST_TICKS)
                names = [f"{value:.3g}" for value in values[::every]]
                axis.set_ticks(np.arange(len(values))[::every], names)
            axes.tick_params(length=0)
            axes.set(xlabel="Components", ylabel="Threshold (%)")
            title = "Held-out completeness (%) in the squares"
            if self.best_index is not None:
                title += ",\nthe chosen setting framed"
                _draw_frame(axes, column[self.best_index], row[self.best_index])
            if legend.shown and not axes.get_title():  # keep a title of the caller
                axes.set_title(title, fontsize="medium")
        return axes

    def _setting(self, name: str) -> NDArray[np.float64]:
        """Return the values of a searched parameter, in a pipeline or not."""
        for column, values in self.cv_results.items():
            if column.startswith("param_") and column[6:].split("__")[-1] == name:
                return np.asarray(values, dtype=np.float64)
        raise ValueError(f"the search did not try values of {name}: search over both parameters")

    def _same_as_best(self) -> NDArray[np.bool_]:
        """Return which settings have the other parameters of the best setting."""
        others = [
            np.asarray(values, dtype=object)
            for column, values in self.cv_results.items()
            if column.startswith("param_")
            and column[6:].split("__")[-1] not in ("n_components", "threshold")
        ]
        same = np.ones(len(self._setting("threshold")), dtype=bool)
        for values in others:
            best = values[self.best_index or 0]
            same &= np.array([value is best or value == best for value in values], dtype=bool)
        return same

    def _metric(self, name: str) -> NDArray[np.float64]:
        """Return the mean of a metric over the folds; its scorer may be negative."""
        for column, sign in ((f"mean_test_{name}", 1), (f"mean_test_neg_{name}", -1)):
            if column in self.cv_results:
                return sign * np.asarray(self.cv_results[column], dtype=np.float64)
        raise ValueError(
            f"the search has no {name}: give it scoring={{name: get_scorer(name) for name in "
            "('completeness', 'neg_workload')} of spurclust.metrics"
        )


def _draw_surface(
    ax: Axes,
    workload: NDArray[np.float64],
    completeness: NDArray[np.float64],
    width: float,
    given: dict[str, Any],
) -> None:
    """Draw workloads as colors, and completeness in numbers on top."""
    # From 0, so that colors are proportional, to the maximum, so that they differ.
    most = float(np.nanmax(workload, initial=0)) or 100.0
    # matplotlib cannot find the edges of a single row or column.
    y, x = (np.arange(n + 1) - 0.5 for n in workload.shape)
    shown = ax.pcolormesh(x, y, workload, **{"cmap": "viridis", "vmin": 0, "vmax": most, **given})
    ax.figure.colorbar(shown, ax=ax, label="Held-out workload (%)")
    look: dict[str, Any] = {"ha": "center", "va": "center"}
    look["fontsize"] = min(6.5, 72 * 0.55 * width / (2.4 * workload.shape[1]))
    for (row, column), percent in np.ndenumerate(completeness):
        # Dark text on light squares and light text on dark ones.
        color = "black" if workload[row, column] > 0.55 * most else "white"
        ax.text(column, row, f"{percent:.0f}", color=color, **look)


def _draw_frame(ax: Axes, column: int, row: int) -> None:
    """Draw a frame around a square that is visible on any color."""
    from matplotlib.patches import Rectangle

    for color, width in (("black", 3.0), ("white", 1.2)):
        square = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, clip_on=False, zorder=5)
        square.set(edgecolor=color, linewidth=width)
        ax.add_patch(square)


@dataclass(eq=False, repr=False)
class StabilityDisplay(style.Display):
    """Draw the embedding, colored by the share of runs in which each source is flagged.

    A part of one color follows from the data. A speckled part depends on random draws. Known
    spurious sources have a black rim.

    Parameters
    ----------
    embedding : array-like of shape (n_sources, 2)
        Coordinates of the sources.
    stability : array-like of shape (n_sources,)
        Share of runs in which a source is flagged, see `spurclust.tuning.flag_stability`.
    y : array-like of shape (n_sources,), default=None
        1 spurious, 0 reliable, -1 uninspected.
    embedding_name : str, default="t-SNE"
        What the axes are named after.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import StabilityDisplay
    >>> display = StabilityDisplay([[0, 0], [1, 2]], [0.0, 1.0])
    >>> display.plot(ax=Figure().add_subplot()).figure_.axes[-1].get_xlabel()
    'Flagged in (% of the runs)'
    """

    embedding: ArrayLike
    stability: ArrayLike
    y: ArrayLike | None = None
    _: KW_ONLY
    embedding_name: str = "t-SNE"

    @classmethod
    def from_estimator(
        cls, detector: Any, y: ArrayLike | None, stability: ArrayLike, **options: Any
    ) -> Self:
        """Draw the stability of a fitted detector's flags over its embedding.

        Parameters
        ----------
        detector : SpuriousRegionDetector
            The fitted detector.
        y : array-like of shape (n_sources,) or None
            The labels of the fit, in the same order; None gives no source a rim.
        stability : array-like of shape (n_sources,)
            Share of runs in which a source is flagged, see `spurclust.tuning.flag_stability`.
        **options : dict
            Options of `plot`: ax, width, legend, and properties of matplotlib.

        Returns
        -------
        StabilityDisplay
            The display, drawn.
        """
        label = embeddings.labels_of(detector, y)
        name = embeddings.embedding_name_of(detector)
        return cls(detector.embedding_, stability, label, embedding_name=name).plot(**options)

    def _draw(
        self, ax: Axes | None, width: float, legend: style.Legend, look: dict[str, Any]
    ) -> Axes:
        points = embeddings.check_embedding(self.embedding)
        share = embeddings.check_per_source(self.stability, len(points), "stability")
        if not ((share >= 0) & (share <= 1)).all():
            raise ValueError("stability has values outside 0 to 1: it is a share of the runs")
        spurious = embeddings.check_labels(self.y, len(points)) == SPURIOUS
        # Sources that are flagged most are drawn last, so that they are not hidden.
        order = np.argsort(share, kind="stable")
        with embeddings.open_embedding(ax, points, width, name=self.embedding_name) as (axes, room):
            area = embeddings.dot_area(len(points), room)
            rasterized = len(points) > embeddings.RASTERIZE_ABOVE
            look = {"cmap": "viridis", "vmin": 0, "vmax": 100, "rasterized": rasterized, **look}
            x, y = points[order].T
            shown = axes.scatter(x, y, c=100 * share[order], **{"s": area, "linewidths": 0, **look})
            name = "Flagged in (% of the runs)"
            axes.figure.colorbar(shown, ax=axes, location="bottom", pad=0.02, label=name)
            if spurious.any():
                rims: dict[str, Any] = {"linewidths": 0.6, "edgecolors": "black", "zorder": 3}
                large = embeddings.sign_area(axes, points[spurious], room, area)
                x, y = points[spurious].T
                look = {**look, **rims, "s": large}
                axes.scatter(x, y, c=100 * share[spurious], **look)
                sign = axes.scatter([], [], s=16, facecolors="none", **rims)
                style.add_legend(axes, {"known spurious": sign}, is_new=ax is None, legend=legend)
        return axes
