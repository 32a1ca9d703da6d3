"""Pictures of the spurious region over the embedding, and of the components."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from spurclust.labels import SPURIOUS
from spurclust.plots import embeddings, style
from spurclust.region import assign_components, is_flagged, spurious_probability

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Sources in the region have its color in dark.
_OUTSIDE_DOT, _FLAGGED_DOT = (style.RELIABLE_COLOR, embeddings.DOT), ("#7A5200", embeddings.DOT)
# Light, so that the interval is visible on it.
_REGION: dict[str, Any] = {
    "facecolor": style.REGION_FILL_COLOR,
    "edgecolor": style.REGION_COLOR,
    "hatch": style.REGION_HATCH,
}
_OUTSIDE: dict[str, Any] = {"facecolor": style.OUTSIDE_COLOR, "edgecolor": style.RELIABLE_COLOR}
# The numbers of more components than this need the width of a page.
_COLUMN_COMPONENTS = 15
# The number of a component with fewer sources than this is above them, not on them.
_FEW_SOURCES = 6
# A component's number is tried at this many of its sources, the nearest to its middle first.
_POSITIONS_TRIED = 400
# Height and width of a sign and of a digit, in points.
_SIGN, _DIGIT = 6.0, np.array([0.72, 1.15]) * style.SMALL_FONT_SIZE
_SIGMA_LINES: tuple[tuple[int, Any], ...] = ((1, "-"), (2, (0, (3, 2))))
# Number of points along each axis at which the region is evaluated.
_GRID_POINTS = 300
# The region is drawn up to this part of the embedding's extent from a source.
_REACH = 0.04
# Height in inches for the rows of many components.
_PAGE_ROWS = 5.5


class RegionGrid(NamedTuple):
    """The components and the region, evaluated on a grid over the embedding, at ``[y, x]``."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    component: NDArray[np.intp]
    flagged: NDArray[np.bool_]
    # Positions near sources. A mixture assigns the emptiest positions to a component, too.
    near: NDArray[np.bool_]


def evaluate_region(detector: Any) -> RegionGrid:
    """Evaluate a fitted detector's components and region over the plane of its embedding."""
    from scipy.spatial import cKDTree

    embedding = embeddings.check_embedding(detector.embedding_)
    span = float(np.ptp(embedding, axis=0).max()) or 2.0
    # Few sources lie far apart, and the area around each must be visible.
    reach = span * max(_REACH, 0.15 / len(embedding) ** 0.5)
    low, high = embeddings.plane_limits(embedding).T
    x, y = np.linspace(low, high, _GRID_POINTS).T
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    distance, _ = cKDTree(embedding).query(points, distance_upper_bound=reach)
    near = np.isfinite(distance)
    mixture, counts = detector.pipeline_[-1], detector.component_counts_
    component, flagged = np.zeros(len(points), dtype=np.intp), np.zeros(len(points), dtype=bool)
    component[near] = assign_components(mixture, points[near])
    probability = spurious_probability(mixture, points[near], counts, detector.assignment)
    flagged[near] = is_flagged(probability, detector.threshold)
    shape = (len(y), len(x))
    component, flagged = component.reshape(shape), flagged.reshape(shape)
    return RegionGrid(x, y, component, flagged, near.reshape(shape))


def component_covariances(mixture: Any) -> NDArray[np.float64] | None:
    """Return the covariance matrix of each component, or None when the mixture has none."""
    if not hasattr(mixture, "means_") or not hasattr(mixture, "covariances_"):
        return None
    values = np.asarray(mixture.covariances_, dtype=np.float64)
    if getattr(mixture, "covariance_type", "full") in ("diag", "spherical"):
        values = values.reshape(len(values), -1, 1) * np.eye(2)
    # One matrix per component, or one for all ("tied").
    return np.broadcast_to(values, (len(mixture.means_), 2, 2))


