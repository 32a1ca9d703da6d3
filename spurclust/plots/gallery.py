"""Pictures of cutouts side by side, each with its id and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.plots import embeddings, rendering, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Which = Literal["spurious", "flagged", "missed", "new", "all"]
# Margin of the figure and space between cutouts, in inches.
_PAD, _GAP = 0.06, 0.12
# A cutout covers about this many square inches: strips are readable, and many fit.
_AREA = 1.1
# Below the first width, in inches, there is no room for an id. Above the second one, the reason is
# beside the id.
_MIN_WIDTH, _ONE_LINE_WIDTH = 0.85, 1.6
# Size of the captions in points, and height of their lines in inches.
_CAPTION_SIZE = 6.5
_LINE = 1.35 * _CAPTION_SIZE / 72
# Height of a journal's page in inches, without legend and caption.
_PAGE_HEIGHT = 8.5
# Minimum width in inches, with room for a legend.
_MIN_TOTAL = 2.2


@dataclass(eq=False, repr=False)
class GalleryDisplay(style.Display):
    """Draw cutouts side by side, with the id and the reason beneath each.

    Use it to look at flagged or missed sources. Pixels of more than 8 bits are stretched separately
    in each cutout, so brightness cannot be compared. Pixels without data are bluish. If the axes
    are not high enough, everything is smaller.

    Parameters
    ----------
    cutouts : array-like of shape (n_cutouts, height, width[, n_channels])
        Pixels, ``cutouts[i, y, x]``; any real dtype, NaN for no data. Three channels are colors;
        other channels are drawn side by side. Only the drawn cutouts are read.
    source_ids : array-like of shape (n_cutouts,), default=None
        Texts beneath the cutouts. None writes the indices.
    reasons : array-like of shape (n_cutouts,), default=None
        Why a source is spurious; blank, None or NaN where it is not known.
    y : array-like of shape (n_cutouts,), default=None
        1 spurious, 0 reliable, -1 uninspected; the frames show it.
    flagged : array-like of bool of shape (n_cutouts,), default=None
        Whether a source lies in the region; the frames show it.
    position : array-like of int, default=None
        Indices of the cutouts to draw, in this order; None is all.
    n_columns : int, default=None
        Number of cutouts in a row. None depends on the shape of a cutout, for example 3 for strips
        and 6 for squares.
    crop : (top, bottom, left, right), default=None
        Part of each cutout to show, in pixels: ``cutout[top:bottom, left:right]``.
    max_cutouts : int, default=None
        Maximum number of cutouts to draw; a note has the number of the others. None draws as many
        as fit on a page 9 inches high.
    origin : {"upper", "lower"}, default="upper"
        Position of row 0. Use "lower" for cutouts from FITS files.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
    n_columns_ : int
        Cutouts in a row.
    shown_ : ndarray of int
        Indices of the drawn cutouts, row by row.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from spurclust.plots import GalleryDisplay
    >>> strips = np.zeros((2, 17, 95), dtype=np.uint8)
    >>> display = GalleryDisplay(strips, ["00123", "00124"], ["edge data", None])
    >>> [text.get_text() for text in display.plot(ax=Figure().add_subplot()).ax_.texts]
    ['00123', 'edge data', '00124']
    """

    cutouts: Any
    source_ids: ArrayLike | None = None
    reasons: ArrayLike | None = None
    _: KW_ONLY
    y: ArrayLike | None = None
    flagged: ArrayLike | None = None
    position: ArrayLike | None = None
    n_columns: int | None = None
    crop: rendering.Crop | None = None
    max_cutouts: int | None = None
    origin: rendering.Origin = "upper"

    @classmethod
    def from_estimator(
        cls,
        detector: Any,
        y: ArrayLike | None,
        cutouts: Any,
        *,
        source_ids: ArrayLike | None = None,
        reasons: ArrayLike | None = None,
        which: Which = "flagged",
        ax: Axes | None = None,
        width: float | None = None,
        legend: bool | Mapping[str, Any] = True,
        **options: Any,
    ) -> Self:
        """Draw cutouts of a fitted detector's sources, the most probably spurious first.

        Parameters
        ----------
        detector : SpuriousRegionDetector
            The fitted detector.
        y : array-like of shape (n_sources,) or None
            The labels of the fit, in the same order; None means that all are uninspected.
        cutouts : array-like of shape (n_sources, height, width[, n_channels])
            The cutouts of the fit, in the same order.
        source_ids : array-like of shape (n_sources,), default=None
            Ids; None writes the indices.
        reasons : array-like of shape (n_sources,), default=None
            Why a source is spurious.
        which : {"spurious", "flagged", "missed", "new", "all"}, default="flagged"
            "spurious": known spurious sources. "flagged": sources in the region. "missed": known
            spurious sources outside of it. "new": uninspected sources in it.
        ax, width : matplotlib Axes and float, default=None
            Where to draw, and how wide a new figure is, as in `plot`.
        legend : bool or mapping, default=True
            Whether to draw a legend, as in `plot`.
        **options : dict
            Parameters of the display: n_columns, crop, max_cutouts, origin.

        Returns
        -------
        GalleryDisplay
            The display of the chosen sources, drawn.

        Raises
        ------
        ValueError
            When `which` is not one of these, or there is not one cutout per source.
        """
        label = embeddings.labels_of(detector, y)
        flagged, spurious = np.asarray(detector.flagged_, dtype=bool), label == SPURIOUS
        choices = {
            "spurious": spurious,
            "flagged": flagged,
            "missed": spurious & ~flagged,
            "new": (label == UNINSPECTED) & flagged,
            "all": np.ones(len(label), dtype=bool),
        }
        if which not in choices:
            raise ValueError(f"which={which!r}: choose one of {', '.join(choices)}")
        rendering.check_cutouts(cutouts, len(label), options.get("crop"))
        order = np.argsort(-detector.spurious_probability_, kind="stable")
        options |= {"y": label, "flagged": flagged, "position": order[choices[which][order]]}
        return cls(cutouts, source_ids, reasons, **options).plot(ax=ax, width=width, legend=legend)

    def _default_width(self) -> float:
        return style.PAGE_WIDTH

    def _draw(
        self, ax: Axes | None, width: float, legend: style.Legend, look: dict[str, Any]
    ) -> Axes:
        for name, value in (("max_cutouts", self.max_cutouts), ("n_columns", self.n_columns)):
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}: give at least one")
        entries = self._list_entries()
        room = (width if ax is None else embeddings.axes_width(ax)) - 2 * _PAD
        layout = self._lay_out(entries, room)
        shown = entries[: self.max_cutouts or layout.n_on_page]
        self.shown_ = np.array([entry.position for entry in shown], dtype=np.intp)
        self.n_columns_ = max(1, min(len(shown), layout.n_columns))
        total_width = max(self.n_columns_ * layout.column - _GAP, _MIN_TOTAL)
        height = ceil(max(1, len(shown)) / layout.n_columns) * layout.row - _GAP
        with style.open_axes(ax, width=total_width + 2 * _PAD, height=height + 1) as axes:
            axes.set_axis_off()
            axes.set_aspect("equal", adjustable="box", anchor="N")
            axes.set(xlim=(0, total_width), ylim=(-height, 0))
            if shown:
                self._draw_entries(axes, shown, layout, look)
            else:
                look = {"ha": "center", "va": "center", **look}
                axes.text(total_width / 2, -height / 2, "no cutouts", **look)
            is_known = self.y is not None or self.flagged is not None
            handles = rendering.frame_handles(entry.frame for entry in shown if is_known)
            n_left = len(entries) - len(shown)
            note = f"first {len(shown)} of {len(entries)} cutouts, {n_left} not shown"
            if handles or n_left:
                title = note if n_left else None
                style.add_legend(axes, handles, is_new=ax is None, legend=legend, title=title)
        return axes

    def _list_entries(self) -> list[_Entry]:
        """List the cutouts to draw, as far as there is room."""
        n_cutouts = len(self.cutouts)
        position = np.arange(n_cutouts)
        names = position if self.source_ids is None else self.source_ids
        columns = (
            embeddings.check_per_source(names, n_cutouts, "source_ids"),
            embeddings.check_reasons(self.reasons, n_cutouts),
            embeddings.check_labels(self.y, n_cutouts),
            embeddings.check_per_source(self.flagged, n_cutouts, "flagged", False),
        )
        if self.position is not None:
            position = position[np.asarray(self.position, dtype=np.intp)]
        return [
            _Entry(index, str(name), reason, rendering.choose_frame(label, flagged))
            for index, name, reason, label, flagged in zip(
                position, *(column[position] for column in columns), strict=True
            )
        ]

    def _lay_out(self, entries: list[_Entry], room: float) -> _Layout:
        """Choose the size of cutouts and their number in a row; reasons may need a line."""
        aspect, n_columns = 1.0, self.n_columns
        if entries:
            rendering.check_cutouts(self.cutouts, len(self.cutouts), self.crop)
            first = rendering.render_source(self.cutouts, entries[0].position, self.crop)
            aspect = first.shape[1] / first.shape[0]
        if n_columns is None:
            wanted = max(_MIN_WIDTH, (_AREA * aspect) ** 0.5)
            n_columns = max(1, round((room + _GAP) / (wanted + _GAP)))
        width = max((room + _GAP) / n_columns - _GAP, 0.1)
        has_reasons = any(entry.reason for entry in entries)
        n_lines = 2 if has_reasons and width < _ONE_LINE_WIDTH else 1
        return _Layout(n_columns, width, width / aspect, n_lines)

    def _draw_entries(
        self, ax: Axes, entries: list[_Entry], layout: _Layout, given: dict[str, Any]
    ) -> None:
        """Draw cutouts with frames and captions, in inches."""
        size = (layout.width, layout.height)
        row, column = np.divmod(np.arange(len(entries)), layout.n_columns)
        corners = np.stack([column * layout.column, -row * layout.row - layout.height], axis=1)
        pictures = [
            rendering.render_source(self.cutouts, entry.position, self.crop, size=size)
            for entry in entries
        ]
        frames = [entry.frame for entry in entries]
        rendering.draw_pictures(ax, pictures, corners, size, frames, self.origin)
        # On given axes that are too low, the text shrinks like the rest.
        height, width = np.ptp(ax.get_ylim()), np.ptp(ax.get_xlim())
        shrink = min(1.0, float(ax.bbox.height * width / (ax.bbox.width * height)))
        # An id is never parsed as mathematics.
        look: dict[str, Any] = {"va": "top", "parse_math": False, "usetex": False}
        look |= {"color": style.LINE_COLOR, "fontsize": shrink * _CAPTION_SIZE, **given}
        for entry, (x, y) in zip(entries, corners, strict=True):
            for side, line, text in _caption(entry, layout):
                left = x if side == "left" else x + layout.width
                ax.text(left, y - (line + 0.25) * _LINE, text, ha=side, **look)


class _Entry(NamedTuple):
    """A cutout to draw."""

    position: int
    source_id: str
    reason: str
    frame: rendering.Frame


class _Layout(NamedTuple):
    """The size of cutouts in inches, their number in a row, and the height of a row."""

    n_columns: int
    width: float
    height: float
    n_lines: int

    @property
    def column(self) -> float:
        return self.width + _GAP

    @property
    def row(self) -> float:
        return self.height + self.n_lines * _LINE + _GAP

    @property
    def n_on_page(self) -> int:
        return self.n_columns * max(1, int((_PAGE_HEIGHT + _GAP) / self.row))


def _caption(entry: _Entry, layout: _Layout) -> list[tuple[Literal["left", "right"], int, str]]:
    """Return side, line and text of the id and the reason, shortened to the width of a cutout."""
    size, room, gap = _CAPTION_SIZE, 72 * layout.width, _CAPTION_SIZE
    is_beside = entry.reason and layout.n_lines == 1
    reason_width = style.text_width(entry.reason, size) + gap if is_beside else 0
    name_room = max(room / 2, room - reason_width)
    name = style.shorten(entry.source_id, name_room, size, middle=True)
    if not entry.reason:
        return [("left", 0, name)]
    if not is_beside:
        return [("left", 0, name), ("left", 1, style.shorten(entry.reason, room, size))]
    rest = room - style.text_width(name, size) - gap
    return [("left", 0, name), ("right", 0, style.shorten(entry.reason, rest, size))]
