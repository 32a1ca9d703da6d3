"""The interactive plots as Bokeh models, and the ways to color the embedding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.errors import import_optional
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED, frequent_reasons
from spurclust.metrics import completeness_curve
from spurclust.plots.style import (
    LINE_COLOR,
    OUTSIDE_COLOR,
    REGION_COLOR,
    RELIABLE_COLOR,
    SPURIOUS_COLOR,
)
from spurclust.report.summary import Results

SPURIOUS_SCALE = 1.35
"""Size of the dot of a known spurious source, as a multiple of the others."""

_OUTLINE_SIGMA = 2.0
_OUTLINE_POINTS = 60
# Above this many sources, dots have their minimum size.
_MANY, _SMALLEST, _LARGEST = 20_000, 3.5, 11.0
_ALPHA, _ALPHA_OF_MANY = 0.75, 0.5
_CURVE_POINTS = 400
_GRAY = "#8C98A4"

# The colors of Okabe & Ito for a light and a dark page: black vanishes on a dark one, and yellow on
# a white one.
_PALETTE = (
    (SPURIOUS_COLOR, "#F0772B"),
    ("#CC79A7", "#D98FB8"),
    ("#009E73", "#1DB98D"),
    ("#56B4E9", "#56B4E9"),
    ("#A88F00", "#F0E442"),
    (RELIABLE_COLOR, "#4C9BD6"),
    (REGION_COLOR, REGION_COLOR),
    (LINE_COLOR, "#E8E8E8"),
)
# Together with the colors, 40 groups differ.
_MARKERS = ("circle", "triangle", "square", "diamond", "inverted_triangle")
_FAINT = ("#A9B1BA", "#5A6572")
_OTHER = ("#6F6F6F", "#BDBDBD")
# From strong to faint contrast with the page: light, dark.
_RAMP = (
    ("#A33B00", "#FFD9B0"),
    ("#DB6A10", "#F2A65A"),
    (REGION_COLOR, REGION_COLOR),
    ("#D9A93B", "#B08A33"),
    ("#5DA9B5", "#45A0A8"),
    ("#9CC3DC", "#3F78A0"),
    ("#C3CAD2", "#4A5562"),
)
_PROBABILITY_EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_NOVELTY_EDGES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, float("inf"))
_SHARE_EDGES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999, 1.0)
_MAX_GROUPS = 8
MAX_COLUMNS = 12
"""Maximum number of columns of the team's tables in the page."""


def import_bokeh(part: str) -> Any:
    """Import a module of Bokeh."""
    return import_optional(f"bokeh.{part}", feature="The report", extra="report")