@dataclass(eq=False, repr=False)
class RegionDisplay(style.Display):
    """Draw the region over the embedding: components, flagged sources and the known spurious.

    Use it to see where the region lies, and which spurious sources it misses. Sources in the filled
    area are flagged. The ellipses (1 and 2 sigma) are the Gaussians, which overlap. For a mixture
    of another kind, the borders of its components are drawn instead.

    Parameters
    ----------
    embedding : array-like of shape (n_sources, 2)
        Coordinates of the sources.
    y : array-like of shape (n_sources,) or None
        1 spurious, 0 reliable, -1 uninspected.
    component : array-like of int of shape (n_sources,)
        Component of each source.
    flagged : array-like of bool of shape (n_sources,)
        Whether a source lies in the region.
    region : array-like of bool of shape (n_components,)
        Whether a component belongs to the region.
    grid : RegionGrid, default=None
        The region evaluated over the plane: `x` and `y` of shape (n_points,), `component`,
        `flagged` and `near` (where there are sources) of shape (n_points, n_points). None leaves
        out the filled area.
    means : array-like of shape (n_components, 2), default=None
        Center of each Gaussian.
    covariances : array-like of shape (n_components, 2, 2), default=None
        Covariance matrix of each Gaussian; None leaves out the ellipses.
    embedding_name : str, default="t-SNE"
        Name of the axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import RegionDisplay
    >>> display = RegionDisplay([[0, 0], [9, 9]], [1, 0], [0, 1], [True, False], [True, False])
    >>> display.plot(ax=Figure().add_subplot()).ax_.get_legend().get_title().get_text()
    'flagged 1 of 2, 1 of 1 known spurious'
    """

    embedding: ArrayLike
    y: ArrayLike | None
    component: ArrayLike
    flagged: ArrayLike
    region: ArrayLike
    _: KW_ONLY
    grid: RegionGrid | None = None
    means: ArrayLike | None = None
    covariances: ArrayLike | None = None
    embedding_name: str = "t-SNE"

    @classmethod
    def from_estimator(cls, detector: Any, y: ArrayLike | None, **options: Any) -> Self:
        """Draw the region of a fitted detector.

        Parameters
        ----------
        detector : SpuriousRegionDetector
            The fitted detector.
        y : array-like of shape (n_sources,) or None
            The labels of the fit, in the same order; None marks no source as spurious.
        **options : dict
            Options of `plot`: ax, width, legend, and properties of matplotlib.

        Returns
        -------
        RegionDisplay
            The display, drawn.
        """
        label = embeddings.labels_of(detector, y)
        mixture = detector.pipeline_[-1]
        display = cls(
            detector.embedding_,
            label,
            detector.component_,
            detector.flagged_,
            detector.region_,
            grid=evaluate_region(detector),
            means=getattr(mixture, "means_", None),
            covariances=component_covariances(mixture),
            embedding_name=embeddings.embedding_name_of(detector),
        )
        return display.plot(**options)

    def _draw(
        self, ax: Axes | None, width: float, legend: style.Legend, look: dict[str, Any]
    ) -> Axes:
        points = embeddings.check_embedding(self.embedding)
        label = embeddings.check_labels(self.y, len(points))
        component = embeddings.check_per_source(self.component, len(points), "component")
        flagged = embeddings.check_per_source(self.flagged, len(points), "flagged").astype(bool)
        region = np.asarray(self.region, dtype=bool)
        spurious = label == SPURIOUS
        with embeddings.open_embedding(ax, points, width, name=self.embedding_name) as (axes, room):
            groups = [
                ("source outside", ~flagged & ~spurious, _OUTSIDE_DOT),
                ("source in the region", flagged & ~spurious, _FLAGGED_DOT),
                ("known spurious", spurious, (style.SPURIOUS_COLOR, style.SPURIOUS_MARKER)),
            ]
            handles = embeddings.draw_groups(axes, points, groups, room, look)
            if self.grid is not None:
                handles |= _fill_region(axes, self.grid, borders=self.covariances is None)
            if self.means is not None and self.covariances is not None:
                handles |= _draw_ellipses(
                    axes, self.means, self.covariances, np.unique(component), region
                )
            _number_components(axes, points, component, region, points[spurious], room)
            known = f"{flagged[spurious].sum()} of {spurious.sum()}" if spurious.any() else "no"
            title = f"flagged {flagged.sum()} of {len(points)}, {known} known spurious"
            style.add_legend(axes, handles, is_new=ax is None, legend=legend, title=title)
        return axes

    def _default_width(self) -> float:
        n_components = len(np.asarray(self.region))
        return style.COLUMN_WIDTH if n_components <= _COLUMN_COMPONENTS else style.PAGE_WIDTH


