"""Cutouts side by side, each with its id and the reason."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.plots.fitted import (
    SPURIOUS,
    UNINSPECTED,
    check_flagged,
    check_labels,
    check_length,
    check_reasons,
    encode_labels,
)
from spurclust.plots.frames import (
    Crop,
    Frame,
    check_cutouts,
    crop_cutout,
    draw_framed,
    frame_handles,
    frame_of,
)
from spurclust.plots.gallery_layout import (
    CAPTION_SIZE,
    LINE,
    GalleryLayout,
    cutouts_on_page,
    lay_out_gallery,
)
from spurclust.plots.legend import add_legend, shorten, text_width
from spurclust.plots.marks import axes_width
from spurclust.plots.stretch import render_cutout
from spurclust.plots.style import FONT_SIZE, LINE_COLOR, PAGE_WIDTH, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Which = Literal["spurious", "flagged", "missed", "new", "all"]
# Margin in inches.
_PAD = 0.06
_CENTRED: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": FONT_SIZE}


class GalleryDisplay:
    """Cutouts side by side, with the id and the reason beneath each.

    For looking at what was flagged or missed. Pixels other than 8-bit ones are stretched for each
    cutout by itself, so brightness does not compare; pixels without data are bluish.

    Parameters
    ----------
    cutouts : array-like of shape (n_cutouts, height, width[, n_channels])
        Pixels, ``cutouts[i, y, x]``; any real dtype, NaN for no data. Three channels are colours;
        those of a cube are drawn side by side.
    source_id : array-like of shape (n_cutouts,), default=None
        What to write beneath; None writes the positions from 0.
    reason : array-like of shape (n_cutouts,), default=None
        Why a source is spurious; blank, None or NaN where it is not known.
    label : array-like of shape (n_cutouts,), default=None
        1 spurious, 0 reliable, -1 uninspected; the frames show it.
    flagged : array-like of bool of shape (n_cutouts,), default=None
        Whether a source lies in the region; the frames show it.
    position : array-like of int, default=None
        Which of them to draw, in this order; None means all.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.
    n_columns_ : int
        Cutouts in a row.

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

    ax_: "Axes"
    figure_: "Figure | SubFigure"
    n_columns_: int

    def __init__(
        self,
        cutouts: Any,
        source_id: ArrayLike | None = None,
        reason: ArrayLike | None = None,
        *,
        label: ArrayLike | None = None,
        flagged: ArrayLike | None = None,
        position: ArrayLike | None = None,
    ) -> None:
        self.cutouts = cutouts
        self.source_id = source_id
        self.reason = reason
        self.label = label
        self.flagged = flagged
        self.position = position

    @classmethod
    def from_estimator(
        cls,
        detector: Any,
        y: ArrayLike | None,
        cutouts: Any,
        *,
        source_id: ArrayLike | None = None,
        reason: ArrayLike | None = None,
        which: Which = "flagged",
        crop: Crop | None = None,
        max_cutouts: int | None = None,
        origin: Literal["upper", "lower"] = "upper",
        ax: "Axes | None" = None,
        width: float = PAGE_WIDTH,
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
        source_id : array-like of shape (n_sources,), default=None
            Ids; None writes the positions.
        reason : array-like of shape (n_sources,), default=None
            Why a source is spurious.
        which : {"spurious", "flagged", "missed", "new", "all"}, default="flagged"
            The known spurious; all in the region; the known spurious outside it; the uninspected in
            it; or all sources.
        crop : (top, bottom, left, right), default=None
            Part of each cutout to show, in pixels.
        max_cutouts : int, default=None
            Draw the first so many; None draws as many as fit on a page.
        origin : {"upper", "lower"}, default="upper"
            Where row 0 is; "lower" for cutouts from FITS files.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        width : float, default=7.1
            Width of a new figure in inches.

        Returns
        -------
        GalleryDisplay
            The display of the chosen sources, drawn.
        """
        label = encode_labels(detector, y)
        flagged = np.asarray(detector.flagged_, dtype=bool)
        check_cutouts(cutouts, len(label), crop)
        position = _choose_sources(label, flagged, which)
        probability = np.nan_to_num(np.asarray(detector.spurious_probability_, dtype=np.float64))
        position = position[np.argsort(-probability[position], kind="stable")]
        display = cls(cutouts, source_id, reason, label=label, flagged=flagged, position=position)
        return display.plot(ax=ax, crop=crop, max_cutouts=max_cutouts, origin=origin, width=width)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        n_columns: int | None = None,
        crop: Crop | None = None,
        max_cutouts: int | None = None,
        origin: Literal["upper", "lower"] = "upper",
        width: float = PAGE_WIDTH,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; everything is made smaller, the writing too, where they are too low. None
            makes a new figure.
        n_columns : int, default=None
            Cutouts in a row; None chooses by the shape of a cutout, say 3 of strips, 6 of squares.
        crop : (top, bottom, left, right), default=None
            Part of each cutout to show, in pixels: ``cutout[top:bottom, left:right]``.
        max_cutouts : int, default=None
            Draw the first so many, and say how many are not shown; None draws as many as fit on a
            page, 9 inches high.
        origin : {"upper", "lower"}, default="upper"
            Where row 0 is; "lower" for cutouts from FITS files.
        width : float, default=7.1
            Width of a new figure in inches. Its height follows the number of rows.

        Returns
        -------
        GalleryDisplay
            The display itself, with `ax_`, `figure_` and `n_columns_`. Without any cutout the
            picture says so.

        Raises
        ------
        ValueError
            When the lengths differ, the cutouts are no images, or the crop is empty.
        """
        chosen = self._choose(max_cutouts, crop)
        room = (width if ax is None else axes_width(ax)) - 2 * _PAD
        if max_cutouts is None:
            max_cutouts = self._count_on_page(chosen, crop, room, n_columns)
        shown, n_left = chosen[:max_cutouts], max(0, len(chosen) - max_cutouts)
        pictures = [render_cutout(crop_cutout(self.cutouts[i], crop)) for i in shown]
        aspect = pictures[0].shape[1] / pictures[0].shape[0] if pictures else 1.0
        captions, frames = self._captions(shown), self._frames(shown)
        has_reasons = any(reason for _, reason in captions)
        layout = lay_out_gallery(len(shown), aspect, room, n_columns, has_reasons=has_reasons)
        with open_axes(ax, width=layout.width + 2 * _PAD, height=layout.height + 1) as axes:
            scale = 1.0 if ax is None else _scale_down(axes, layout)
            axes.set(xlim=(0, layout.width), ylim=(0, layout.height))
            axes.set_aspect("equal", adjustable="box", anchor="N")
            axes.set_axis_off()
            for place, picture in enumerate(pictures):
                middle = layout.middle(place)
                draw_framed(axes, picture, middle, layout.cutout, frames[place], origin=origin)
                _write_caption(axes, captions[place], layout, middle, scale)
            if not pictures:
                axes.text(layout.width / 2, layout.height / 2, "no cutouts", **_CENTRED)
            self._explain(axes, frames, _describe_shown(len(shown), n_left), layout.width)
        self.ax_, self.figure_, self.n_columns_ = axes, axes.figure, layout.n_columns
        return self

    def _choose(self, max_cutouts: int | None, crop: Crop | None) -> NDArray[np.intp]:
        """Return the positions to draw, as far as there is room."""
        if max_cutouts is not None and max_cutouts < 1:
            raise ValueError(f"max_cutouts={max_cutouts}: draw at least one cutout")
        n_cutouts = len(self.cutouts)
        position = np.arange(n_cutouts) if self.position is None else np.asarray(self.position)
        position = position.astype(np.intp)
        if ((position < 0) | (position >= n_cutouts)).any():
            raise ValueError(f"position must be from 0 to {n_cutouts - 1}, one less than cutouts")
        if len(position):
            check_cutouts(self.cutouts, n_cutouts, crop)
        return position

    def _count_on_page(
        self, chosen: NDArray[np.intp], crop: Crop | None, room: float, n_columns: int | None
    ) -> int:
        """Count the cutouts that fit on a page."""
        if not len(chosen):
            return 1
        picture = render_cutout(crop_cutout(self.cutouts[chosen[0]], crop))
        has_reasons = any(reason for _, reason in self._captions(chosen))
        aspect = picture.shape[1] / picture.shape[0]
        return cutouts_on_page(aspect, room, n_columns, has_reasons=has_reasons)

    def _captions(self, shown: NDArray[np.intp]) -> list[tuple[str, str]]:
        """Return id and reason of each cutout that is drawn."""
        n_cutouts = len(self.cutouts)
        ids = np.arange(n_cutouts) if self.source_id is None else self.source_id
        names = check_length(ids, n_cutouts, "source_id")[shown]
        reasons = check_reasons(self.reason, n_cutouts)
        known = [""] * len(shown) if reasons is None else reasons[shown]
        return [(str(name), reason) for name, reason in zip(names, known, strict=True)]

    def _frames(self, shown: NDArray[np.intp]) -> list[Frame]:
        """Return the frame of each cutout that is drawn."""
        n_cutouts = len(self.cutouts)
        label = check_labels(self.label, n_cutouts)[shown]
        flagged = check_flagged(self.flagged, n_cutouts)[shown]
        return [frame_of(*known) for known in zip(label, flagged, strict=True)]

    def _explain(self, ax: "Axes", frames: list[Frame], note: str, width: float) -> None:
        """Add a legend of the frames, unless nothing is known of any, and the note."""
        known = self.label is not None or self.flagged is not None
        handles, labels = frame_handles(frames if known else [])
        if handles or note:
            add_legend(ax, handles, labels, width=width, title=note or None)


def _choose_sources(
    label: NDArray[np.int8], flagged: NDArray[np.bool_], which: Which
) -> NDArray[np.intp]:
    """Choose the positions of a gallery's sources."""
    spurious = label == SPURIOUS
    choices = {
        "spurious": spurious,
        "flagged": flagged,
        "missed": spurious & ~flagged,
        "new": (label == UNINSPECTED) & flagged,
        "all": np.ones(len(label), dtype=bool),
    }
    if which not in choices:
        raise ValueError(f"which={which!r}: choose one of {', '.join(choices)}")
    return np.flatnonzero(choices[which])


def _describe_shown(n_shown: int, n_left: int) -> str:
    """Say how many cutouts are not shown; "" when all are."""
    if not n_left:
        return ""
    return f"first {n_shown} of {n_shown + n_left} cutouts, {n_left} not shown"


def _scale_down(ax: "Axes", layout: GalleryLayout) -> float:
    """Tell by how much all must be drawn smaller because the axes are too low."""
    box = ax.get_window_extent()
    return min(1.0, float(box.height / box.width) * layout.width / layout.height)


def _write_caption(
    ax: "Axes",
    caption: tuple[str, str],
    layout: GalleryLayout,
    middle: tuple[float, float],
    scale: float,
) -> None:
    """Write id and reason beneath a cutout, shortened to its width."""
    source_id, reason = caption
    room = 72 * layout.cutout[0]
    size = CAPTION_SIZE
    top = middle[1] - layout.cutout[1] / 2 - 0.25 * LINE
    # Not mathematics, whatever an id looks like.
    style: dict[str, Any] = {"va": "top", "fontsize": size * scale, "color": LINE_COLOR}
    style |= {"parse_math": False, "usetex": False}
    if layout.n_lines == 2:
        lines = [shorten(source_id, room, size, middle=True), shorten(reason, room, size)]
        for number, line in enumerate(lines):
            if line:
                ax.text(middle[0], top - number * LINE, line, ha="center", **style)
        return
    gap = size
    wanted = text_width(reason, size) + gap if reason else 0.0
    name = shorten(source_id, max(room / 2, room - wanted), size, middle=True)
    ax.text(middle[0] - layout.cutout[0] / 2, top, name, ha="left", **style)
    if reason:
        rest = room - text_width(name, size) - gap
        ax.text(
            middle[0] + layout.cutout[0] / 2, top, shorten(reason, rest, size), ha="right", **style
        )
