"""Arrays of cutouts as a source: from numpy, dask or a store."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.ids import id_form
from spurclust.cutouts.decoding import ABSURD, FitsHeader, canonical, is_absurd, shrink
from spurclust.cutouts.files import check_source_ids, fingerprint_of
from spurclust.cutouts.formats import (
    ImageFormat,
    MisfitError,
    ReadOptions,
    Stored,
    adapt,
    check_shrunk,
)
from spurclust.cutouts.gather import Cutouts, Skipped
from spurclust.errors import CatalogError

ARRAY_BYTES = 2**26
"""Default size of a partition in bytes, about."""

_EXAMPLES = 3
"""Number of rows to return for any ids, so that an error can show how ids are written."""


@dataclass(frozen=True)
class Block:
    """A partition of an array: a lazy block of cutouts, and the ids of its sources."""

    # The version changes with the pixels, as far as is known without reading them.

    source_ids: Sequence[str] | range
    lazy: Any
    name: str = ""
    version: str = ""
    positions: Sequence[tuple[float, float]] = ()

    def __len__(self) -> int:
        return len(self.source_ids)

    def load(self, images: Any = None) -> "ArraySource":
        """Return a source of the computed images."""
        source = ArraySource(images, self.source_ids, self.name, self.version)
        source.positions = self.positions
        return source

    def stamp(self) -> str:
        """Hash what changes when the pixels do, as far as known."""
        return fingerprint_of([self.version], self.source_ids)


def is_channels_first(shape: Sequence[int]) -> bool:
    """Return whether an array of cutouts has its channels before height and width."""
    # A side of a cutout is at least twice the number of its channels.
    return len(shape) == 4 and 2 * shape[1] <= min(shape[2:])


def channels_last(images: Any) -> Any:
    """Return an array with its channels last, or without their axis for a single channel."""
    if is_channels_first(images.shape):
        images = images.transpose(0, 2, 3, 1)
        return images[..., 0] if images.shape[3] == 1 else images
    return images


class ArraySource:
    """The cutouts of an array of numpy, dask or zarr, read only when asked for."""

    lost: Sequence[Skipped] = ()
    in_files = False
    filters: list[str] | None = None
    notes: Sequence[str] = ()
    # For cutouts from mosaics, which have FITS headers.
    header: FitsHeader | None = None
    positions: Sequence[tuple[float, float]] = ()
    # The options that make the cutouts, for an error.
    made_with = ""

    def __init__(
        self,
        images: Any,
        source_ids: Sequence[object] | range | None = None,
        name: str = "",
        version: str = "",
        chunk_rows: int | None = None,
    ) -> None:
        self.images = images
        self.name = name or f"the array of shape {tuple(images.shape)}"
        self._check_array()
        self.source_ids: Sequence[str] | range = range(len(images))
        if isinstance(source_ids, range):
            self.source_ids = source_ids
        elif source_ids is not None:
            self.source_ids = check_source_ids(
                source_ids, len(images), "cutouts", f"{name}: " if name else ""
            )
        self._version, self._chunk_rows = version, chunk_rows
        self.image_format: ImageFormat | None = ImageFormat(tuple(images.shape[1:]), images.dtype)

    def _check_array(self) -> None:
        """Raise an error if an array cannot hold pixels."""
        images = self.images
        if isinstance(images, np.ma.MaskedArray):
            raise CatalogError(
                "the cutouts are a masked array: fill it with NaN where there are no data"
            )
        if images.dtype.kind not in "buif":
            raise CatalogError(
                f"the cutouts are an array of dtype {images.dtype}: pixels must be real "
                "numbers, and paths of files a list or a one-dimensional array"
            )
        size = math.prod(images.shape)
        if images.ndim not in (3, 4) or not size or not math.isfinite(size):
            raise CatalogError(
                f"{self.name} has shape {images.shape}: cutouts need (n_sources, height, width) or "
                "(n_sources, height, width, n_channels), all known and at least 1"
            )

    def __len__(self) -> int:
        return len(self.source_ids)

    @property
    def is_dask(self) -> bool:
        """Whether it is a dask array."""
        return hasattr(self.images, "__dask_graph__")

    @cached_property
    def fingerprint(self) -> str:
        """Hash of ids and of the name of the array; for numpy, also of the pixels."""
        images = self.images
        content = self.name
        if isinstance(images, np.ndarray):
            content = joblib.hash(np.ascontiguousarray(images))
        elif self.is_dask:
            content = images.name
        return fingerprint_of([content, tuple(images.shape), images.dtype], self.source_ids)

    def find(self, source_ids: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
        """Return all rows if ids were given, else those that ids can mean, such as 7 for "007"."""
        if not isinstance(self.source_ids, range):
            return np.arange(len(self)), list(self.source_ids)
        numbers = (form for form in map(id_form, source_ids) if form.isdecimal())
        wanted = {*map(int, numbers), *self.source_ids[:_EXAMPLES]}
        rows = sorted(self.source_ids.index(one) for one in wanted if one in self.source_ids)
        return np.array(rows, dtype=np.intp), [str(self.source_ids[row]) for row in rows]

    def take(self, rows: Iterable[int]) -> tuple[list[str], list[str]]:
        """Return ids of some rows, and "" for their paths."""
        ids = [str(self.source_ids[row]) for row in rows]
        return ids, [""] * len(ids)

    def read(
        self, rows: Iterable[int] | None = None, options: ReadOptions | None = None
    ) -> Cutouts:
        """Read some or all cutouts; those that already have the wanted shape are not shrunk."""
        options = options or ReadOptions()
        chosen: Sequence[int] = range(len(self))
        if rows is not None:
            chosen = rows if isinstance(rows, range) else list(rows)
        ids, paths = self.take(chosen)
        try:
            images, notes = self._adapted(chosen, options)
        except MisfitError as error:
            name, reason, advice = error.args
            raise MisfitError(name, reason, f"{advice}{self.made_with}") from None
        bad = []
        if images.dtype.kind == "f":
            bad = [k for k, image in enumerate(images) if is_absurd(image)]
        if bad and options.on_error == "raise":
            raise CatalogError(
                f"source {ids[bad[0]]} of {self.name}: {ABSURD}, or leave such sources out with "
                'on_error="skip" (--skip-unreadable)'
            )
        if len(bad) == len(ids) > 0 and options.like is None:
            raise CatalogError(f"none of {len(ids)} cutouts could be read. {self.name}: {ABSURD}")
        kept = np.delete(np.arange(len(ids)), bad).tolist() if bad else range(len(ids))
        return Cutouts(
            images[kept] if bad else images,
            [ids[k] for k in kept],
            [paths[k] for k in kept],
            [Skipped(ids[k], "", ABSURD) for k in bad],
            notes=dict.fromkeys(notes, ids),
            positions=[self.positions[chosen[k]] for k in kept] if self.positions else [],
            image_format=ImageFormat(
                images.shape[1:], images.dtype, scale=self.header.scale if self.header else None
            ),
        )

    def _adapted(self, rows: Sequence[int], options: ReadOptions) -> tuple[NDArray[Any], list[str]]:
        """Read rows in the format of an earlier set, a few at a time if they need a change."""
        shape, like = tuple(self.images.shape[1:]), options.like
        if like is not None and shape[:2] == like.shape[:2]:
            # They are stored shrunk.
            like = like._replace(full=None)
            options = replace(options, size=None, reduce=None, like=None)
        # All cutouts of an array have one size, so none was trimmed.
        options = replace(options, pad="never")
        n_channels = (*shape, 1)[2]
        stored = Stored(
            (shape[0], shape[1]), n_channels, n_channels, self.images.dtype, self.header
        )
        is_whole = options.size is None and options.reduce is None
        if is_whole and (like is None or like.full is None):
            images = self._fetch(rows)
            if like is None:
                return images, []
            images, notes = adapt(self.name, images, stored, options, like)
        else:
            images, notes = self._changed(rows, stored, options, like)
        if like is not None and images.shape[1:] != like.shape:
            check_shrunk(self.name, images.shape[1:], like)
            images = images[..., 0] if images.ndim == 4 else images
            if len(like.shape) == 3:
                images = np.broadcast_to(images[..., None], (len(images), *like.shape))
        return images, notes

    def _changed(
        self, rows: Sequence[int], stored: Stored, options: ReadOptions, like: ImageFormat | None
    ) -> tuple[NDArray[Any], list[str]]:
        """Read rows, and pad, cut and shrink each."""
        shape = tuple(self.images.shape[1:])

        def change(image: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
            # Only dtypes that files can have are averaged.
            image, notes = canonical(image), list[str]()
            if like is not None:
                stored_as = stored._replace(dtype=image.dtype)
                image, notes = adapt(self.name, image, stored_as, options, like)
            return shrink(image, **options.shrinking), notes

        example, notes = change(np.zeros(shape, dtype=self.images.dtype))
        step = max(ARRAY_BYTES // (math.prod(shape) * self.images.dtype.itemsize), 1)
        images = np.empty((len(rows), *example.shape), dtype=example.dtype)
        for start in range(0, len(rows), step):
            for k, image in enumerate(self._fetch(rows[start : start + step]), start):
                images[k] = change(image)[0]
        return images, notes

    def _fetch(self, rows: Sequence[int]) -> NDArray[Any]:
        """Read rows unchanged; a range of a numpy array is not copied."""
        if not len(rows):
            return np.empty((0, *self.images.shape[1:]), dtype=self.images.dtype)
        is_range = isinstance(rows, range) and rows.step == 1
        key = slice(rows[0], rows[-1] + 1) if is_range else list(rows)
        return np.asarray(self.images[key])

    def partitions(self, size: int | None = None) -> tuple[list[Block], int | None]:
        """Cut the array into dask blocks: its own chunks, or about 64 MB each."""
        import dask.array as da
        from dask.base import tokenize

        images, whole = self.images, tuple(self.images.shape[1:])
        if not self.is_dask:
            n_bytes = math.prod(whole) * images.dtype.itemsize
            n_rows = size or self._chunk_rows or max(ARRAY_BYTES // n_bytes, 1)
            name = f"cutouts-{tokenize(self.fingerprint, self._version, n_rows)}"
            images = da.from_array(images, chunks=(n_rows, *whole), name=name)
        images = images.rechunk(
            {0: size or images.chunks[0], **dict.fromkeys(range(1, images.ndim), -1)}
        )
        edges = np.cumsum([0, *images.chunks[0]]).tolist()
        blocks = [
            Block(
                self.source_ids[start:stop],
                block,
                self.name,
                self._version,
                self.positions[start:stop],
            )
            for start, stop, block in zip(
                edges[:-1], edges[1:], images.to_delayed().ravel(), strict=True
            )
        ]
        return blocks, _even_size(images.chunks[0])

    def stamp(self) -> str:
        """Hash what changes when the pixels do, as far as known."""
        return fingerprint_of([self._version], self.source_ids)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self)} cutouts>"


def _even_size(chunks: Sequence[int]) -> int | None:
    """Return the size of even chunks (the last may be smaller), or None for uneven ones."""
    first, *others = chunks
    is_even = all(one == first for one in others[:-1]) and all(one <= first for one in others[-1:])
    return int(first) if is_even else None
