"""Where the cutouts of a gallery stand."""

from typing import NamedTuple

# A cutout covers about this many square inches: a strip is seen, and many find room.
_AREA = 1.1
# Room between cutouts, in inches.
_GAP = 0.12
# Below this width, in inches, an id has no room; above the other, the reason stands beside it.
_MIN_WIDTH, _ONE_LINE_WIDTH = 0.85, 1.6
# Size of the writing in points, and height of its lines in inches.
CAPTION_SIZE = 6.5
LINE = 1.35 * CAPTION_SIZE / 72
# Height of a journal's page in inches, without the legend and a caption of the figure.
_PAGE_HEIGHT = 8.5
# The least width, in which a legend finds room.
_MIN_TOTAL = 2.2


class GalleryLayout(NamedTuple):
    """Where the cutouts of a gallery stand, in inches from the lower left corner.

    Attributes
    ----------
    n_columns, n_rows : int
        Cutouts in a row, and rows.
    cutout : (float, float)
        Width and height of a cutout.
    n_lines : int
        Lines of writing beneath each.
    width, height : float
        Extent of all.
    """

    n_columns: int
    n_rows: int
    cutout: tuple[float, float]
    n_lines: int
    width: float
    height: float

    def middle(self, place: int) -> tuple[float, float]:
        """Return the middle of a cutout, counted along the rows from the upper left."""
        row, column = divmod(place, self.n_columns)
        step = self.cutout[1] + self.n_lines * LINE + _GAP
        return (
            column * (self.cutout[0] + _GAP) + self.cutout[0] / 2,
            self.height - row * step - self.cutout[1] / 2,
        )


def lay_out_gallery(
    n_cutouts: int, aspect: float, width: float, n_columns: int | None, *, has_reasons: bool
) -> GalleryLayout:
    """Choose how large cutouts are drawn, and how many in a row, for a room in inches.

    It is narrower than the room when there are fewer cutouts than columns. Reasons beneath narrow
    cutouts need a line of their own.
    """
    if n_columns is None:
        wanted = max(_MIN_WIDTH, (_AREA * aspect) ** 0.5)
        n_columns = max(1, round((width + _GAP) / (wanted + _GAP)))
    elif n_columns < 1:
        raise ValueError(f"n_columns={n_columns}: give at least one column")
    cell = max((width - (n_columns - 1) * _GAP) / n_columns, 0.1)
    n_columns = max(1, min(n_columns, n_cutouts))
    n_rows = max(1, -(-n_cutouts // n_columns))
    n_lines = 2 if has_reasons and cell < _ONE_LINE_WIDTH else 1
    size = (cell, cell / aspect)
    total = n_columns * (cell + _GAP) - _GAP
    height = n_rows * (size[1] + n_lines * LINE + _GAP) - _GAP
    return GalleryLayout(n_columns, n_rows, size, n_lines, max(total, _MIN_TOTAL), height)


def cutouts_on_page(
    aspect: float, width: float, n_columns: int | None, *, has_reasons: bool
) -> int:
    """Count the cutouts that fit on a page of a width in inches, one row at least."""
    full = lay_out_gallery(10**6, aspect, width, n_columns, has_reasons=has_reasons)
    row = full.cutout[1] + full.n_lines * LINE + _GAP
    return full.n_columns * max(1, int((_PAGE_HEIGHT + _GAP) / row))
