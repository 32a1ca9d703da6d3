"""The colours, signs and sizes that all pictures share; how figures are opened and saved."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from spurclust.errors import import_optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours: told apart by the colour-blind. Shape, hatch and line carry the same
# meaning, so that nothing is lost in a grey print.
SPURIOUS_COLOR = "#D55E00"
RELIABLE_COLOR = "#0072B2"
UNINSPECTED_COLOR = "#8C8C8C"
REGION_COLOR = "#E69F00"
REGION_FILL_COLOR = "#FBEBCB"
OUTSIDE_COLOR = "#D3E3EE"
LINE_COLOR = "#333333"
# Pixels without data: bluish, since every grey is a brightness that a pixel can have.
BLANK_COLOR = "#B8C8DC"
REGION_HATCH = "/////"

SPURIOUS_MARKER = "^"
# The most frequent reason first; the region's orange is not among them.
REASON_STYLES = (
    (SPURIOUS_COLOR, SPURIOUS_MARKER),
    ("#CC79A7", "s"),
    ("#009E73", "D"),
    ("#F0E442", "v"),
    ("#000000", "X"),
)
OTHER_REASON_STYLE = ("#FFFFFF", "*")

# A journal's column and page, in inches.
COLUMN_WIDTH = 3.5
PAGE_WIDTH = 7.1
FONT_SIZE = 8.0
SMALL_FONT_SIZE = 7.0
# White above and below a picture, in inches.
_MARGIN = 0.04
_PNG_DPI = 200
# Dots, rasterised or not, are this fine in SVG and PDF.
_VECTOR_DPI = 300

_RC = {
    "font.size": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "xtick.labelsize": SMALL_FONT_SIZE,
    "ytick.labelsize": SMALL_FONT_SIZE,
    "legend.fontsize": SMALL_FONT_SIZE,
    "legend.title_fontsize": SMALL_FONT_SIZE,
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
}
# Letters stay letters in PDF and SVG; the same picture is the same file.
_SAVE_RC = {
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "spurclust",
    "savefig.bbox": None,
}
_UNDATED = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


@contextmanager
def open_axes(ax: "Axes | None", *, width: float, height: float) -> "Iterator[Axes]":
    """Give the axes to draw on: the caller's, or those of a new figure in the common style.

    For a picture of one's own beside the package's displays. A new figure belongs to pyplot, so
    that a notebook shows it; it is closed again when drawing fails. The caller's axes keep the
    caller's style, and global settings do not change.

    Parameters
    ----------
    ax : matplotlib Axes or None
        The caller's axes.
    width, height : float
        Size of a new figure in inches. What of the height is not needed is cut off at the end.

    Yields
    ------
    matplotlib Axes
        Where to draw.

    Raises
    ------
    ImportError
        When matplotlib is not installed; the message has the command.
    """
    if ax is not None:
        yield ax
        return
    pyplot = import_optional("matplotlib.pyplot", feature="Drawing")
    with pyplot.rc_context(_RC):
        figure = pyplot.figure(figsize=(width, height), layout="constrained")
        try:
            axes = figure.add_subplot()
            yield axes
            _trim(figure, axes)
        except BaseException:
            pyplot.close(figure)
            raise


def _trim(figure: Any, ax: "Axes") -> None:
    """Cut off the height that is not needed, which axes of a fixed aspect leave empty."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    height = figure.get_figheight()
    extent = figure.get_tightbbox()
    needed = extent.height + 2 * _MARGIN
    box = ax.get_position()
    bottom = (box.y0 * height - extent.y0 + _MARGIN) / needed
    figure.set_figheight(needed)
    ax.set_position((box.x0, bottom, box.width, box.height * height / needed))


def save_figure(
    figure: "Figure | Any", path: str | os.PathLike[str], *, close: bool = False
) -> Path:
    """Save a picture, so that the file appears whole or not at all.

    PNG files have 200 dots per inch; PDF and SVG files are vectors in which writing stays writing,
    with cutouts, and dots where there are thousands, as pixels, 300 an inch. The same picture gives
    the same file, byte for byte, with the same version of matplotlib. An existing file is replaced.

    Parameters
    ----------
    figure : matplotlib Figure or display
        A figure, or a display of this package that has been plotted.
    path : str or path
        Where to; the suffix is ".png", ".pdf" or ".svg". The folder must exist.
    close : bool, default=False
        Close the figure when it is saved. pyplot keeps, and shows, all that are not closed.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        When the suffix is another one, or the display has not been plotted.
    FileNotFoundError
        When the folder does not exist.

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
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target} cannot be written: there is no folder {target.parent}")
    drawn = _figure_of(figure)
    matplotlib = import_optional("matplotlib", feature="Drawing")
    part = target.with_name(f".spurclust-{token_hex(6)}{suffix}")
    try:
        with matplotlib.rc_context(_SAVE_RC):
            dpi = _PNG_DPI if suffix == ".png" else _VECTOR_DPI
            drawn.savefig(part, dpi=dpi, metadata=_UNDATED[suffix])
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
        if close:
            import_optional("matplotlib.pyplot", feature="Drawing").close(drawn)
    return target


def _figure_of(picture: Any) -> Any:
    """Return the whole figure, of a display or of a part of a figure."""
    drawn = getattr(picture, "figure_", picture)
    if not hasattr(drawn, "savefig"):
        drawn = getattr(drawn, "figure", None)
    if drawn is None:
        raise ValueError(f"{type(picture).__name__} has not been plotted: call its plot() first")
    return drawn