def _fill_region(ax: Axes, grid: RegionGrid, *, borders: bool) -> dict[str, Any]:
    """Fill and hatch the area where sources are flagged; draw the borders of all components."""
    from matplotlib.patches import Patch

    if borders:
        for number in np.unique(grid.component[grid.near]):
            inside = np.ma.masked_where(~grid.near, (grid.component == number).astype(np.float64))
            if inside.min() < 1:
                ax.contour(grid.x, grid.y, inside, [0.5], colors=[style.LINE_COLOR], linewidths=0.5)
    flagged = (grid.flagged & grid.near).astype(np.float64)
    if not flagged.any():
        return {}
    filled = ax.contourf(
        grid.x, grid.y, flagged, [0.5, 1.5], colors=[style.REGION_FILL_COLOR], hatches=["////"]
    )
    filled.set(edgecolor=style.REGION_COLOR, linewidth=0, zorder=0)
    if flagged.min() < 1:
        ax.contour(grid.x, grid.y, flagged, [0.5], colors=[style.REGION_COLOR], linewidths=1.0)
    return {"region": Patch(linewidth=0.8, **_REGION)}


def _draw_ellipses(
    ax: Axes,
    means: ArrayLike,
    covariances: ArrayLike,
    numbers: NDArray[np.intp],
    region: NDArray[np.bool_],
) -> dict[str, Any]:
    """Draw some components as ellipses of 1 and 2 sigma, and return their legend handles."""
    from matplotlib.lines import Line2D

    centers, spreads = np.asarray(means), np.linalg.cholesky(np.asarray(covariances))
    turn = np.linspace(0, 2 * np.pi, 91)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    handles = {}
    for n_sigma, line in _SIGMA_LINES:
        look: dict[str, Any] = {"color": style.LINE_COLOR, "linestyle": line}
        for number in numbers:
            x, y = centers[number][:, None] + n_sigma * spreads[number] @ circle
            ax.plot(x, y, linewidth=1.1 if region[number] else 0.6, zorder=2.5, **look)
        handles[f"{n_sigma} sigma"] = Line2D([], [], linewidth=0.8, **look)
    return handles


