"""Writing that fits: texts cut to a width, and legends above the axes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spurclust.plots.style import SMALL_FONT_SIZE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

# What a legend's entry takes beside its text, in points: the handle and two gaps.
_LEGEND_ENTRY = 3.1 * SMALL_FONT_SIZE
# On a screen letters are moved to whole pixels, which makes small writing wider.
_HINTING = 1.08


def text_width(text: str, size: float) -> float:
    """Measure a line of text in points, without a figure; "$" is a dollar sign."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if not text:
        return 0.0
    font = FontProperties(size=size)
    return _HINTING * float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def shorten(text: object, width: float, size: float, *, middle: bool = False) -> str:
    """Cut a text to a width in points, with an ellipsis for its end or, as ids need, its middle."""
    line = " ".join(str(text).split())
    if text_width(line, size) <= width:
        return line
    low, high = 0, len(line)
    while low < high - 1:
        kept = (low + high) // 2
        if text_width(_cut(line, kept, middle), size) <= width:
            low = kept
        else:
            high = kept
    return _cut(line, low, middle)


def _cut(line: str, kept: int, middle: bool) -> str:
    """Keep some characters of a line, and put an ellipsis for the others."""
    if not middle:
        return line[:kept].rstrip() + "…"
    head = (kept + 1) // 2
    return line[:head].rstrip() + "…" + line[len(line) - (kept - head) :].lstrip()


def legend_columns(labels: Sequence[str], width: float) -> int:
    """Tell in how many columns a legend fits into a width in inches."""
    widest = max((text_width(label, SMALL_FONT_SIZE) for label in labels), default=0.0)
    return max(1, min(len(labels), int(72 * width / (widest + _LEGEND_ENTRY))))


def legend_height(labels: Sequence[str], width: float, *, title: bool = False) -> float:
    """Tell how high a legend will be, in inches."""
    rows = -(-len(labels) // legend_columns(labels, width)) + title
    return rows * 1.5 * SMALL_FONT_SIZE / 72


def add_legend(
    ax: "Axes",
    handles: Sequence[Any],
    labels: Sequence[str],
    *,
    width: float,
    title: str | None = None,
    above: tuple[float, float] = (1.0, 0.0),
) -> "Legend":
    """Put a legend above the axes, where it covers nothing, in as many columns as fit.

    `above` is where it begins: a part of the height of the axes, and points on top of that.
    """
    from matplotlib.transforms import ScaledTranslation

    inches = ScaledTranslation(0, above[1] / 72, ax.figure.dpi_scale_trans)
    room = 72 * width - _LEGEND_ENTRY
    # Its end, often a count, is as telling as its start.
    shown = [shorten(label, room, SMALL_FONT_SIZE, middle=True) for label in labels]
    legend = ax.legend(
        list(handles),
        [str(number) for number in range(len(shown))],
        loc="lower left",
        bbox_to_anchor=(0.0, above[0]),
        bbox_transform=ax.transAxes + inches,
        ncols=legend_columns(shown, width),
        fontsize=SMALL_FONT_SIZE,
        title=title,
        title_fontsize=SMALL_FONT_SIZE,
        alignment="left",
        frameon=False,
        borderpad=0.1,
        borderaxespad=0.4,
        handlelength=1.4,
        handletextpad=0.5,
        columnspacing=1.2,
        labelspacing=0.3,
    )
    # Set afterwards: a legend leaves out labels that start with "_".
    for text, label in zip(legend.get_texts(), shown, strict=True):
        text.set_parse_math(False)
        text.set_text(label)
    return legend
