"""CutoutReader: read cutouts as a step of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from spurclust.cutouts.formats import ImageFormat, ReadOptions
from spurclust.cutouts.gather import Cutouts, gather, path_text, warn_of_losses
from spurclust.errors import CatalogError


class CutoutReader(  # type: ignore[call-arg]  # the untyped mixin takes the keyword
    TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Read cutouts as a step of a pipeline: paths in, images out.

    Use it to run a search or a cross-validation on file names:
    ``make_pipeline(CutoutReader(), SpuriousRegionDetector())``. A file that cannot be read is
    always an error, because rows must keep their labels.

    Parameters
    ----------
    size : int or (height, width), default=None
        Shrink every cutout to this many pixels, see `read_cutouts`.
    reduce : int, default=None
        Shrink by this factor, see `read_cutouts`. Not together with `size`.
    hdu : str, int or sequence of these, default=None
        Extensions of FITS files to read, see `read_cutouts`.
    pad : {"center", "start", "end", "never"}, default="center"
        Position of a cutout that was trimmed at an edge, see `read_cutouts`.
    n_jobs : int, default=None
        Number of threads; None is 1 unless in a `joblib.parallel_config`, -1 is all cores.

    Attributes
    ----------
    cutout_shape_ : tuple of int
        (height, width) or, if any cutout of `fit` was colored, (height, width, n_channels).
    cutout_dtype_ : dtype
        Type of the pixels.
    cutout_format_ : ImageFormat
        Common format of the cutouts of `fit`: shape, dtype and more.

    See Also
    --------
    read_cutouts : The same for a folder, with ids.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [f"{folder}/{k}.png" for k in range(3)]
    ...     for path in paths:
    ...         Image.new("L", (51, 40)).save(path)
    ...     CutoutReader(size=10).fit_transform(paths).shape
    (3, 10, 10)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "size": [Interval(Integral, 1, None, closed="left"), tuple, list, None],
        "reduce": [Interval(Integral, 1, None, closed="left"), None],
        "hdu": [str, Integral, tuple, list, None],
        "pad": [StrOptions({"center", "start", "end", "never"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        size: int | tuple[int, int] | None = None,
        reduce: int | None = None,
        hdu: str | int | Sequence[str | int] | None = None,
        pad: Literal["center", "start", "end", "never"] = "center",
        n_jobs: int | None = None,
    ) -> None:
        self.size = size
        self.reduce = reduce
        self.hdu = hdu
        self.pad = pad
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Find the common shape and type of the cutouts.

        It reads every file, because one colored cutout makes the set colored. `fit_transform` reads
        each file only once.

        Parameters
        ----------
        X : array-like of shape (n_sources,) or (n_sources, 1)
            Paths.
        y : None
            Not used.

        Returns
        -------
        CutoutReader
            Itself.

        Raises
        ------
        CatalogError
            On a file that is not an image, or cutouts that differ in size or type.
        """
        self._fit(X, kept_bytes=0)
        return self

    def fit_transform(self, X: ArrayLike, y: object = None) -> NDArray[Any]:  # noqa: ARG002
        """Fit, and return the images; read every file once.

        Parameters
        ----------
        X : array-like of shape (n_sources,) or (n_sources, 1)
            Paths.
        y : None
            Not used.

        Returns
        -------
        ndarray of shape (n_sources, height, width) or (n_sources, height, width, n_channels)
            The images, in the order of `X`.

        Raises
        ------
        CatalogError
            On a file that is not an image, or cutouts that differ in size or type.
        """
        cutouts = self._fit(X)
        warn_of_losses(cutouts, doubtful=False)
        images: NDArray[Any] = cutouts.images
        return images

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Read cutouts of the shape and type seen in `fit`.

        Parameters
        ----------
        X : array-like of shape (n_sources,) or (n_sources, 1)
            Paths.

        Returns
        -------
        ndarray of shape (n_sources, height, width) or (n_sources, height, width, n_channels)
            The images, in the order of `X`. Gray ones are repeated if `fit` saw colored ones.

        Raises
        ------
        CatalogError
            On a file that is not an image, or whose image differs from those of `fit`.
        """
        check_is_fitted(self)
        cutouts, _ = self._read(X, like=self.cutout_format_)
        warn_of_losses(cutouts, doubtful=False)
        images: NDArray[Any] = cutouts.images
        return images

    def set_output(self, *, transform: str | None = None) -> Self:  # noqa: ARG002
        """Do nothing: images are not a table, and stay arrays in any pipeline.

        Parameters
        ----------
        transform : str, default=None
            Not used.

        Returns
        -------
        CutoutReader
            Itself.
        """
        return self

    def _fit(self, X: ArrayLike, **reading: Any) -> Cutouts:
        """Read all files, and find their common format."""
        self._validate_params()
        cutouts, common = self._read(X, **reading)
        self.cutout_shape_, self.cutout_dtype_ = common.shape, common.dtype
        self.cutout_format_ = common
        return cutouts

    def _read(self, X: ArrayLike, **reading: Any) -> tuple[Cutouts, ImageFormat]:
        """Read the paths of some rows."""
        given = {name: getattr(self, name) for name in ("size", "reduce", "n_jobs", "hdu", "pad")}
        paths = _paths_of_rows(X)
        return gather(paths, paths, ReadOptions(**given, **reading))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _paths_of_rows(X: ArrayLike) -> list[str]:
    """Return the paths in a list, a 1-D array or a column."""
    rows = np.asarray(X, dtype=object)
    if rows.ndim == 2 and rows.shape[1] == 1:
        rows = rows[:, 0]
    if rows.ndim != 1:
        raise CatalogError(
            f"CutoutReader reads a list of paths, not an array of shape {rows.shape}; a folder is "
            "listed by list_cutouts"
        )
    if not len(rows):
        raise CatalogError("Found array with 0 sample(s): CutoutReader needs at least one path")
    return [path_text(path) for path in rows]
