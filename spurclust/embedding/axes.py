"""The leading principal axes of rows of pixels: exact where that is cheap, Krylov where not."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr
from sklearn.utils import check_random_state

from spurclust.embedding.pixels import Float32, centred, column_means, tile_bounds
from spurclust.parallel import BufferPool, iterate_threads, map_threads, single_threaded_blas

Axes = tuple[Float32, NDArray[np.float64]]

FIT_ROWS = 512
"""Rows converted to float32 at once in fit: large enough for BLAS, small beside the input."""

EXACT_LIMIT = 3000
"""Up to so many rows or distinct pixels, an exact matrix of products costs less than Krylov."""

LEAST_SHARE = 1e-10
"""Variance, as a share of the first axis', below which an axis made from products between rows
is rounding: float32 knows its direction no better than that of the first axis."""

LARGEST_EXPONENT = 120
"""Largest power of two, either way, by which pixels are scaled: 2^127 is the end of float32."""


class Pixels(NamedTuple):
    """Rows of pixels, the mean of each and the weight of its deviation from it."""

    X: NDArray[Any]
    mean: Float32
    weight: Float32

    def tile(self, rows: slice, bounds: tuple[int, int], memory: Float32 | None = None) -> Float32:
        """Return some rows of one tile, centred and weighted."""
        tile = centred(self.X[rows], bounds, self.mean, memory)
        tile *= self.weight[slice(*bounds)]
        return tile


def unit_scale(largest: float) -> float:
    """Choose the power of two that brings values near 1, where float32 can hold their squares.

    Fluxes in cgs units are about 1e-20. A power of two changes no bit of an ordinary result.

    Parameters
    ----------
    largest : float
        The largest absolute value.

    Returns
    -------
    float
        What to multiply by.

    Examples
    --------
    >>> from spurclust.embedding.axes import unit_scale
    >>> unit_scale(3.0), unit_scale(0.0)
    (0.25, 1.0)
    """
    exponent = int(np.clip(np.frexp(largest)[1], -LARGEST_EXPONENT, LARGEST_EXPONENT))
    return float(np.ldexp(1.0, -exponent))


def _largest_deviation(X: NDArray[Any], mean: Float32, n_jobs: int | None) -> float:
    """Find how far a pixel is from its mean, at most; 1 for narrow integers, which always fit."""
    if X.dtype.kind in "bu" and X.dtype.itemsize <= 2:
        return 1.0

    def deviation(bounds: tuple[int, int]) -> float:
        tile, middle = X[:, slice(*bounds)], mean[slice(*bounds)].astype(np.float64)
        return float(np.maximum(tile.max(axis=0) - middle, middle - tile.min(axis=0)).max())

    return max(map_threads(deviation, tile_bounds(X.shape[1]), n_jobs))


def _leading(matrix: NDArray[np.float64], n_components: int) -> Axes:
    """Return the largest eigenvalues' vectors as columns, and the values, descending.

    The matrix is symmetric to the bit, and overwritten.
    """
    last = len(matrix) - 1
    with single_threaded_blas():
        # Transposed it has LAPACK's order, and is not copied.
        values, vectors = eigh(
            matrix.T,
            subset_by_index=(last - n_components + 1, last),
            overwrite_a=True,
            check_finite=False,
        )
    return np.ascontiguousarray(vectors[:, ::-1]), np.maximum(values[::-1], 0)


def _sum_products(
    tile: Callable[[Any, Float32], Float32],
    parts: Sequence[Any],
    shape: tuple[int, int],
    n_jobs: int | None,
) -> NDArray[np.float64]:
    """Sum each tile's products between rows in float64, in an order that no thread decides.

    `tile` makes that of a part, of `shape` at most, in the memory that it is given.
    """
    tiles, products = BufferPool(shape[0] * shape[1]), BufferPool(shape[0] ** 2)

    def product(part: Any) -> Float32:
        memory, out = tiles.take(), products.take().reshape(shape[0], shape[0])
        rows = tile(part, memory)
        np.matmul(rows, rows.T, out=out)
        tiles.give_back(memory)
        return out

    total = np.zeros((shape[0], shape[0]))
    for each in iterate_threads(product, parts, n_jobs):
        total += each
        products.give_back(each.reshape(-1))
    return total


def _gram_axes(pixels: Pixels, n_components: int, n_jobs: int | None) -> Axes:
    """Find the axes from the products between rows."""
    n_samples, n_features = pixels.X.shape
    tiles = tile_bounds(n_features)
    width = max(high - low for low, high in tiles)

    def tile(bounds: tuple[int, int], memory: Float32) -> Float32:
        return pixels.tile(slice(None), bounds, memory)

    gram = _sum_products(tile, tiles, (n_samples, width), n_jobs)
    vectors, values = _leading(gram, n_components)
    values = np.where(values > LEAST_SHARE * values[0], values, 0)
    length = np.sqrt(np.maximum(values, np.finfo(np.float64).tiny))
    scaled = np.where(values > 0, vectors / length, 0).T.astype(np.float32)
    buffers = BufferPool(n_samples * width)

    def combined(bounds: tuple[int, int]) -> Float32:
        memory = buffers.take()
        axes = scaled @ tile(bounds, memory)
        buffers.give_back(memory)
        return axes

    return np.concatenate(map_threads(combined, tiles, n_jobs), axis=1), values


def _covariance_axes(pixels: Pixels, n_components: int, n_jobs: int | None) -> Axes:
    """Find the axes from the products between pixels."""
    n_samples, n_features = pixels.X.shape

    def tile(start: int, memory: Float32) -> Float32:
        rows = slice(start, start + FIT_ROWS)
        return pixels.tile(rows, (0, n_features), memory).T

    starts = range(0, n_samples, FIT_ROWS)
    shape = n_features, min(FIT_ROWS, n_samples)
    scatter = _sum_products(tile, starts, shape, n_jobs)
    vectors, values = _leading(scatter, n_components)
    return vectors.T.astype(np.float32), values


def _scatter_times(pixels: Pixels, basis: Float32, n_jobs: int | None) -> Float32:
    """Multiply the scatter matrix by some vectors in one pass over the rows."""
    tiles = tile_bounds(pixels.X.shape[1])
    product = np.zeros_like(basis)
    for start in range(0, len(pixels.X), FIT_ROWS):
        rows = slice(start, start + FIT_ROWS)

        def project(bounds: tuple[int, int], rows: slice = rows) -> Float32:
            return pixels.tile(rows, bounds) @ basis[slice(*bounds)]

        projected = np.add.reduce(map_threads(project, tiles, n_jobs))

        def accumulate(
            bounds: tuple[int, int], rows: slice = rows, projected: Float32 = projected
        ) -> None:
            product[slice(*bounds)] += pixels.tile(rows, bounds).T @ projected

        map_threads(accumulate, tiles, n_jobs)
    return product


def _krylov_blocks(
    pixels: Pixels, block: Float32, n_iter: int, n_jobs: int | None
) -> Iterator[tuple[Float32, Float32]]:
    """Yield orthonormal blocks Q and their images S Q under the scatter matrix S."""
    previous: list[Float32] = []
    for _ in range(n_iter):
        for _ in range(2):  # once leaves rounding that the next block would amplify
            for other in previous:
                block = block - other @ (other.T @ block)
            block = qr(block, mode="economic", check_finite=False)[0]
        previous.append(block)
        image = _scatter_times(pixels, block, n_jobs)
        yield block, image
        if (len(previous) + 1) * block.shape[1] > pixels.X.shape[1]:
            return
        block = image


def _krylov_axes(
    pixels: Pixels, n_components: int, start: Float32, n_iter: int, n_jobs: int | None
) -> Axes:
    """Find the axes in the span of a few random vectors and of their images."""
    blocks, images = zip(*_krylov_blocks(pixels, start, n_iter, n_jobs), strict=True)
    with single_threaded_blas():
        projected = np.block([[q.T @ image for image in images] for q in blocks])
        vectors, values = _leading((projected + projected.T).astype(np.float64) / 2, n_components)
        weights = np.split(vectors.astype(np.float32), len(blocks))
        axes = np.add.reduce([q @ weight for q, weight in zip(blocks, weights, strict=True)])
    return axes.T, values


class PixelAxes(NamedTuple):
    """Principal axes of pixels in groups: those of a group are equal in every row."""

    mean: Float32
    axes: Float32
    variance: NDArray[np.float64]


def principal_axes(
    X: NDArray[Any],
    group: NDArray[np.int32],
    n_components: int,
    *,
    n_oversamples: int = 10,
    n_iter: int = 12,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> PixelAxes:
    """Find the leading principal axes of rows of pixels.

    The matrix of products between rows (or between distinct pixels) is decomposed exactly where
    there are at most 3000 of either; a randomised block Krylov method takes over above.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_groups)
        Distinct pixels of any real dtype, see `take_distinct`.
    group : ndarray of shape (n_features,), int32
        Group of each pixel.
    n_components : int
        Number of axes, at most the number of rows or of pixels.
    n_oversamples : int, default=10
        Extra vectors in each Krylov block.
    n_iter : int, default=12
        Number of Krylov blocks, which is the number of passes over the rows.
    random_state : int, RandomState or None, default=None
        Seeds the first Krylov block.
    n_jobs : int, default=None
        Number of threads; the result is the same to the bit for any.

    Returns
    -------
    mean : ndarray of shape (n_groups,), float32
        Mean of each group's pixels.
    axes : ndarray of shape (n_components, n_groups), float32
        What an axis is at each pixel of a group. Spread over the pixels they are orthonormal
        rows, or zero where the rows span fewer; the largest entry is positive.
    variance : ndarray of shape (n_components,), float64
        Variance along each axis (divisor `n_samples - 1`).

    References
    ----------
    C. Musco and C. Musco, "Randomized block Krylov methods for stronger and faster approximate
    singular value decomposition", NeurIPS 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.axes import principal_axes
    >>> X = np.array([[0, 0], [2, 0], [4, 0]], dtype=np.uint8)
    >>> mean, axes, variance = principal_axes(X, np.arange(2, dtype=np.int32), 1)
    >>> axes.round(3) + 0, variance.round(3)
    (array([[1., 0.]], dtype=float32), array([4.]))
    """
    weight = np.sqrt(np.bincount(group)).astype(np.float32)
    mean = column_means(X, n_jobs)
    scale = unit_scale(_largest_deviation(X, mean, n_jobs))
    pixels = Pixels(X, mean, weight * np.float32(scale))
    n_kept = min(n_components, *X.shape)
    if min(X.shape) <= EXACT_LIMIT:
        exact = _gram_axes if X.shape[0] < X.shape[1] else _covariance_axes
        axes, values = exact(pixels, n_kept, n_jobs)
    else:
        shape = (X.shape[1], min(n_kept + n_oversamples, X.shape[1]))
        start = check_random_state(random_state).standard_normal(shape).astype(np.float32)
        axes, values = _krylov_axes(pixels, n_kept, start, n_iter, n_jobs)
    # Equal columns leave fewer distinct ones than components asked for: the rest is zero.
    axes = np.pad(axes, ((0, n_components - n_kept), (0, 0)))
    values = np.pad(values, (0, n_components - n_kept))
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    axes = axes * np.where(largest < 0, -1, 1).astype(np.float32)[:, None]
    variance = values / scale**2 / max(len(X) - 1, 1)
    return PixelAxes(mean, axes / weight, variance)
