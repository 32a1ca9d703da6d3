"""The interactive pictures, as Bokeh models; the page's script gives them colour and life."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.errors import import_optional
from spurclust.metrics import completeness_curve
from spurclust.plots.style import REGION_COLOR, RELIABLE_COLOR, SPURIOUS_COLOR
from spurclust.report.colors import MARKERS
from spurclust.report.run_results import Results

FEATURE = "The report"
SPURIOUS_SCALE = 1.35
"""By how much the dot of a known spurious source is larger."""

_OUTLINE_SIGMA = 2.0
_OUTLINE_POINTS = 60
# Above this many sources, dots are as small as they may be.
_MANY, _SMALLEST, _LARGEST = 20_000, 3.5, 11.0
_ALPHA, _ALPHA_OF_MANY = 0.75, 0.5
_CURVE_POINTS = 400


def dot_size(n_sources: int) -> float:
    """Choose the size of a dot on the screen, in pixels.

    Parameters
    ----------
    n_sources : int
        How many there are.

    Returns
    -------
    float
        From 11 for a few to 3.5 for tens of thousands.

    Examples
    --------
    >>> dot_size(10), dot_size(50_000)
    (11.0, 3.5)
    """
    share = np.log10(max(n_sources, 100) / 100) / np.log10(_MANY / 100)
    return float(_LARGEST - (_LARGEST - _SMALLEST) * min(1.0, share))


def embedding_plot(results: Results) -> dict[str, Any]:
    """Make the interactive embedding.

    Parameters
    ----------
    results : Results
        The tables.

    Returns
    -------
    dict
        What `Bokeh.embed.embed_item` takes. Its column "row" has the rows of the
        sources, the spurious last.
    """
    models = import_optional("bokeh.models", feature=FEATURE, extra="report")
    plotting = import_optional("bokeh.plotting", feature=FEATURE, extra="report")
    embed = import_optional("bokeh.embed", feature=FEATURE, extra="report")
    spurious = results.label == 1
    # What is drawn last is on top: the few that matter.
    rows = np.argsort(spurious, kind="stable")
    n_sources = len(rows)
    columns = {
        "x": results.sources["tsne_x"].to_numpy(dtype=np.float32)[rows],
        "y": results.sources["tsne_y"].to_numpy(dtype=np.float32)[rows],
        "row": rows.astype(np.int32),
        "colour": ["#888"] * n_sources,
        "size": np.where(spurious, SPURIOUS_SCALE, 1.0).astype(np.float32)[rows],
    }
    source = models.ColumnDataSource(columns, name="sources")
    plot = _empty_plot(plotting, models, "embedding", match_aspect=True)
    _add_outlines(plot, models, results)
    dots = _add_dots(plot, models, source, _ALPHA if n_sources < _MANY else _ALPHA_OF_MANY)
    plot.add_tools(
        models.HoverTool(tooltips=None, renderers=dots, mode="mouse", name="hover"),
        models.TapTool(renderers=dots, name="tap"),
        models.LassoSelectTool(renderers=dots, continuous=False, name="lasso"),
        models.BoxSelectTool(renderers=dots, continuous=False, name="box"),
        models.PanTool(name="pan"),
        models.WheelZoomTool(name="wheel"),
    )
    plot.toolbar.active_drag = plot.select_one({"name": "pan"})
    plot.toolbar.active_scroll = plot.select_one({"name": "wheel"})
    plot.axis.visible = False
    plot.grid.visible = False
    item: dict[str, Any] = embed.json_item(plot)
    return item


def _add_dots(plot: Any, models: Any, source: Any, alpha: float) -> list[Any]:
    """Draw the sources, each by the renderer of its group's sign.

    A renderer of several signs mixes them up when only some of its sources are shown.
    """
    return [
        plot.scatter(
            "x", "y", source=source, marker=marker, size="size",
            view=models.CDSView(filter=models.IndexFilter([], name=f"shown-{marker}")),
            fill_color="colour", line_color="colour", fill_alpha=alpha, line_alpha=alpha,
            line_width=0.8, nonselection_fill_alpha=0.1, nonselection_line_alpha=0.12,
            name=f"dots-{marker}",
        )
        for marker in MARKERS
    ]  # fmt: skip


def _empty_plot(plotting: Any, models: Any, name: str, **options: Any) -> Any:
    """Open a plot that lets the page shine through."""
    return plotting.figure(
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


def _add_outlines(plot: Any, models: Any, results: Results) -> None:
    """Draw around each component, and write its number."""
    component = results.sources["component"].to_numpy(dtype=np.int64)
    points = results.sources[["tsne_x", "tsne_y"]].to_numpy()
    in_region = results.components["in_region"].to_numpy() == 1
    numbers = [number for number in range(len(in_region)) if (component == number).sum() >= 3]
    outlines = [component_outline(points[component == number]) for number in numbers]
    middles = [points[component == number].mean(axis=0) for number in numbers]
    columns = {
        "xs": [[*outline[:, 0].tolist(), outline[0, 0]] for outline in outlines],
        "ys": [[*outline[:, 1].tolist(), outline[0, 1]] for outline in outlines],
        "colour": [REGION_COLOR if in_region[number] else "#8C98A4" for number in numbers],
        "alpha": [0.13 if in_region[number] else 0.0 for number in numbers],
        "width": [1.8 if in_region[number] else 1.0 for number in numbers],
        "x": [float(middle[0]) for middle in middles],
        "y": [float(middle[1]) for middle in middles],
        "number": [str(number) for number in numbers],
    }
    source = models.ColumnDataSource(columns, name="components")
    plot.patches(
        "xs", "ys", source=source, fill_color="colour", fill_alpha="alpha", line_color=None,
        level="underlay", name="fills",
    )  # fmt: skip
    plot.multi_line(
        "xs", "ys", source=source, line_color="colour", line_width="width", line_alpha=0.85,
        level="annotation", name="outlines",
    )  # fmt: skip
    plot.text(
        "x", "y", text="number", source=source, anchor="center", padding=3, border_radius=4,
        text_font_size="13px", text_font_style="bold", text_color="#333333",
        background_fill_color="#FFFFFF", background_fill_alpha=0.8, level="overlay", name="numbers",
    )  # fmt: skip


def component_outline(points: ArrayLike) -> NDArray[np.float64]:
    """Draw the ellipse that holds most of a component's sources.

    Parameters
    ----------
    points : array-like of shape (n_points, 2)
        Places of its sources.

    Returns
    -------
    ndarray of shape (n_vertices, 2)
        Two standard deviations around their mean, from their own scatter.

    Examples
    --------
    >>> component_outline([[-1, 0], [1, 0], [0, 1], [0, -1]]).round(1)[0].tolist()
    [1.6, 0.0]
    """
    places = np.asarray(points, dtype=np.float64)
    variances, axes = np.linalg.eigh(np.cov(places.T))
    angle = np.linspace(0, 2 * np.pi, _OUTLINE_POINTS, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    reach = _OUTLINE_SIGMA * np.sqrt(np.maximum(variances, 0))
    outline: NDArray[np.float64] = places.mean(axis=0) + (circle * reach) @ axes.T
    return outline


def curve_plot(results: Results) -> dict[str, Any] | None:
    """Make the picture of completeness against workload.

    Parameters
    ----------
    results : Results
        The tables.

    Returns
    -------
    dict or None
        What `Bokeh.embed.embed_item` takes; None when no source is known to be spurious.
    """
    label = results.label
    if not (label == 1).any():
        return None
    models = import_optional("bokeh.models", feature=FEATURE, extra="report")
    plotting = import_optional("bokeh.plotting", feature=FEATURE, extra="report")
    embed = import_optional("bokeh.embed", feature=FEATURE, extra="report")
    plot = _empty_plot(plotting, models, "curve")
    plot.x_range = models.Range1d(-0.01, 1.01)
    plot.y_range = models.Range1d(-0.02, 1.03)
    plot.line([0, 1], [0, 1], line_color="#8C98A4", line_dash="dotted", line_width=1.5,
              legend_label="no order at all")  # fmt: skip
    _add_curves(plot, results)
    _add_points(plot, results)
    formatter = models.NumeralTickFormatter(format="0 %")
    for axis, title in (
        (plot.xaxis, "workload: share of the sources looked at"),
        (plot.yaxis, "completeness: share of the spurious found"),
    ):
        axis.axis_label = title
        axis.formatter = formatter
    plot.legend.location = "bottom_right"
    plot.legend.click_policy = "hide"
    item: dict[str, Any] = embed.json_item(plot)
    return item


def _add_curves(plot: Any, results: Results) -> None:
    """Draw what the orders of inspection reach."""
    label = results.label
    orders = (
        ("inspection_probability", "ranking, held out", RELIABLE_COLOR, "solid"),
        ("spurious_probability", "by component, in-sample", SPURIOUS_COLOR, "dashed"),
    )
    for name, words, colour, dash in orders:
        score = results.column(name)
        if score is None or np.isnan(score[label >= 0]).any():
            continue
        workload, completeness = thinned(*completeness_curve(label, score, unlabeled=-1))
        plot.line(
            workload, completeness, line_color=colour, line_width=2.5, line_dash=dash,
            legend_label=words,
        )  # fmt: skip


def thinned(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep so many points of a curve that none is missed on a screen."""
    if len(x) <= _CURVE_POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, _CURVE_POINTS).round().astype(int))
    return x[kept], y[kept]


