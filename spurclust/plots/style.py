"""Colors, signs, sizes, axes and legends of all pictures, and saving them."""

import os
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from spurclust.catalog.output import atomic_write
from spurclust.errors import import_optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# The colors of Okabe & Ito, which the color-blind can distinguish. Shape, hatch and line have the
# same meaning, so a gray print loses nothing.
SPURIOUS_COLOR = "#D55E00"
RELIABLE_COLOR = "#0072B2"
UNINSPECTED_COLOR = "#8C8C8C"
REGION_COLOR = "#E69F00"
REGION_FILL_COLOR = "#FBEBCB"
OUTSIDE_COLOR = "#D3E3EE"
LINE_COLOR = "#333333"
# Pixels without data are bluish, because every gray is a possible brightness.
BLANK_COLOR = "#B8C8DC"
REGION_HATCH = "/////"
DASHED: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 0.8}

SPURIOUS_MARKER = "^"
# The first is for the most frequent reason. The orange of the region is not among them.
REASON_STYLES = (
    (SPURIOUS_COLOR, SPURIOUS_MARKER),
    ("#CC79A7", "s"),
    ("#009E73", "D"),
    ("#F0E442", "v"),
    ("#000000", "X"),
    ("#56B4E9", "P"),
    (SPURIOUS_COLOR, "p"),
    ("#CC79A7", "<"),
    ("#009E73", ">"),
    ("#F0E442", "h"),
)
OTHER_REASON_STYLE = ("#FFFFFF", "*")

# A journal's column and page, in inches.
COLUMN_WIDTH = 3.5
PAGE_WIDTH = 7.1
FONT_SIZE = 8.0
SMALL_FONT_SIZE = 7.0
# Screens move letters to whole pixels, which makes small text wider.
_HINTING = 1.08
_PNG_DPI = 200
# For noisy cutouts, files are smaller and faster to write than with the default.
_PNG_OPTIONS = {"compress_level": 3}
# Dots per inch of dots and cutouts in SVG and PDF files.
VECTOR_DPI = 300

_RC = {
    "font.size": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "xtick.labelsize": SMALL_FONT_SIZE,
    "ytick.labelsize": SMALL_FONT_SIZE,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "hatch.linewidth": 0.4,
    "axes.grid": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "text.usetex": False,
    "figure.constrained_layout.h_pad": 0.025,
    "figure.constrained_layout.w_pad": 0.03,
}
_LEGEND: dict[str, Any] = {
    "fontsize": SMALL_FONT_SIZE,
    "title_fontsize": SMALL_FONT_SIZE,
    "alignment": "left",
    "frameon": False,
    "borderpad": 0.1,
    "borderaxespad": 0.4,
    "handlelength": 1.4,
    "handletextpad": 0.5,
    "columnspacing": 1.2,
    "labelspacing": 0.3,
}
_INSIDE = {"fontsize": SMALL_FONT_SIZE, "title_fontsize": SMALL_FONT_SIZE}
# Width of a legend's entry beside its text, in points.
_LEGEND_HANDLE = 3.1 * SMALL_FONT_SIZE
# PDF and SVG contain text as text, and equal pictures give equal files.
_SAVE_RC = {
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "spurclust",
    "savefig.bbox": None,
}
_UNDATED = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


class Legend(NamedTuple):
    """Whether to draw a legend, its options of matplotlib, and a label for its entries."""

    shown: bool | Mapping[str, Any] = True
    label: str | None = None


class Display(ABC):
    """Base class of the displays: drawing, and the axes drawn on."""

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        width: float | None = None,
        legend: bool | Mapping[str, Any] = True,
        **kwargs: Any,
    ) -> Self:
        """Draw on given axes or a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=None
            Width of a new figure in inches. None is a journal's column (3.5), or a page (7.1) for
            pictures with cutouts and for regions of more than 15 components.
        legend : bool or mapping, default=True
            Whether to draw a legend above the axes. A mapping has options of
            `matplotlib.axes.Axes.legend`, such as ``{"loc": "best"}``. Without a legend, the
            artists have labels for one of your own.
        **kwargs : dict
            Properties of matplotlib for the sources, the curve, the bars, the squares or the
            captions, such as `color`, `alpha`, `cmap`. `label` is their name in the legend.

        Returns
        -------
        Display
            The display itself, with `ax_` and `figure_`, the axes and the figure drawn on.
        """
        shown = Legend(legend, kwargs.pop("label", None))
        axes = self._draw(ax, width or self._default_width(), shown, kwargs)
        self.ax_, self.figure_ = axes, axes.figure
        return self

    @abstractmethod
    def _draw(
        self, ax: "Axes | None", width: float, legend: Legend, look: dict[str, Any]
    ) -> "Axes":
        """Draw with a legend and properties of the artists; return the axes."""

    def _default_width(self) -> float:
        return COLUMN_WIDTH


@contextmanager
def open_axes(ax: "Axes | None", *, width: float, height: float) -> "Iterator[Axes]":
    """Yield the caller's axes, or those of a new figure, whose height is reduced at the end."""
    if ax is not None:
        yield ax
        return
    # The figure is made by pyplot, so that a notebook shows it.
    pyplot = import_optional("matplotlib.pyplot", feature="Drawing")
    with pyplot.rc_context(_RC):
        figure = pyplot.figure(figsize=(width, height), layout="constrained")
        try:
            axes = figure.add_subplot(anchor="N")
            yield axes
            _fit_height(figure, axes)
        except BaseException:
            pyplot.close(figure)
            raise


