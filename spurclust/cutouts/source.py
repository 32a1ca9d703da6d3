"""Open and read cutouts of any kind, with one protocol for all."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.array_stores import find_store, open_store
from spurclust.cutouts.arrays import ArraySource, channels_last
from spurclust.cutouts.files import FileSource, is_path_table, open_files
from spurclust.cutouts.formats import ImageFormat, ReadOptions
from spurclust.cutouts.gather import Cutouts, Skipped, warn_of_losses
from spurclust.errors import CatalogError, import_optional

_IMAGE = (np.ndarray, list, tuple)
"""Types of an image in a list of images."""


class Partition(Protocol):
    """A part of a source, to be sent to another process and loaded there."""

    @property
    def lazy(self) -> Any:
        """A dask object to compute and hand to `load`, or None."""

    def __len__(self) -> int: ...

    def load(self, images: Any = None) -> FileSource | ArraySource:
        """Return the part as a source; if it is lazy, `images` are the computed ones."""


class CutoutSource(Protocol):
    """Cutouts that are read by row: files, tables of paths, arrays.

    Returned by `open_cutouts`. Pixels are read on demand. The rows of a table of paths are not kept
    in memory.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.cutouts import open_cutouts
    >>> source = open_cutouts(np.zeros((5, 8, 8)), source_ids="abcde")
    >>> len(source), source.read([1, 3]).source_ids
    (5, ['b', 'd'])
    """

    @property
    def name(self) -> str:
        """Name of the source in messages."""

    @property
    def in_files(self) -> bool:
        """Whether the cutouts are files."""

    @property
    def image_format(self) -> ImageFormat | None:
        """Shape and type of the cutouts of an array; None for files."""

    @property
    def filters(self) -> list[str] | None:
        """Filters of the channels; None where they are not known."""

    @property
    def lost(self) -> Sequence[Skipped]:
        """Sources that were left out on opening."""

    @property
    def notes(self) -> Sequence[str]:
        """Notes for people, on skipped files and on the channels."""

    @property
    def fingerprint(self) -> str:
        """Hash of the names and sizes of the sources; pixels only enter for numpy arrays."""

    def __len__(self) -> int: ...

    def find(self, source_ids: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
        """Find at least all rows that some ids can mean.

        Parameters
        ----------
        source_ids : sequence of str
            Ids to look for; "007" and "7.0" can mean 7.

        Returns
        -------
        rows : ndarray of int
            Rows, ascending. May be all rows, if their names are in memory anyway.
        ids : list of str
            Their ids.
        """

    def take(self, rows: Iterable[int]) -> tuple[list[str], list[str]]:
        """Return ids and paths of some rows.

        Parameters
        ----------
        rows : iterable of int
            The rows.

        Returns
        -------
        source_ids, paths : list of str
            Ids and paths; "" if there is no path.
        """

    def read(
        self, rows: Iterable[int] | None = None, options: ReadOptions | None = None
    ) -> Cutouts:
        """Read some cutouts; the result lists losses, without a warning.

        Parameters
        ----------
        rows : iterable of int, default=None
            The rows; None is all.
        options : ReadOptions, default=None
            How to read them.

        Returns
        -------
        Cutouts
            The cutouts, in the order of the rows.
        """

    def partitions(self, size: int | None = None) -> tuple[Sequence[Partition], int | None]:
        """Cut the source into parts, without reading a pixel.

        Parameters
        ----------
        size : int, default=None
            Maximum number of sources in a part. None is 2000 files, a chunk of a dask array, or
            whole chunks of about 64 MB of other arrays.

        Returns
        -------
        partitions : sequence of Partition
            The parts, in the order of the sources.
        size : int or None
            Size that cuts the same parts again; None for uneven chunks of a dask array.
        """


def open_cutouts(
    source: Any,
    *,
    source_ids: Sequence[object] | None = None,
    id_pattern: str | re.Pattern[str] | None = None,
    filters: Sequence[str] | None = None,
    id_column: str = "source_id",
    path_column: str = "path",
) -> CutoutSource:
    """Open cutouts of any kind, without reading a pixel.

    Parameters
    ----------
    source : str, path, sequence of them, ndarray, dask array, zarr array or group, CutoutSource
        A folder, a glob pattern, or a list or one-dimensional array of image files, see
        `list_cutouts`. A Parquet table of ids and paths, or a folder of such tables, such as a HATS
        catalog. A zarr store, an HDF5 file (.h5, .hdf5), or a .npy or .npz file. An array of real
        numbers of shape (n_sources, height, width) or (n_sources, height, width, n_channels);
        channels can also be the second axis, if height and width are at least twice as long. A
        group or file with several arrays must have the cutouts as "images", and may have their ids
        as "source_id". The ids may also be in a table beside it: cutouts_metadata.parquet beside
        cutouts.zarr. An open source is returned unchanged.
    source_ids : sequence of length n_sources, default=None
        Ids of a list of files or of an array, all different. None takes them from the names of
        files, and numbers arrays from 0.
    id_pattern : str or compiled regular expression, default=None
        Finds the id in a file's name, see `source_ids_from_paths`. With a second group,
        ``(?P<filter>...)``, the files of one id are the channels of its cutout. The channel of a
        missing file is blank: NaN, or 0 for integers.
    filters : sequence of str, default=None
        Filters of such files, in the order of the channels; files of other filters are skipped.
        None is all filters, by wavelength (names like F115W, g and Ks), or else by name.
    id_column : str, default="source_id"
        Column of a table of paths that has the ids.
    path_column : str, default="path"
        Column that has the paths; relative ones start at the folder of the table.

    Returns
    -------
    CutoutSource
        The open cutouts.

    Raises
    ------
    CatalogError
        When there is no cutout, an id is missing or repeated, or a table lacks a column.
    ImportError
        When a table or store needs a package that is not installed; the message has the command.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.cutouts import open_cutouts
    >>> source = open_cutouts(np.zeros((10, 8, 8), dtype="uint8"))
    >>> len(source), source.take([9]), source.image_format.shape
    (10, (['9'], ['']), (8, 8))
    """
    if hasattr(source, "in_files") and hasattr(source, "partitions"):
        if source_ids is not None:
            raise CatalogError(
                "source_ids are for arrays and lists of files: an open source has ids"
            )
        opened: CutoutSource = source
        return opened
    if isinstance(source, np.ndarray) and source.ndim == 1 and source.dtype.kind in "OU":
        source = source.tolist()  # of paths
    if isinstance(source, (list, tuple)) and isinstance(next(iter(source), None), _IMAGE):
        source = _stack(source)
    store = find_store(source)
    if store is not None or type(source).__module__.partition(".")[0] == "zarr":
        return open_store(store or source, source_ids)
    if isinstance(source, np.ndarray) or hasattr(source, "__dask_graph__"):
        return ArraySource(channels_last(source), source_ids)
    if is_path_table(source):
        if source_ids is not None:
            raise CatalogError(
                f"source_ids are for arrays and lists of files: {os.fspath(source)} has ids"
            )
        import_optional("pyarrow", feature="Reading a table of paths", extra="scale")
        from spurclust.cutouts.path_tables import TableSource

        return TableSource(source, id_column, path_column)
    return open_files(source, source_ids, id_pattern, filters)


def _stack(images: Sequence[Any]) -> NDArray[Any]:
    """Return a list of images as one array."""
    try:
        arrays = [np.asarray(one) for one in images]
    except ValueError as error:
        raise CatalogError(f"the list of images holds one with uneven rows ({error})") from error
    shapes = Counter(one.shape for one in arrays)
    if len(shapes) > 1:
        usual = shapes.most_common(1)[0][0]
        row = next(k for k, one in enumerate(arrays) if one.shape != usual)
        raise CatalogError(
            f"the list of {len(arrays)} images has {len(shapes)} shapes: {usual} is the usual one, "
            f"but image {row}, counted from 0, has {arrays[row].shape}: pad or cut all to one shape"
        )
    return np.stack(arrays)


def read_cutouts(
    source: Any,
    *,
    source_ids: Sequence[object] | None = None,
    id_pattern: str | re.Pattern[str] | None = None,
    size: int | tuple[int, int] | None = None,
    reduce: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    n_jobs: int | None = None,
    progress: bool = False,
    filters: Sequence[str] | None = None,
    hdu: str | int | Sequence[str | int] | None = None,
    pad: Literal["center", "start", "end", "never"] = "center",
    id_column: str = "source_id",
    path_column: str = "path",
) -> Cutouts:
    """Read cutouts of any kind into one array.

    All cutouts must have the same scale and pixel type, and the array must fit into memory. `size`
    or `reduce` shrink cutouts while they are read. Cutouts trimmed at the edge of a mosaic are
    padded to the usual size, and those a few pixels larger are cut, with a warning.

    Parameters
    ----------
    source : str, path, sequence of them, ndarray, dask array, zarr array or group
        Files, a table of paths or an array, see `open_cutouts`.
    source_ids : sequence of length n_sources, default=None
        Ids of a list of files or of an array. None takes them from names, and numbers arrays from
        0.
    id_pattern : str or compiled regular expression, default=None
        Finds the id in a file's name, see `source_ids_from_paths`.
    size : int or (height, width), default=None
        Shrink every cutout to this many pixels, also cutouts of several sizes. A new pixel is the
        mean over its area. Integers are rounded, halves up. NaN does not count.
    reduce : int, default=None
        Shrink by this factor: the mean of blocks of `reduce` x `reduce` pixels. Blocks at the far
        edges are smaller when the factor does not divide the size. Not together with `size`.
    on_error : {"raise", "skip"}, default="raise"
        "raise": a cutout that cannot be read is an error. "skip" skips it, with a warning and an
        entry in `Cutouts.skipped`. It also skips files of another size, pixel type or number of
        channels if they are at most 10 %; otherwise these are an error.
    n_jobs : int, default=None
        Number of threads; None is 1 unless in a `joblib.parallel_config`, -1 is all cores.
    progress : bool, default=False
        Show a progress bar on standard error, if that is a terminal.
    filters : sequence of str, default=None
        Filters that are channels, if each is in a separate file, see `open_cutouts`.
    hdu : str, int or sequence of these, default=None
        Names or numbers (0 is the primary) of the extensions of FITS files to read; several are
        channels, in this order. None is the first one named SCI, IMAGE, DATA or PRIMARY, or else
        all but weights, masks, PSFs and the like. Several of one name are channels.
    pad : {"center", "start", "end", "never"}, default="center"
        Position of a smaller cutout, for example from the edge of a mosaic, among pixels without
        data (NaN, or 0 for integers). The position of the source in a FITS header takes precedence.
        "start" is row and column 0. In pictures of equal panels, each panel is padded. With
        "never", another size is an error.
    id_column : str, default="source_id"
        Column of a table of paths that has the ids.
    path_column : str, default="path"
        Column that has the paths.

    Returns
    -------
    Cutouts
        Images, ids, paths, and what was skipped.

    Raises
    ------
    CatalogError
        On a file that is not an image, infinite pixels, several sizes or pixel types, two sources
        with one id, or no cutout at all. The message names the files.
    ImportError
        When a format needs a package that is not installed; the message has the command.

    Notes
    -----
    Arrays stay unchanged. From files, integers of 8, 16 and 32 bits keep their type; 64-bit
    integers and all floats become float32. One-bit pixels become 0 and 255, and a palette becomes
    its colors. Equal channels become one channel. If some cutouts are colored, gray ones are
    repeated.

    An alpha channel is left out, and the colors stay as stored: blending them with a background
    would invent pixels. There is a warning if it was not constant.

    The first axis of a FITS cube, in numpy's order, becomes the last: ``(n_channels, height,
    width)`` to ``(height, width, n_channels)``. It stays if the last axis has up to 4 elements and
    the first one more. NaN means "no data", and BLANK of integers becomes NaN in float32. FITS
    files of several pixel types are read as the type that holds all. Among pictures of 8 and 16
    bits, 8 become 16 by the factor 257. An EXIF orientation is applied. Row 0 is the first stored
    row: the bottom of a FITS image, the top of others. Nothing is flipped. The pages of a TIFF file
    are channels.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for k in (12, 7):
    ...         Image.linear_gradient("L").rotate(k).save(f"{folder}/z6_{k}_F606W.png")
    ...     cutouts = read_cutouts(folder, reduce=2)
    >>> cutouts.source_ids, cutouts.images.shape, cutouts.images.dtype
    (['7', '12'], (2, 128, 128), dtype('uint8'))
    """
    options = ReadOptions(size, reduce, None, on_error, n_jobs, progress, hdu, pad)
    opened = open_cutouts(
        source,
        source_ids=source_ids,
        id_pattern=id_pattern,
        filters=filters,
        id_column=id_column,
        path_column=path_column,
    )
    cutouts = opened.read(options=options)
    warn_of_losses(cutouts)
    return cutouts