def _number_components(
    ax: Axes,
    points: NDArray[np.float64],
    component: NDArray[Any],
    region: NDArray[np.bool_],
    signs: NDArray[np.float64],
    width: float,
) -> None:
    """Write each component's number among its sources, where it covers few signs and no number."""
    from matplotlib.patheffects import withStroke

    scale = float(np.ptp(ax.get_xlim())) / (72 * width)
    # Middles, sizes and weights of things that should not be covered.
    taken = np.column_stack([signs, np.full((len(signs), 2), scale * _SIGN), np.ones(len(signs))])
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": style.SMALL_FONT_SIZE}
    look["path_effects"] = [withStroke(linewidth=1.8, foreground="white")]
    for number in np.unique(component):
        members = points[component == number]
        size = scale * _DIGIT * (len(str(number)), 1)
        if len(members) < _FEW_SOURCES:
            members = members + np.array([0, size[1]])
        middle = np.median(members, axis=0)
        near = members[np.argsort(((members - middle) ** 2).sum(axis=1), kind="stable")]
        tried = np.vstack([middle, near[:: max(1, len(near) // _POSITIONS_TRIED)]])
        apart = np.abs(tried[:, None] - taken[:, :2])
        covered = (apart < (taken[:, 2:4] + size) / 2).all(axis=2)
        x, y = tried[np.argmin(covered @ taken[:, 4])]
        taken = np.vstack([taken, (x, y, *size, 1e6)])
        weight = "bold" if region[number] else "normal"
        ax.text(x, y, str(number), fontweight=weight, zorder=4, **look)


@dataclass(eq=False, repr=False)
class ComponentsDisplay(style.Display):
    """Draw the spurious fraction of each component with its 95 % interval and the threshold.

    Use it to see which components are surely inside or outside of the region. With few inspected
    sources, the interval crosses the threshold. Numbers of known spurious and of inspected sources
    are on the right. It suits 1 to about 100 components.

    Parameters
    ----------
    components : DataFrame
        One row per component, with the columns n_inspected, n_spurious, fraction, fraction_low,
        fraction_high (NaN where no source is inspected) and in_region.
    threshold : float
        Spurious fraction at which a component joins the region, from 0 to 1.
    sort : {"component", "fraction"}, default="component"
        By number, or the highest fraction first.

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

    components: pd.DataFrame
    threshold: float
    sort: Literal["component", "fraction"] = "component"

    @classmethod
    def from_estimator(
        cls, detector: Any, *, sort: Literal["component", "fraction"] = "component", **options: Any
    ) -> Self:
        """Draw the components of a fitted detector.

        Parameters
        ----------
        detector : SpuriousRegionDetector
            The fitted detector.
        sort : {"component", "fraction"}, default="component"
            By number, or the highest fraction first.
        **options : dict
            Options of `plot`: ax, width, legend, and properties of matplotlib.

        Returns
        -------
        ComponentsDisplay
            The display, drawn.
        """
        check_is_fitted(detector)
        return cls(detector.components_, detector.threshold, sort).plot(**options)

    def _draw(
        self, ax: Axes | None, width: float, legend: style.Legend, look: dict[str, Any]
    ) -> Axes:
        table = self.components.sort_index()
        if self.sort == "fraction":
            # Stable, so that components of equal fractions are in the order of their numbers.
            table = table.sort_values("fraction", ascending=False, kind="stable")
        elif self.sort != "component":
            raise ValueError(f"sort={self.sort!r}: choose 'component' or 'fraction'")
        # A hundred components still fit on a page.
        row = float(np.clip(_PAGE_ROWS / len(table), 0.09, 0.2))
        with style.open_axes(ax, width=width, height=max(row * len(table) + 0.9, 1.5)) as axes:
            handles = _draw_bars(axes, table, min(style.SMALL_FONT_SIZE, 72 * 0.9 * row), look)
            name = f"threshold {100 * self.threshold:g} %"
            handles[name] = axes.axvline(100 * self.threshold, **style.DASHED)
            reach = max(float(np.nan_to_num(table["fraction_high"]).max()), 1.25 * self.threshold)
            axes.set(xlim=(0, 100 * min(1.02, 1.05 * reach)), ylim=(len(table) - 0.4, -0.6))
            axes.set(xlabel="Spurious fraction (%)", ylabel="Component")
            style.add_legend(axes, handles, is_new=ax is None, legend=legend)
        return axes


def _draw_bars(ax: Axes, table: pd.DataFrame, font: float, given: dict[str, Any]) -> dict[str, Any]:
    """Draw a bar, an interval and counts for each component, and return the legend handles."""
    from matplotlib.patches import Patch

    rows = np.arange(len(table))
    percent, low, high = (
        100 * table[name].to_numpy(dtype=np.float64)
        for name in ("fraction", "fraction_low", "fraction_high")
    )
    inside, known = table["in_region"].to_numpy(dtype=bool), np.isfinite(percent)
    handles: dict[str, Any] = {}
    for name, members, look in (("in the region", inside, _REGION), ("outside", ~inside, _OUTSIDE)):
        drawn = members & known
        if "color" in given:
            look = {"hatch": look.get("hatch")}
        look = {"linewidth": 0.5, **look, **given}
        ax.barh(rows[drawn], percent[drawn], **{"height": 0.72, **look})
        if members.any():
            look.pop("height", None)
            handles[name] = Patch(**look)
    handles["95 % interval"] = ax.hlines(
        rows[known], low[known], high[known], color="black", linewidth=1.0, zorder=2
    )
    for row in rows[~known]:
        look = {"fontsize": font, "color": style.UNINSPECTED_COLOR}
        ax.text(0, row, " none inspected", va="center", **look)
    ax.set_yticks(rows, [str(number) for number in table.index], fontsize=font)
    right = ax.secondary_yaxis("right")
    counts = zip(table["n_spurious"], table["n_inspected"], strict=True)
    right.set_yticks(rows, [f"{int(k)}/{int(n)}" for k, n in counts], fontsize=font)
    right.set_ylabel("Spurious / inspected")
    for axis in (ax, right):
        axis.tick_params(axis="y", length=0)
    return handles