def _fit_height(figure: Any, axes: Any) -> None:
    """Reduce a figure's height to that of its axes of a fixed aspect."""
    engine, aspect = figure.get_layout_engine(), axes.get_aspect()
    # The layout is computed without the fixed aspect, so that labels get space.
    if aspect == "auto":
        return
    axes.set_aspect("auto")
    engine.execute(figure)
    axes.set_aspect(aspect)
    width, height = axes.get_position(original=True).size * figure.get_size_inches()
    unused = height - min(height, aspect * width * axes.get_data_ratio())
    figure.set_figheight(figure.get_figheight() - unused)
    # A later title must not take the space of the labels at the left and the bottom.
    axes.set_anchor("SW")


def add_legend(
    ax: "Axes",
    handles: Mapping[str, Any],
    *,
    is_new: bool,
    title: str | None = None,
    legend: Legend = Legend(),  # noqa: B008  # it does not change
) -> None:
    """Put a legend at the top of a new figure or above given axes, in as many columns as fit."""
    if legend.label is not None:
        handles = {f"{legend.label}: {name}": handle for name, handle in handles.items()}
    for name, handle in handles.items():
        handle.set_label(name)
    if not legend.shown:
        return
    if not isinstance(legend.shown, bool):
        ax.legend(
            list(handles.values()), list(handles), **{**_INSIDE, "title": title, **legend.shown}
        )
        return
    owner: Any = ax.figure if is_new else ax
    corner: dict[str, Any] = {"loc": "outside upper left"}
    if not is_new:
        corner = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
    width = 0.98 * owner.bbox.width
    # Labels are shortened in the middle, because their end is often a count.
    room = 72 * width / ax.figure.dpi - _LEGEND_HANDLE
    shown = [shorten(label, room, SMALL_FONT_SIZE, middle=True) for label in handles]
    for n_columns in range(max(len(shown), 1), 0, -1):
        # matplotlib leaves out labels that start with "_", so the text is set afterwards.
        numbers = [str(number) for number in range(len(shown))]
        look = {**_LEGEND, **corner, "title": title, "ncols": n_columns}
        drawn = owner.legend(list(handles.values()), numbers, **look)
        for text, label in zip(drawn.get_texts(), shown, strict=True):
            text.set(parse_math=False, text=label)
        if n_columns == 1 or drawn.get_window_extent().width <= width:
            break
        drawn.remove()
    if not is_new:
        _keep_room(ax, drawn.get_window_extent().height)


def _keep_room(ax: "Axes", height: float) -> None:
    """Keep space of a height in pixels above axes, below their title."""
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    top: Any = ax.transAxes
    above = ax.figure.dpi_scale_trans + ScaledTranslation(0, 1, top)
    inches = height / ax.figure.dpi
    place = blended_transform_factory(ax.transAxes, above)
    ax.inset_axes((0, 0, 1, inches), transform=place).set_axis_off()


def text_width(text: str, size: float) -> float:
    """Measure a line of text in points without a figure; "$" is a dollar sign."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(text or " ", font, ismath=False)
    return _HINTING * float(width)


def shorten(text: object, width: float, size: float, *, middle: bool = False) -> str:
    """Shorten text to a width in points, with an ellipsis at its end or (for ids) its middle."""
    line = " ".join(str(text).split())
    if text_width(line, size) <= width:
        return line

    def cut(n_kept: int) -> str:
        head = (n_kept + 1) // 2 if middle else n_kept
        return line[:head].rstrip() + "…" + line[len(line) - n_kept + head :].lstrip()

    return cut(bisect_right(range(1, len(line)), width, key=lambda n: text_width(cut(n), size)))


def save_figure(
    figure: "Figure | Any", path: str | os.PathLike[str], *, close: bool = False
) -> Path:
    """Save a picture, whole or not at all.

    PNG files have 200 dots per inch. PDF and SVG files are vectors with text as text; in them
    cutouts, and thousands of dots, are pixels, 300 per inch. Equal pictures give equal files, byte
    for byte, with the same version of matplotlib. An existing file is replaced.

    Parameters
    ----------
    figure : matplotlib Figure or display
        A figure, or a display of this package that has been plotted.
    path : str or path
        The file; its suffix is ".png", ".pdf" or ".svg". The folder must exist.
    close : bool, default=False
        Whether to close the figure afterwards. pyplot keeps and shows all that are not closed.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        When the suffix is not known, the folder does not exist, or the display has not been
        plotted.

    Examples
    --------
    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import save_figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_figure(Figure(), f"{folder}/empty.png").name
    'empty.png'
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in _UNDATED:
        raise ValueError(f"{target}: a picture's name must end in {', '.join(_UNDATED)}")
    # A subfigure is saved with its whole figure.
    drawn = getattr(getattr(figure, "figure_", figure), "figure", None)
    if drawn is None:
        raise ValueError(f"{type(figure).__name__} has not been plotted: call its plot() first")
    pyplot = import_optional("matplotlib.pyplot", feature="Drawing")
    dpi = _PNG_DPI if suffix == ".png" else VECTOR_DPI
    options = {"pil_kwargs": _PNG_OPTIONS} if suffix == ".png" else {}
    engine = drawn.get_layout_engine()
    try:
        with atomic_write(target) as part, pyplot.rc_context(_SAVE_RC):
            if engine is not None:
                # For the layout, savefig would draw the whole figure.
                engine.execute(drawn)
                drawn.set_layout_engine(None)
            drawn.savefig(part, dpi=dpi, metadata=_UNDATED[suffix], **options)
    finally:
        drawn.set_layout_engine(engine)
        if close:
            pyplot.close(drawn)
    return target