@dataclass(frozen=True)
class Coloring:
    """One way to color the embedding: groups as in the legend, and the group of each source."""

    key: str
    title: str
    names: list[str]
    colors: list[tuple[str, str]]  # on a light and on a dark page
    markers: list[str]
    codes: NDArray[np.int64]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the page."""
        counts = np.bincount(self.codes, minlength=len(self.names)).tolist()
        return {**vars(self), "codes": self.codes.tolist(), "counts": counts}


def colorings(results: Results, probability: NDArray[np.float64] | None) -> list[Coloring]:
    """Return all ways to color the embedding; `probability` is that of the ranking, if any."""
    names = ("spurious_probability", "stability", "novelty")
    spurious_probability, stability, novelty = map(results.column, names)
    graded = (
        ("probability", "Spurious probability", spurious_probability, _PROBABILITY_EDGES),
        ("inspection", "Probability, ranking", probability, _PROBABILITY_EDGES),
        ("stability", "Stability", stability, _SHARE_EDGES),
        ("novelty", "Novelty (above 1: unlike the fitted)", novelty, _NOVELTY_EDGES),
    )
    by_label = [] if results.predictions else [_by_label(results), _by_reason(results)]
    return [
        *by_label,
        _by_component(results),
        _by_region(results),
        *[
            _by_grade(key, title, values, edges)
            for key, title, values, edges in graded
            if values is not None
        ],
        *filter(None, (_by_column(results, name) for name in results.other_columns[:MAX_COLUMNS])),
    ]


def _by_label(results: Results) -> Coloring:
    """Color by label."""
    return Coloring(
        "label",
        "Label",
        ["spurious", "reliable", "uninspected"],
        [_PALETTE[0], _PALETTE[5], _FAINT],
        ["triangle", "circle", "circle"],
        np.select([results.label == SPURIOUS, results.label == RELIABLE], [0, 1], 2),
    )


def _by_reason(results: Results) -> Coloring:
    """Color the spurious by their reasons, the most frequent first; the rare share a color."""
    spurious = results.label == SPURIOUS
    kept, others = frequent_reasons(Counter(results.reasons[spurious]))
    n_kept = len(kept)
    code_of = {name: code for code, name in enumerate(kept)}
    by_reason = [code_of.get(reason, n_kept) for reason in results.reasons]
    # Reliable sources are faint here, not blue, because the spurious are of interest.
    return Coloring(
        "reason",
        "Reason",
        [*kept, others, "reliable", "uninspected"],
        [*islice(cycle(_PALETTE), n_kept), _OTHER, (OUTSIDE_COLOR, "#3E5468"), _FAINT],
        [*islice(cycle(_MARKERS), 1, n_kept + 1), "square", "circle", "circle"],
        np.select([spurious, results.label == RELIABLE], [by_reason, n_kept + 1], n_kept + 2),
    )


def _by_component(results: Results) -> Coloring:
    """Color by component; colors and markers together differ for 40 of them."""
    in_region = results.components["in_region"] == 1
    return Coloring(
        "component",
        "Component",
        [f"{number}, in the region" if own else str(number) for number, own in in_region.items()],
        [_PALETTE[number % len(_PALETTE)] for number in range(len(in_region))],
        [_MARKERS[number // len(_PALETTE) % len(_MARKERS)] for number in range(len(in_region))],
        results.component,
    )


def _by_region(results: Results) -> Coloring:
    """Color by region, the known spurious apart."""
    spurious, flagged = results.label == SPURIOUS, results.flagged
    return Coloring(
        "region",
        "Region",
        ["flagged, known spurious", "flagged", "not flagged, known spurious", "not flagged"],
        [_PALETTE[0], _PALETTE[6], (LINE_COLOR, "#FFFFFF"), (OUTSIDE_COLOR, "#4A6377")],
        ["triangle", "circle", "inverted_triangle", "circle"],
        np.select([flagged & spurious, flagged, spurious], [0, 1, 2], 3),
    )


def _by_grade(
    key: str, title: str, values: NDArray[np.float64], edges: Sequence[float]
) -> Coloring:
    """Color by a number in steps, the largest first; sources without a number are a group."""
    steps = np.searchsorted(edges[1:-1], values, side="right")
    return Coloring(
        key,
        title,
        [*[f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)][::-1], "not known"],
        [*_RAMP, _FAINT],
        ["circle"] * (len(_RAMP) + 1),
        np.where(np.isfinite(values), len(_RAMP) - 1 - steps, len(_RAMP)),
    )


def _by_column(results: Results, name: str) -> Coloring | None:
    """Color by a column of the team's tables, unless nearly all of its values differ."""
    cells = results.sources[name]
    is_number = cells.dtype != object
    known = cells.notna() if is_number else cells != ""
    counts = Counter(cells[known].tolist())
    if is_number and len(counts) > _MAX_GROUPS:
        return _by_quantile(name, cells.to_numpy())
    if len(counts) > max(_MAX_GROUPS, len(cells) // 2):
        return None
    kept = [one for one, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
    kept = sorted(kept[:_MAX_GROUPS])
    n_kept, n_rare = len(kept), len(counts) - len(kept)
    code_of = {one: code for code, one in enumerate(kept)}
    return Coloring(
        f"column {name}",
        name,
        [*[f"{one:g}" if is_number else one for one in kept], f"{n_rare} others", "not known"],
        [*_PALETTE[:n_kept], _OTHER, _FAINT],
        [*islice(cycle(_MARKERS), n_kept), "square", "circle"],
        np.where(known, [code_of.get(one, n_kept) for one in cells], n_kept + 1),
    )


def _by_quantile(name: str, values: NDArray[np.float64]) -> Coloring:
    """Color by a number of any range, in steps with equal numbers of sources, the largest first."""
    edges = np.quantile(values[np.isfinite(values)], np.linspace(0, 1, len(_RAMP) + 1))
    return _by_grade(f"column {name}", name, values, edges.tolist())


def dot_size(n_sources: int) -> float:
    """Return the size of a dot in pixels, from 11 for a few to 3.5 for tens of thousands."""
    share = np.log10(max(n_sources, 100) / 100) / np.log10(_MANY / 100)
    return float(_LARGEST - (_LARGEST - _SMALLEST) * min(1.0, share))


def embedding_plot(results: Results) -> dict[str, Any]:
    """Return the interactive embedding for `Bokeh.embed.embed_item`."""
    models = import_bokeh("models")
    spurious = results.label == SPURIOUS
    # The few important sources are drawn last, on top.
    rows = np.argsort(spurious, kind="stable")
    n_sources = len(rows)
    columns = {
        "x": results.sources["tsne_x"].to_numpy(dtype=np.float32)[rows],
        "y": results.sources["tsne_y"].to_numpy(dtype=np.float32)[rows],
        "row": rows.astype(np.int32),
        "color": ["#888"] * n_sources,
        "size": np.where(spurious, SPURIOUS_SCALE, 1.0).astype(np.float32)[rows],
    }
    source = models.ColumnDataSource(columns, name="sources")
    plot = _empty_plot("embedding", match_aspect=True)
    _add_outlines(plot, results)
    dots = _add_dots(plot, source, _ALPHA if n_sources < _MANY else _ALPHA_OF_MANY)
    pan, wheel = models.PanTool(name="pan"), models.WheelZoomTool(name="wheel")
    plot.add_tools(
        models.HoverTool(tooltips=None, renderers=dots, mode="mouse", name="hover"),
        models.TapTool(renderers=dots, name="tap"),
        models.LassoSelectTool(renderers=dots, continuous=False, name="lasso"),
        models.BoxSelectTool(renderers=dots, continuous=False, name="box"),
        pan,
        wheel,
    )
    plot.toolbar.active_drag, plot.toolbar.active_scroll = pan, wheel
    plot.axis.visible = False
    plot.grid.visible = False
    item: dict[str, Any] = import_bokeh("embed").json_item(plot)
    return item


def _add_dots(plot: Any, source: Any, alpha: float) -> list[Any]:
    """Draw the sources with one renderer per marker."""
    models = import_bokeh("models")
    # A renderer with several markers confuses them when only some of its sources are shown.
    return [
        plot.scatter(
            "x", "y", source=source, marker=marker, size="size",
            view=models.CDSView(filter=models.IndexFilter([], name=f"shown-{marker}")),
            fill_color="color", line_color="color", fill_alpha=alpha, line_alpha=alpha,
            line_width=0.8, nonselection_fill_alpha=0.1, nonselection_line_alpha=0.12,
            name=f"dots-{marker}",
        )
        for marker in _MARKERS
    ]  # fmt: skip


def _empty_plot(name: str, **options: Any) -> Any:
    """Return a transparent plot."""
    models = import_bokeh("models")
    return import_bokeh("plotting").figure(
        name=name,
        sizing_mode="stretch_both",
        output_backend="webgl",
        toolbar_location=None,
        tools="",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border=8,
        x_range=models.DataRange1d(range_padding=0.04),
        y_range=models.DataRange1d(range_padding=0.04),
        **options,
    )


def _add_outlines(plot: Any, results: Results) -> None:
    """Draw an ellipse around each component of three sources or more, and write its number."""
    points = results.sources[["tsne_x", "tsne_y"]].to_numpy()
    columns: dict[str, list[Any]] = {
        name: [] for name in ("xs", "ys", "color", "alpha", "width", "x", "y", "number")
    }
    for number, in_region in enumerate(results.components["in_region"] == 1):
        own = points[results.component == number]
        if len(own) < 3:
            continue
        outline = component_outline(own)
        center = own.mean(axis=0).tolist()
        style = (REGION_COLOR, 0.13, 1.8) if in_region else (_GRAY, 0.0, 1.0)
        row = (outline[:, 0].tolist(), outline[:, 1].tolist(), *style, *center, str(number))
        for values, value in zip(columns.values(), row, strict=True):
            values.append(value)
    source = import_bokeh("models").ColumnDataSource(columns, name="components")
    plot.patches(
        "xs", "ys", source=source, fill_color="color", fill_alpha="alpha", line_color=None,
        level="underlay", name="fills",
    )  # fmt: skip
    plot.multi_line(
        "xs", "ys", source=source, line_color="color", line_width="width", line_alpha=0.85,
        level="annotation", name="outlines",
    )  # fmt: skip
    plot.text(
        "x", "y", text="number", source=source, anchor="center", padding=3, border_radius=4,
        text_font_size="13px", text_font_style="bold", text_color=LINE_COLOR,
        background_fill_color="#FFFFFF", background_fill_alpha=0.8, level="overlay", name="numbers",
    )  # fmt: skip


def component_outline(points: ArrayLike) -> NDArray[np.float64]:
    """Return the closed ellipse at two standard deviations around the mean of some points."""
    points = np.asarray(points, dtype=np.float64)
    variances, axes = np.linalg.eigh(np.cov(points.T))
    angle = np.linspace(0, 2 * np.pi, _OUTLINE_POINTS + 1)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    radii = _OUTLINE_SIGMA * np.sqrt(np.maximum(variances, 0))
    outline: NDArray[np.float64] = points.mean(axis=0) + (circle * radii) @ axes.T
    return outline


def curve_plot(results: Results) -> dict[str, Any] | None:
    """Return completeness against workload, None without a known spurious source."""
    if not (results.label == SPURIOUS).any():
        return None
    models = import_bokeh("models")
    plot = _empty_plot("curve")
    plot.x_range = models.Range1d(-0.01, 1.01)
    plot.y_range = models.Range1d(-0.02, 1.03)
    plot.line([0, 1], [0, 1], line_color=_GRAY, line_dash="dotted", line_width=1.5,
              legend_label="no order at all")  # fmt: skip
    _add_curves(plot, results)
    _add_tried(plot, results)
    _add_region(plot, results)
    plot.xaxis.axis_label = "workload (sources inspected)"
    plot.yaxis.axis_label = "completeness (spurious found)"
    plot.axis.ticker = models.FixedTicker(ticks=[0, 0.25, 0.5, 0.75, 1])
    plot.axis.formatter = models.NumeralTickFormatter(format="0 %")
    plot.legend.location = "bottom_right"
    plot.legend.click_policy = "hide"
    item: dict[str, Any] = import_bokeh("embed").json_item(plot)
    return item


def _add_curves(plot: Any, results: Results) -> None:
    """Draw the curves of the orders of inspection."""
    label = results.label
    orders = (
        ("inspection_probability", "ranking, held out", RELIABLE_COLOR, "solid"),
        ("spurious_probability", "by component, in-sample", SPURIOUS_COLOR, "dashed"),
    )
    for name, words, color, dash in orders:
        score = results.column(name)
        if score is None or np.isnan(score[label != UNINSPECTED]).any():
            continue
        workload, completeness = completeness_curve(label, score, unlabeled=UNINSPECTED)
        # More points would not be visible on a screen.
        kept = np.unique(np.linspace(0, len(workload) - 1, _CURVE_POINTS).round().astype(int))
        plot.line(
            workload[kept], completeness[kept], line_color=color, line_width=2.5,
            line_dash=dash, legend_label=words,
        )  # fmt: skip


def _add_tried(plot: Any, results: Results) -> None:
    """Draw the settings that a search tried."""
    names = ["mean_test_workload", "mean_test_completeness"]
    if results.tuning is not None and set(names) <= set(results.tuning.columns):
        tried = results.tuning[names].dropna()
        plot.scatter(
            tried[names[0]], tried[names[1]], size=5, fill_color=_GRAY, line_color=None,
            fill_alpha=0.6, legend_label="settings tried, held out",
        )  # fmt: skip


def _add_region(plot: Any, results: Results) -> None:
    """Draw the region, with its intervals if it was measured held out."""
    held_out = results.summary.get("held_out") or {}
    found, work = held_out.get("completeness") or {}, held_out.get("workload") or {}
    if found.get("fraction") is None or work.get("fraction") is None:
        words = "the region, in-sample"
        x, y = results.flagged.mean(), results.flagged[results.label == SPURIOUS].mean()
    else:
        words = "the region, held out, 95 % interval"
        x, y = work["fraction"], found["fraction"]
        style = {"line_color": REGION_COLOR, "line_width": 3, "legend_label": words}
        plot.segment([x], [found["interval"][0]], [x], [found["interval"][1]], **style)
        plot.segment([work["interval"][0]], [y], [work["interval"][1]], [y], **style)
    plot.scatter([x], [y], marker="diamond", size=13, fill_color=REGION_COLOR,
                 line_color=LINE_COLOR, legend_label=words)  # fmt: skip
