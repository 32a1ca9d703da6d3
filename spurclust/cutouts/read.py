"""Read cutouts from PNG, JPEG, TIFF and FITS files into one array."""

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spurclust.cutouts.files import list_cutouts, source_ids_from_paths
from spurclust.cutouts.gather import Gathered, Layout, Reading, gather, gather_fitting
from spurclust.errors import CatalogError

__all__ = [
    "Cutouts",
    "list_cutouts",
    "read_cutouts",
    "read_cutouts_like",
    "source_ids_from_paths",
]

# A warning lists no more files than a person reads; Cutouts.skipped has all.
_MAX_LISTED = 20


@dataclass(frozen=True, eq=False)
class Cutouts:
    """The cutouts of a survey in one array, with their ids and files.

    What `read_cutouts` returns. Entry i of `images`, `source_ids` and `paths` is one source.

    Attributes
    ----------
    images : ndarray of shape (n_sources, height, width) or (n_sources, height, width, n_channels)
        The pixels, `images[i, y, x]`; without the last axis when every cutout is grey.
    source_ids : list of str
        The ids, all different.
    paths : list of str
        The files.
    skipped : list of (str, str)
        With ``on_error="skip"``, the files passed over, each with the reason.
    """

    images: NDArray[Any]
    source_ids: list[str]
    paths: list[str]
    skipped: list[tuple[str, str]]

    def __len__(self) -> int:
        return len(self.paths)