def _add_points(plot: Any, results: Results) -> None:
    """Draw the settings that were tried, and the region with its intervals."""
    tuning = results.tuning
    wanted = ("mean_test_workload", "mean_test_completeness")
    if tuning is not None and set(wanted) <= set(tuning.columns):
        tried = tuning[list(wanted)].dropna()
        plot.scatter(
            tried[wanted[0]], tried[wanted[1]], size=5, fill_color="#8C98A4", line_color=None,
            fill_alpha=0.6, legend_label="settings tried, held out",
        )  # fmt: skip
    held_out = results.summary.get("held_out") or {}
    found, work = held_out.get("completeness") or {}, held_out.get("workload") or {}
    if found.get("fraction") is None or work.get("fraction") is None:
        inside = results.flagged[results.label == 1].mean()
        plot.scatter([results.flagged.mean()], [inside], marker="diamond", size=13,
                     fill_color=REGION_COLOR, line_color="#333333",
                     legend_label="the region, in-sample")  # fmt: skip
        return
    x, y = work["fraction"], found["fraction"]
    words = "the region, held out, 95 % interval"
    style: dict[str, Any] = {"line_color": REGION_COLOR, "line_width": 3, "legend_label": words}
    plot.segment([x], [found["interval"][0]], [x], [found["interval"][1]], **style)
    plot.segment([work["interval"][0]], [y], [work["interval"][1]], [y], **style)
    plot.scatter([x], [y], marker="diamond", size=13, fill_color=REGION_COLOR,
                 line_color="#333333", legend_label=words)  # fmt: skip
