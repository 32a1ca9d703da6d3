"""The spurious region over the embedding, as a picture."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.plots.fitted import (
    SPURIOUS,
    RegionGrid,
    check_embedding,
    check_labels,
    check_length,
    component_covariances,
    encode_labels,
    evaluate_region,
)
from spurclust.plots.legend import add_legend, text_width
from spurclust.plots.marks import dot_area, draw_dots, draw_signs, open_embedding, spurious_area
from spurclust.plots.style import (
    COLUMN_WIDTH,
    LINE_COLOR,
    PAGE_WIDTH,
    REGION_COLOR,
    REGION_FILL_COLOR,
    REGION_HATCH,
    RELIABLE_COLOR,
    SMALL_FONT_SIZE,
    SPURIOUS_COLOR,
    SPURIOUS_MARKER,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Sources in the region: its colour, dark.
_FLAGGED_COLOR = "#7A5200"
# In more components than this the numbers need a page's width to keep apart.
_COLUMN_COMPONENTS = 15
# Signs of the known spurious, in points, are kept free of numbers when they are fewer than this.
_MANY_SIGNS, _SIGN_SIZE = 300, 6.0
# A number stands above its sources, not on them, when there are fewer than this.
_FEW_SOURCES = 6
# A component's number is tried at so many of its sources, the nearest to its middle first.
_PLACES_TRIED = 400
_SIGMA_LINES: tuple[tuple[int, Any], ...] = ((1, "-"), (2, (0, (3, 2))))
_LABELS = [
    "source outside",
    "source in the region",
    "known spurious",
    "region",
    "1 sigma",
    "2 sigma",
]


class RegionDisplay:
    """The region over the embedding: its components, the sources it flags, and the known spurious.

    Shows where the region lies and which spurious sources it misses. The filled area is where a
    source would be flagged, as far as there are sources; the ellipses (1 and 2 sigma) show the
    Gaussians themselves, which overlap. A mixture of another kind has no ellipses: its components'
    borders are drawn instead.

    Parameters
    ----------
    embedding : array-like of shape (n_sources, 2)
        Coordinates of the sources.
    label : array-like of shape (n_sources,) or None
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
        Middle of each Gaussian.
    covariances : array-like of shape (n_components, 2, 2), default=None
        Covariance matrix of each Gaussian; None leaves out the ellipses.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import RegionDisplay
    >>> display = RegionDisplay([[0, 0], [9, 9]], [1, 0], [0, 1], [True, False], [True, False])
    >>> display.plot(ax=Figure().add_subplot()).ax_.get_legend().get_title().get_text()
    'flagged 1 of 2, 1 of 1 known spurious'
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        embedding: ArrayLike,
        label: ArrayLike | None,
        component: ArrayLike,
        flagged: ArrayLike,
        region: ArrayLike,
        *,
        grid: RegionGrid | None = None,
        means: ArrayLike | None = None,
        covariances: ArrayLike | None = None,
    ) -> None:
        self.embedding = embedding
        self.label = label
        self.component = component
        self.flagged = flagged
        self.region = region
        self.grid = grid
        self.means = means
        self.covariances = covariances

    @classmethod
    def from_estimator(
        cls,
        detector: Any,
        y: ArrayLike | None,
        *,
        ax: "Axes | None" = None,
        width: float | None = None,
    ) -> Self:
        """Draw the region of a fitted detector.

        Parameters
        ----------
        detector : SpuriousRegionDetector
            The fitted detector.
        y : array-like of shape (n_sources,) or None
            The labels of the fit, in the same order; None marks no source as spurious.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=None
            Width of a new figure in inches. None means a column, 3.5, and for more than 15
            components a page, 7.1.

        Returns
        -------
        RegionDisplay
            The display, drawn.
        """
        mixture = detector.pipeline_[-1]
        covariances = component_covariances(mixture)
        display = cls(
            detector.embedding_,
            encode_labels(detector, y),
            detector.component_,
            detector.flagged_,
            detector.region_,
            grid=evaluate_region(detector),
            means=None if covariances is None else mixture.means_,
            covariances=covariances,
        )
        return display.plot(ax=ax, width=width)

    def plot(self, ax: "Axes | None" = None, *, width: float | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=None
            Width of a new figure in inches. None means a column, 3.5, and for more than 15
            components a page, 7.1.

        Returns
        -------
        RegionDisplay
            The display itself, with `ax_` and `figure_`.
        """
        embedding = check_embedding(self.embedding)
        n_sources = len(embedding)
        label = check_labels(self.label, n_sources)
        component = check_length(self.component, n_sources, "component")
        flagged = check_length(self.flagged, n_sources, "flagged").astype(bool)
        region = np.asarray(self.region, dtype=bool)
        if width is None:
            width = COLUMN_WIDTH if len(region) <= _COLUMN_COMPONENTS else PAGE_WIDTH
        with open_embedding(ax, embedding, width) as (axes, room):
            handles = _draw_sources(axes, embedding, label, flagged, room)
            if self.grid is not None:
                handles |= _fill_region(axes, self.grid, borders=self.covariances is None)
            if self.means is not None and self.covariances is not None:
                held = np.isin(np.arange(len(region)), component)
                handles |= _draw_ellipses(axes, self.means, self.covariances, region, held)
            signs = embedding[label == SPURIOUS]
            _number_components(axes, embedding, component, region, signs=signs, width=room)
            names = [name for name in _LABELS if name in handles]
            title = _describe_flagged(label, flagged)
            add_legend(axes, [handles[n] for n in names], names, width=room, title=title)
        self.ax_, self.figure_ = axes, axes.figure
        return self


def _describe_flagged(label: NDArray[np.int8], flagged: NDArray[np.bool_]) -> str:
    """Say how many sources are flagged, and how many of the known spurious are among them."""
    spurious = label == SPURIOUS
    known = f"{flagged[spurious].sum()} of {spurious.sum()}" if spurious.any() else "no"
    return f"flagged {flagged.sum()} of {len(flagged)}, {known} known spurious"


def _fill_region(ax: "Axes", grid: RegionGrid, *, borders: bool) -> dict[str, Any]:
    """Fill and hatch where a source would be flagged; draw the borders of all components."""
    from matplotlib.patches import Patch

    if borders:
        for number in np.unique(grid.component[grid.near]):
            inside = np.ma.masked_where(~grid.near, (grid.component == number).astype(np.float64))
            if inside.min() < 1:
                ax.contour(grid.x, grid.y, inside, [0.5], colors=[LINE_COLOR], linewidths=0.5)
    flagged = (grid.flagged & grid.near).astype(np.float64)
    if not flagged.any():
        return {}
    filled = ax.contourf(
        grid.x, grid.y, flagged, [0.5, 1.5], colors=[REGION_FILL_COLOR], hatches=["////"]
    )
    filled.set(edgecolor=REGION_COLOR, linewidth=0, zorder=0)
    if flagged.min() < 1:
        ax.contour(grid.x, grid.y, flagged, [0.5], colors=[REGION_COLOR], linewidths=1.0)
    style: dict[str, Any] = {"facecolor": REGION_FILL_COLOR, "edgecolor": REGION_COLOR}
    return {"region": Patch(linewidth=0.8, hatch=REGION_HATCH, **style)}


def _draw_sources(
    ax: "Axes",
    embedding: NDArray[np.float64],
    label: NDArray[np.int8],
    flagged: NDArray[np.bool_],
    width: float,
) -> dict[str, Any]:
    """Draw the sources, the known spurious on top, and return what stands for them."""
    spurious = label == SPURIOUS
    area = dot_area(len(embedding), width)
    handles = {}
    dots = {
        "source outside": (~flagged & ~spurious, RELIABLE_COLOR),
        "source in the region": (flagged & ~spurious, _FLAGGED_COLOR),
    }
    for name, (members, color) in dots.items():
        if members.any():
            handles[name] = draw_dots(ax, embedding[members], area, color)
    if spurious.any():
        sign_area = spurious_area(ax, embedding[spurious], width, area)
        handles["known spurious"] = draw_signs(
            ax, embedding[spurious], sign_area, SPURIOUS_COLOR, SPURIOUS_MARKER
        )
    return handles


def _draw_ellipses(
    ax: "Axes",
    means: ArrayLike,
    covariances: ArrayLike,
    region: NDArray[np.bool_],
    held: NDArray[np.bool_],
) -> dict[str, Any]:
    """Draw each component that holds a source as ellipses of 1 and 2 sigma."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Ellipse

    for number, (mean, covariance) in enumerate(
        zip(np.asarray(means), np.asarray(covariances), strict=True)
    ):
        if not held[number]:
            continue
        variances, axes = np.linalg.eigh(covariance)
        width, height = 2 * np.sqrt(np.maximum(variances, 0))
        angle = float(np.degrees(np.arctan2(axes[1, 0], axes[0, 0])))
        for n_sigma, line in _SIGMA_LINES:
            size = (n_sigma * width, n_sigma * height)
            thick = 1.1 if region[number] else 0.6
            look: dict[str, Any] = {"facecolor": "none", "edgecolor": LINE_COLOR, "zorder": 2.5}
            ax.add_patch(Ellipse(mean, *size, angle=angle, linestyle=line, linewidth=thick, **look))
    return {
        f"{n_sigma} sigma": Line2D([], [], color=LINE_COLOR, linewidth=0.8, linestyle=line)
        for n_sigma, line in _SIGMA_LINES
    }


def _number_components(
    ax: "Axes",
    embedding: NDArray[np.float64],
    component: NDArray[Any],
    region: NDArray[np.bool_],
    *,
    signs: NDArray[np.float64],
    width: float,
) -> None:
    """Write each component's number among its sources, where it covers no number and no sign."""
    from matplotlib.patheffects import withStroke

    scale = float(np.ptp(ax.get_xlim())) / (72 * width)
    line = 1.15 * SMALL_FONT_SIZE * scale
    # Too many signs leave no place free.
    crowd = signs if len(signs) <= _MANY_SIGNS else signs[:0]
    covered = np.column_stack([crowd, np.full(len(crowd), _SIGN_SIZE * scale)])
    numbers = np.empty((0, 3))
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL_FONT_SIZE}
    look["path_effects"] = [withStroke(linewidth=1.8, foreground="white")]
    for number in np.unique(component):
        members = embedding[component == number]
        wide = (text_width(str(number), SMALL_FONT_SIZE) + 2) * scale
        if len(members) < _FEW_SOURCES:
            members = members + np.array([0, line])
        x, y = _place_number(members, (wide, line), numbers, covered)
        numbers = np.vstack([numbers, (x, y, wide)])
        weight = "bold" if region[number] else "normal"
        ax.text(x, y, str(number), fontweight=weight, zorder=4, **look)


def _place_number(
    members: NDArray[np.float64],
    size: tuple[float, float],
    numbers: NDArray[np.float64],
    signs: NDArray[np.float64],
) -> tuple[float, float]:
    """Find the middle of a component's number: its own, or a source near it, free of the others.

    Where no place is free of signs it is one free of numbers, and at last the component's middle.
    """
    middle = np.median(members, axis=0)
    near = np.argsort(((members - middle) ** 2).sum(axis=1), kind="stable")
    step = max(1, len(near) // _PLACES_TRIED)
    places = np.vstack([middle, members[near[::step]]])
    for taken in (np.vstack([numbers, signs]), numbers):
        for x, y in places:
            apart_x = np.abs(taken[:, 0] - x) >= (taken[:, 2] + size[0]) / 2
            apart_y = np.abs(taken[:, 1] - y) >= size[1]
            if (apart_x | apart_y).all():
                return float(x), float(y)
    return float(middle[0]), float(middle[1])