def read_cutouts(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    source_ids: Sequence[str] | None = None,
    id_pattern: str | re.Pattern[str] | None = None,
    size: int | tuple[int, int] | None = None,
    reduce: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    n_jobs: int | None = None,
    progress: bool = False,
) -> Cutouts:
    """Read the cutouts of a folder, a pattern or a list into one array.

    The start of every analysis of files. All cutouts must have one size and one pixel type, and the
    array must fit into memory: `size` or `reduce` make it smaller while it is read.

    Parameters
    ----------
    source : str, path, or sequence of them
        A folder, a glob pattern, a file or a sequence of files, see `list_cutouts`.
    source_ids : sequence of str, default=None
        With a sequence of files, their ids, all different; None takes them from the names.
    id_pattern : str or compiled regular expression, default=None
        Where in the file name the id stands, see `source_ids_from_paths`.
    size : int or (height, width), default=None
        Shrink every cutout to this many pixels; also makes one size of several. A new pixel is the
        mean over its area. Integers are rounded, halves up; NaN takes no part.
    reduce : int, default=None
        Shrink by this factor: the mean of blocks of `reduce` x `reduce` pixels. Blocks at the far
        edges are smaller when the factor does not divide the size. Not together with `size`.
    on_error : {"raise", "skip"}, default="raise"
        What to do with a file that cannot be read: an error, or pass over it, with a warning and an
        entry in `Cutouts.skipped`. "skip" also passes over cutouts of another size when at least
        90 % have one size; otherwise two sizes are an error.
    n_jobs : int, default=None
        Threads; None means 1 unless in a `joblib.parallel_config`, -1 all processors.
    progress : bool, default=False
        Show a progress bar on standard error, if that is a terminal.

    Returns
    -------
    Cutouts
        Images, ids, paths, and what was skipped.

    Raises
    ------
    CatalogError
        On a file that is no image, two sizes or pixel types, two files with one id, no file at all.
        The message names the files.
    ImportError
        When a format needs a package that is not installed; the message has the command.

    Notes
    -----
    uint8 stays uint8, uint16 stays uint16 (also in colour), signed and 32-bit integers stay; 64-bit
    integers and all floats become float32. One-bit pixels become 0 and 255, a palette its colours.
    Grey saved as equal channels becomes one channel; when some cutouts are coloured, grey ones are
    repeated.

    An alpha channel is left out and the colours stay as stored: blending them with a background
    would invent pixels. A warning says so when it was not constant.

    Of a FITS file the first part with an image is read; of a cube the first axis, in numpy's order,
    becomes the last: ``(n_channels, height, width)`` to ``(height, width, n_channels)``. NaN stays,
    as "no data"; integers in a file with BLANK become float32 with NaN for it. Row 0 is the first
    row stored: the bottom one of a FITS image, the top one of others; nothing is flipped. The pages
    of a TIFF file are channels.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for k in (12, 7):
    ...         Image.new("RGB", (51, 40), (k, k, k)).save(f"{folder}/z6_{k}_F606W.png")
    ...     cutouts = read_cutouts(folder, reduce=2)
    >>> cutouts.source_ids, cutouts.images.shape, cutouts.images.dtype
    (['7', '12'], (2, 20, 26), dtype('uint8'))
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error={on_error!r}: it must be "raise" or "skip"')
    reading = Reading(*check_shrinking(size, reduce), on_error == "skip", n_jobs, progress)
    paths = list_cutouts(source)
    if source_ids is None:
        source_ids = source_ids_from_paths(paths, id_pattern=id_pattern)
    elif len(source_ids) != len(paths) or len(set(source_ids)) != len(paths):
        raise CatalogError(
            f"source_ids has {len(source_ids)} ids, {len(set(source_ids))} of them different, for "
            f"{len(paths)} files: give each file an id of its own"
        )
    gathered = gather(paths, reading)
    warn_of_losses(gathered, len(paths))
    return _cutouts_of(gathered, paths, source_ids)


def _cutouts_of(gathered: Gathered, paths: Sequence[str], source_ids: Sequence[str]) -> Cutouts:
    """Put images together with the ids of those files that could be read."""
    pairs = zip(paths, source_ids, strict=True)
    return Cutouts(
        images=gathered.images,
        source_ids=[source_id for path, source_id in pairs if path not in gathered.skipped],
        paths=gathered.paths,
        skipped=list(gathered.skipped.items()),
    )


def read_cutouts_like(
    paths: Sequence[str],
    source_ids: Sequence[str],
    *,
    shape: Sequence[int],
    dtype: DTypeLike,
    size: int | tuple[int, int] | None = None,
    reduce: int | None = None,
    n_jobs: int | None = None,
) -> Cutouts:
    """Read cutouts that are to fit an earlier set, and pass over all that do not.

    For the parts of a survey that does not fit into memory. Nothing warns of what was passed over:
    it is for the caller to report `Cutouts.skipped`.

    Parameters
    ----------
    paths : sequence of str
        The files.
    source_ids : sequence of str of the same length
        Their ids.
    shape : (height, width) or (height, width, n_channels)
        Of one cutout of the earlier set, after shrinking. Grey cutouts are repeated for channels.
    dtype : dtype
        Of its pixels.
    size, reduce : int, (height, width) or None, default=None
        What to shrink to or by, see `read_cutouts`.
    n_jobs : int, default=None
        Threads.

    Returns
    -------
    Cutouts
        Images, perhaps none, ids, paths, and what was skipped with the reasons.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for k in (3, 4):
    ...         Image.new("L", (k, k)).save(f"{folder}/{k}.png")
    ...     paths = list_cutouts(folder)
    ...     cutouts = read_cutouts_like(paths, ["3", "4"], shape=(4, 4), dtype="uint8")
    >>> cutouts.source_ids, cutouts.skipped[0][1].split(",")[0]
    (['4'], 'it is 3 x 3 pixels (height x width)')
    """
    reading = Reading(*check_shrinking(size, reduce), n_jobs=n_jobs)
    n_channels = shape[2] if len(shape) == 3 else 1
    layout = Layout((shape[0], shape[1]), n_channels, np.dtype(dtype))
    gathered = gather_fitting(paths, reading, layout)
    return _cutouts_of(gathered, paths, source_ids)


def check_shrinking(
    size: int | Sequence[int] | None, reduce: int | None
) -> tuple[tuple[int, int] | None, int | None]:
    """Check what to shrink to; one number means a square."""
    if size is not None and reduce is not None:
        raise ValueError("size and reduce cannot both be given: choose one")
    if reduce is not None and not _is_count(reduce):
        raise ValueError(f"reduce={reduce!r}: it must be a whole number of at least 1")
    if size is None:
        return None, reduce
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or not all(map(_is_count, pair)):
        raise ValueError(f"size={size!r}: it must be (height, width) or one number, at least 1")
    return (int(pair[0]), int(pair[1])), None


def _is_count(value: object) -> bool:
    """Tell whether a value is a whole number of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def warn_of_losses(gathered: Gathered, n_paths: int) -> None:
    """Report, once, what was passed over and which alpha channels meant something."""
    if gathered.skipped:
        shown = [f"{path}: {why}" for path, why in list(gathered.skipped.items())[:_MAX_LISTED]]
        if len(gathered.skipped) > len(shown):
            shown.append("... and more, all of them in Cutouts.skipped")
        lines = "\n  ".join(shown)
        warnings.warn(
            f"{len(gathered.skipped)} of {n_paths} cutouts were skipped:\n  {lines}", stacklevel=3
        )
    if gathered.lost_alpha:
        warnings.warn(
            f"{len(gathered.lost_alpha)} cutouts are partly transparent, {gathered.lost_alpha[0]} "
            "for one: their colours are kept as stored, without the transparency",
            stacklevel=3,
        )
